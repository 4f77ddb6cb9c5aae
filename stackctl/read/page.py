"""A page that people read -> one half of a spoke.

A field that cannot be read is a warning; it is an error where a site would quietly be reached no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from stackctl.codes import finding
from stackctl.findings import Finding, Location
from stackctl.model import CommonIssue, Kind, Path, Recorded
from stackctl.read.compose_keys import service_forms
from stackctl.read.forms import Forms, as_kept
from stackctl.read.manifest import OWN_KEYS, read_service
from stackctl.read.page_checks import read_verify
from stackctl.read.page_outline import ISSUE, Field, Outline, read_outline
from stackctl.read.page_values import Item, is_none, items, without_comment
from stackctl.read.partial import SPOKE_NAME, Partial, RouteDraft
from stackctl.read.routes import is_host
from stackctl.read.text import Source
from stackctl.read.yaml_nodes import load_yaml

_DIGEST = re.compile(r"(?:(?P<repository>[^@\s]+)@)?(?P<digest>sha256:[0-9a-f]{64})\Z")
_PORT_HINT = "write the container's port as a number from 1 to 65535, or `N/A (reason)`"
_HOST_HINT = "write it as `name.example.org`, or `N/A (reason)`"


def read_page(source: Source) -> Partial:
    """Read `spokes/NAME.md`; never raises for what the page says."""
    return _Page(source, read_outline(source)).partial()


class _Page:
    def __init__(self, source: Source, outline: Outline) -> None:
        self.source = source
        self.outline = outline
        self.findings: list[Finding] = [*outline.findings]
        self.places: dict[Path, Location] = {(): Location(source.file)}
        if outline.title_at is not None:
            self.places[("title",)] = outline.title_at

    def not_understood(self, at: Location, message: str, hint: str = "") -> None:
        self.findings.append(finding("SC111", at, message, hint))

    def wrong(self, at: Location, message: str, hint: str) -> None:
        self.findings.append(finding("SC103", at, message, hint))

    def partial(self) -> Partial:
        service: dict[str, Any] = {}
        for key, value in self._settings():
            service[key] = value
        for key in ("image", "user"):
            if (one := self._one(key)) is not None:
                service[key] = one
        forms = Forms(self._note, {})
        service |= self._lists(forms)
        for key in ("environment", "labels"):
            if (pairs := self._pairs(key)) is not None:
                service[key] = {**service.get(key, {}), **pairs}
        command = self.outline.fields.get("command")
        if command is not None and not is_none(command.value):
            self.places[("command",)] = self._at(command)
            text = without_comment(command.value) if command.value.startswith("`") else command.value
            if (words := forms.normalise("command", "command", text, ("command",))) is not None:
                service["command"] = words
        if (
            self.outline.fields.get("command")
            and "command" not in service
            and is_none(self.outline.fields["command"].value)
        ):
            self.places[("command",)] = self._at(self.outline.fields["command"])
        self._names_another()
        checks, more = read_verify(self.outline.verify)
        self.findings += more
        for number, check in enumerate(checks):
            self.places[("checks", str(number))] = check.at
        return Partial(
            file=self.source.file,
            service=service,
            title=self.outline.title,
            kind=self._kind(),
            routes=self._routes(),
            checks=checks,
            settings_dir=self._settings_dir(),
            status=self._prose("status"),
            phase=self._prose("phase"),
            digest=self._digest(),
            recorded=self._recorded(),
            smoke_test=self._past("smoke_test"),
            issues=self._issues(),
            places=self.places,
            findings=tuple(self.findings),
        )

    def _note(self, code: str, path: Path, message: str, hint: str) -> None:
        self.not_understood(self._near(path), message, hint)

    def _note_in_yaml(self, code: str, path: Path, message: str, hint: str) -> None:
        """What stands there in Compose's own words means as much as in a manifest."""
        self.findings.append(finding(code, self._near(path), message, hint))

    def _near(self, path: Path) -> Location:
        around = (self.places.get(path[:length]) for length in range(len(path), -1, -1))
        return next((place for place in around if place is not None), Location(self.source.file))

    def _at(self, found: Field) -> Location:
        return self.source.at(found.line, found.column)

    def _one(self, key: str) -> str | None:
        found = self.outline.fields.get(key)
        if found is None or is_none(found.value):
            return None
        self.places[(key,)] = self._at(found)
        values = items(found.value)
        if len(values) != 1 or re.search(r"[\s`]", values[0].text):
            if key == "port":
                self.wrong(self._at(found), f"`{found.value}` is not one port", _PORT_HINT)
            else:
                self.not_understood(self._at(found), f"`{found.value}` is not one {key}")
            return None
        return values[0].text

    def _prose(self, key: str) -> str | None:
        found = self.outline.fields.get(key)
        if found is None or not found.value:
            return None
        self.places[(key,)] = self._at(found)
        return found.value

    def _items(self, key: str) -> list[tuple[Item, Location]] | None:
        """The values of a field that may hold several; None where the page does not state it."""
        found = self.outline.fields.get(key)
        if found is None:
            return None
        self.places[(key,)] = self._at(found)
        values = []
        for text, line, column in found.lines():
            values += [(item, self.source.at(line, item.column)) for item in items(text, column)]
        if not values and not any(is_none(text) for text, _, _ in found.lines()):
            self.not_understood(
                self._at(found), f"`{key}` is stated without a value", "write `None` for none"
            )
            return None
        return values

    def _lists(self, forms: Forms) -> dict[str, Any]:
        service: dict[str, Any] = {}
        for key in ("volumes", "networks", "ports", "secrets", "profiles", "depends_on"):
            stated = self._items(key)
            if stated is None:
                continue
            # One by one, so that a value that is not understood does not take the others with it.
            whole: Any = {} if key in ("networks", "depends_on") else []
            for item, at in stated:
                here = str(len(whole))
                self.places[(key, "?")] = self.places[(key, "?", "0")] = at
                text = item.text.lower().replace(" ", "-") if key == "depends_on" else item.text
                if key == "depends_on" and not SPOKE_NAME.match(text):
                    self.not_understood(at, f"`{item.text}` is not the name of a spoke")
                    continue
                if key == "profiles" and re.search(r"\s", text):
                    self.not_understood(at, f"`{item.text}` is not the name of a profile")
                    continue
                one = forms.normalise(key, service_forms()[key], [text], (key, "?"))
                if isinstance(whole, dict):
                    whole |= one or {}
                    self.places |= {(key, name): at for name in one or {}}
                else:
                    whole += one or []
                    self.places |= {(key, str(n)): at for n in range(int(here), len(whole))}
            for path in ((key, "?"), (key, "?", "0")):
                self.places.pop(path, None)
            service[key] = whole
        return service

    def _pairs(self, key: str) -> dict[str, str | None] | None:
        found = self.outline.fields.get(key)
        if found is None:
            return None
        self.places.setdefault((key,), self._at(found))
        pairs: dict[str, str | None] = {}
        for text, line, column in found.lines():
            if is_none(text):
                continue
            at = self.source.at(line, column)
            bullet = any(line == b.line for b in found.bullets)
            values = [without_comment(text)] if bullet else [item.text for item in items(text)]
            for value in values:
                name, equals, content = value.partition("=")
                name = name.strip()
                if not equals or not name or re.search(r"[\s`]", name):
                    self.not_understood(at, f"`{value}` is not NAME=value")
                elif pairs.get(name, content) != content:
                    self.not_understood(at, f"`{name}` stands twice; the first value is read")
                else:
                    pairs[name] = content
                    self.places[(key, name)] = at
        return pairs

    def _settings(self) -> Iterator[tuple[str, Any]]:
        """YAML under Key Settings: keys of a service, or environment variables."""
        for fence in self.outline.settings:
            document = load_yaml(self.source, fence.line, fence.column, fence.content)
            for problem in document.findings:
                self.not_understood(problem.at, problem.message, problem.hint)
            value = document.value
            at = self.source.at(fence.line, fence.column)
            if not isinstance(value, dict) or document.findings:
                continue
            if all(re.fullmatch(r"[A-Z][A-Z0-9_]*", key) for key in value):
                places = {("environment", *path): place for path, place in document.places.items()}
                written = {("environment", *path): text for path, text in document.written.items()}
                value = {"environment": value}
            elif all(key in service_forms() or key in OWN_KEYS for key in value):
                places, written = dict(document.places), dict(document.written)
                for key in [key for key in value if key in OWN_KEYS]:
                    self.not_understood(places[(key,)], f"`{key}` is read from the manifest only")
            else:
                self.not_understood(at, "this block is neither environment nor keys of a Compose service")
                continue
            self.places |= {path: place for path, place in places.items() if path}
            forms = Forms(self._note_in_yaml, written)
            yield from read_service(value, forms).items()
            self.places = as_kept(self.places, forms.origins)

    def _kind(self) -> Kind | None:
        one = self._one("kind")
        if one is None:
            return None
        if one.lower() in list(Kind):
            return Kind(one.lower())
        self.not_understood(self.places[("kind",)], f"`{one}` is not a kind", f"one of {', '.join(Kind)}")
        return None

    def _routes(self) -> tuple[RouteDraft, ...] | None:
        """The first route; hosts or port is None where the page does not state it, and `N/A` is no route."""
        stated = self._items("hostname")
        port = self._port()
        if stated is None:
            return (RouteDraft(None, port),) if port is not None else None
        self.places[("route",)] = self.places[("route", "0", "host")] = self.places[("hostname",)]
        hosts = []
        for item, at in stated:
            name = re.sub(r"\Ahttps?://", "", item.text.lower()).rstrip("/")
            if is_host(name):
                hosts.append(name)
            elif re.search(r"[`{}]", item.text):
                # It would end a rule of the edge and begin another, so it is no slip to read over.
                self.findings.append(finding("SC110", at, f"`{item.text}` is not a host name"))
            else:
                self.wrong(at, f"`{item.text}` is not a host name", _HOST_HINT)
        if not hosts:
            return () if not stated else None
        return (RouteDraft(tuple(dict.fromkeys(hosts)), port),)

    def _port(self) -> int | None:
        one = self._one("port")
        if ("port",) in self.places:
            self.places[("route", "0", "port")] = self.places[("port",)]
        if one is None:
            return None
        match = re.fullmatch(r"([0-9]{1,5})(?:/tcp)?", one)
        if match and 0 < int(match[1]) < 65536:
            return int(match[1])
        self.wrong(self.places[("port",)], f"`{one}` is not a port of the container", _PORT_HINT)
        return None

    def _settings_dir(self) -> str | None:
        one = self._one("settings_dir")
        if one is None:
            return None
        path = PurePosixPath(one)
        if path.is_absolute() or ".." in path.parts or not path.parts or "$" in one or one.startswith("~"):
            self.not_understood(
                self.places[("settings_dir",)], f"`{one}` is not a folder inside the stack's folder"
            )
            return None
        return str(path)

    def _digest(self) -> str | None:
        found = self.outline.fields.get("digest")
        if found is None or is_none(found.value):
            return None
        at = self.places[("digest",)] = self._at(found)
        one = without_comment(found.value)
        match = _DIGEST.match(one)
        if match is None:
            self.findings.append(
                finding("SC203", at, f"`{one}` pins nothing", "write the image's real digest, or `N/A`")
            )
            return None
        return one

    def _past(self, key: str) -> str:
        found = self.outline.recorded.get(key)
        if found is None or is_none(found.value):
            return ""
        self.places[("smoke_test",) if key == "smoke_test" else ("recorded", key)] = self._at(found)
        return found.value

    def _recorded(self) -> Recorded:
        return Recorded(
            last_pass=self._past("last_pass"),
            artifacts=self._past("artifacts"),
            last_updated=without_comment(self._past("last_updated")),
            fingerprint=without_comment(self._past("fingerprint")),
        )

    def _names_another(self) -> None:
        """A page that says of which service it is must stand under that name."""
        found = self.outline.recorded.get("service")
        stem = PurePosixPath(self.source.file).stem
        if found is None or is_none(found.value):
            return
        names = [re.sub(r"[^a-z0-9]+", "-", item.text.lower()).strip("-") for item in items(found.value)]
        if re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-") not in names:
            message = f"the page says that it is of `{found.value}`, but it is read as that of {stem}"
            self.not_understood(self._at(found), message, "rename the file, or the service on the page")

    def _issues(self) -> tuple[CommonIssue, ...]:
        found = []
        for number, issue in enumerate(self.outline.issues):
            self.places[("issues", str(number))] = issue.at
            symptom, cause, fix = (issue.said.get(word, "") for word in ISSUE)
            found.append(CommonIssue(symptom, cause, fix))
        return tuple(found)
