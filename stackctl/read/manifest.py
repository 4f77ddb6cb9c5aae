"""A manifest -> one half of a spoke: Compose's keys in long form, and stackctl's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import partial
from pathlib import PurePosixPath
from typing import Any, TypeVar

from stackctl.codes import CODES, finding
from stackctl.findings import Location
from stackctl.model import Accept, Expect, Hardening, Kind, Path
from stackctl.read.compose_keys import Malformed, Note, nearest, service_forms, unknown_key
from stackctl.read.forms import Forms, as_kept
from stackctl.read.keeping import read_backup, read_schedule, read_settle
from stackctl.read.partial import CheckDraft, Partial, RouteDraft
from stackctl.read.policy import read_policy
from stackctl.read.requests import METHODS, read_url
from stackctl.read.routes import read_route
from stackctl.read.text import Source
from stackctl.read.yaml_nodes import load_yaml

OWN_KEYS = (
    *("kind", "route", "policy", "checks", "settings_dir", "hardening", "accept", "phase", "status"),
    *("settle", "backup", "schedule"),
)
# What cannot be read does not hold, what is not there cannot be mounted, and what calls itself stackctl's is
# taken for that, whoever accepts it.
NOT_ACCEPTABLE = frozenset(f"SC1{number:02}" for number in (*range(1, 11), 13)) - {"SC105"} | {
    *("SC601", "SC602")
}
_CHECK_KEYS = ("title", "from", "request", "expect")
_EXPECT_KEYS = ("status", "body", "hostname", "no_answer")

Word = TypeVar("Word", bound=StrEnum)
Value = TypeVar("Value")


def read_manifest(source: Source) -> Partial:
    """Read `spokes/NAME.yaml`; never raises for what the file says."""
    document = load_yaml(source)
    root = document.places.get((), Location(source.file))
    found = list(document.findings)
    if document.value is None:
        return Partial(source.file, places={(): root}, findings=tuple(found))
    if not isinstance(document.value, dict):
        found.append(finding("SC103", root, "a manifest is a map of keys"))
        return Partial(source.file, places={(): root}, findings=tuple(found))

    def at(path: Path) -> Location:
        around = (document.places.get(path[:n]) for n in range(len(path), 0, -1))
        return next((place for place in around if place), root)

    def note(code: str, path: Path, message: str, hint: str) -> None:
        found.append(finding(code, at(path), message, hint))

    value = document.value
    forms = Forms(note, document.written, as_is=value.get("hardening") == Hardening.AS_IS)
    own = _Own(note, at, forms.origins)
    return Partial(
        file=source.file,
        service=read_service(value, forms),
        kind=own.attempt(lambda: own.word(Kind, value, "kind")),
        routes=own.routes(value.get("route")),
        checks=own.checks(value.get("checks")),
        settings_dir=own.attempt(lambda: own.settings_dir(value.get("settings_dir"))),
        hardening=own.attempt(lambda: own.word(Hardening, value, "hardening")),
        accept=own.accept(value.get("accept")),
        settle=own.attempt(lambda: read_settle(value.get("settle"))),
        backup=own.attempt(lambda: read_backup(value.get("backup"), note)),
        schedule=own.attempt(lambda: read_schedule(value.get("schedule"))),
        policy=own.attempt(lambda: read_policy(value.get("policy"), note)),
        status=own.attempt(lambda: own.text(value, "status")),
        phase=own.attempt(lambda: own.text(value, "phase")),
        places=as_kept(_named(document.places, value), forms.origins),
        findings=tuple(found),
    )


def read_service(value: Mapping[str, Any], forms: Forms) -> dict[str, Any]:
    """The Compose keys of a manifest in long form; unknown ones are noted."""
    known, note = service_forms(), forms.note
    service: dict[str, Any] = {}
    for key, item in value.items():
        if key in known:
            result = forms.normalise(key, known[key], item, (key,))
            if result is not None:
                service[key] = result
        elif key.startswith("x-"):
            service[key] = item
        elif key not in OWN_KEYS:
            message, hint = unknown_key(key, "service", (*known, *OWN_KEYS))
            note("SC102", (key,), message, hint)
    return service


def _named(places: Mapping[Path, Location], value: Mapping[str, Any]) -> dict[Path, Location]:
    """Places under the paths of the long form: a list of NAME=value is a map there."""
    found = dict(places)
    forms = service_forms()
    for key, item in value.items():
        if forms.get(key) in ("map", "networks", "depends_on") and isinstance(item, list):
            for number, entry in enumerate(item):
                if isinstance(entry, str) and (place := places.get((key, str(number)))):
                    found.setdefault((key, entry.partition("=")[0].strip()), place)
        if key == "route" and isinstance(item, dict):
            found |= {("route", "0", *p[1:]): at for p, at in places.items() if p[:1] == ("route",)}
    return found


class _Own:
    """Reads stackctl's own keys."""

    def __init__(self, note: Note, at: Callable[[Path], Location], origins: dict[Path, list[int]]) -> None:
        self.note = note
        self.at = at
        self.origins = origins

    def wrong(self, path: Path, message: str, hint: str = "") -> None:
        self.note("SC103", path, message, hint)

    def attempt(self, read: Callable[[], Value | None]) -> Value | None:
        """What `read` gives, or None where the value is malformed, which is noted."""
        try:
            return read()
        except Malformed as wrong:
            wrong.tell(self.note)
            return None

    def keys(self, value: Mapping[str, Any], allowed: Iterable[str], path: Path) -> None:
        for key in value:
            if key not in allowed:
                self.note("SC102", (*path, key), f"unknown key `{key}`", nearest(key, allowed))

    def word(self, words: type[Word], value: Mapping[str, Any], key: str) -> Word | None:
        text = value.get(key)
        if text is None:
            return None
        if isinstance(text, str) and text in list(words):
            return words(text)
        hint = nearest(str(text), list(words))
        raise Malformed((key,), f"`{key}` must be one of {', '.join(words)}", hint)

    def text(self, value: Mapping[str, Any], key: str) -> str | None:
        text = value.get(key)
        if text is None:
            return None
        if isinstance(text, str | int | float) and not isinstance(text, bool):
            return str(text)
        raise Malformed((key,), f"`{key}` must be a text")

    def settings_dir(self, value: Any) -> str | None:
        if value is None:
            return None
        path = PurePosixPath(value) if isinstance(value, str) else None
        if path is None or path.is_absolute() or ".." in path.parts or not path.parts or "$" in str(path):
            raise Malformed(("settings_dir",), "`settings_dir` must be a folder inside the stack's folder")
        return str(path)

    def accept(self, value: Any) -> tuple[Accept, ...]:
        accepted = []
        if value is not None and not isinstance(value, list):
            self.wrong(("accept",), "`accept` must be a list of {code, reason}")
            return ()
        for number, item in enumerate(value or ()):
            path = ("accept", str(number))
            if not isinstance(item, dict):
                self.wrong(path, "each item of `accept` is {code, reason}")
                continue
            self.keys(item, ("code", "reason", "name"), path)
            code, reason = item.get("code"), item.get("reason")
            if not isinstance(code, str) or code not in CODES:
                self.wrong((*path, "code"), f"`{code}` is not a code", nearest(str(code), CODES))
            elif code in NOT_ACCEPTABLE:
                self.wrong((*path, "code"), f"{code} cannot be accepted, whatever the reason")
            elif not isinstance(reason, str) or not reason.strip():
                self.wrong(path, f"accepting {code} needs a `reason`")
            elif not isinstance(name := item.get("name", ""), str):
                self.wrong((*path, "name"), "`name` is that of one container")
            else:
                accepted.append(Accept(code, reason.strip(), self.at(path), name))
        return tuple(accepted)

    def routes(self, value: Any) -> tuple[RouteDraft, ...] | None:
        if value is None:
            return None
        items = value if isinstance(value, list) else [value]
        found = []
        for number, item in enumerate(items):
            path: Path = ("route", str(number)) if isinstance(value, list) else ("route",)
            if not isinstance(item, dict):
                self.wrong(path, "a route is a map of host, port, path, strip")
                continue
            route = self.attempt(partial(read_route, item, path, self.note))
            if route is not None:
                found.append((number, route))
        self.origins["route",] = [number for number, _ in found]
        return tuple(route for _, route in found)

    def checks(self, value: Any) -> tuple[CheckDraft, ...]:
        if value is not None and not isinstance(value, list):
            self.wrong(("checks",), "`checks` must be a list")
            return ()
        drafts = []
        for number, item in enumerate(value or ()):
            path = ("checks", str(number))
            if not isinstance(item, dict):
                self.wrong(path, "a check is a map of title, from, request, expect")
                continue
            self.keys(item, _CHECK_KEYS, path)
            draft = self.attempt(partial(self._check, item, path))
            if draft is not None:
                drafts.append(draft)
        return tuple(drafts)

    def _check(self, item: Mapping[str, Any], path: Path) -> CheckDraft:
        network = item.get("from", "host")
        if not isinstance(network, str) or not network:
            raise Malformed((*path, "from"), "`from` is `host` or a network")
        request = item.get("request")
        words = request.split() if isinstance(request, str) else []
        method, address = words if len(words) == 2 else ("GET", words[0] if len(words) == 1 else "")
        if not address or method not in METHODS:
            raise Malformed((*path, "request"), "`request` is METHOD and URL", "GET http://web:8080/")
        url = read_url(address)
        if isinstance(url, str):
            raise Malformed((*path, "request"), url)
        title = item.get("title")
        if title is not None and not isinstance(title, str):
            raise Malformed((*path, "title"), "`title` must be a text")
        expect, names_itself = self._expect(item.get("expect"), (*path, "expect"))
        return CheckDraft(
            title=title or f"{method} {address}",
            network="" if network == "host" else network,
            method=method,
            host=url.host,
            port=url.port,
            path=url.path,
            expect=expect,
            at=self.at(path),
            names_itself=names_itself,
        )

    def _expect(self, value: Any, path: Path) -> tuple[Expect, bool]:
        if not isinstance(value, dict) or not value:
            raise Malformed(path, f"`expect` is a map of {', '.join(_EXPECT_KEYS)}")
        self.keys(value, _EXPECT_KEYS, path)
        status = value.get("status", [])
        statuses = status if isinstance(status, list) else [status]
        if not all(isinstance(s, int) and not isinstance(s, bool) and 100 <= s <= 599 for s in statuses):
            raise Malformed((*path, "status"), "`status` is a number from 100 to 599, or a list of them")
        body = value.get("body", "")
        if not isinstance(body, str):
            raise Malformed((*path, "body"), "`body` must be a text")
        for key in ("hostname", "no_answer"):
            if not isinstance(value.get(key, False), bool):
                raise Malformed((*path, key), f"`{key}` must be true or false")
        if value.get("no_answer") and len(value) > 1:
            raise Malformed(path, "`no_answer` stands alone: where nothing answers, nothing else can hold")
        expect = Expect(frozenset(statuses), body, no_answer=value.get("no_answer", False))
        return expect, value.get("hostname", False)
