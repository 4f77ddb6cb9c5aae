"""Pages that somebody already keeps -> pages of spokes that say nothing but what runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stackctl.codes import finding
from stackctl.edit import Edit, Raw
from stackctl.errors import StackctlError
from stackctl.findings import Finding, Location
from stackctl.model import Kind
from stackctl.read.compose_keys import service_forms
from stackctl.read.images import kind_of
from stackctl.read.merge import told_apart
from stackctl.read.page import read_page
from stackctl.read.page_outline import read_outline
from stackctl.read.page_values import items
from stackctl.read.partial import Partial
from stackctl.read.text import read_text
from stackctl.templates import Templates

_DIFFERS = "differs from what runs"
_LABEL = re.compile(r"(?:\*\*|__)?[A-Za-z][A-Za-z ]*")
_MOST_PAGES = 2000
_MOST_EDITS = 50
_NOT_PAGES = ("readme", "index", "changelog", "contributing", "license")


@dataclass(frozen=True)
class Page:
    """A page as it is found: where, and its bytes."""

    file: str
    data: bytes
    inside: str = ""
    """Its path in the folder of pages."""

    @property
    def names(self) -> Iterator[str]:
        """The names of services that it may be about, the surest first."""
        source, _ = read_text(self.file, self.data)
        outline = read_outline(source)
        if (stated := outline.recorded.get("service")) is not None:
            yield from (_plain_name(item.text) for item in items(stated.value))
        yield _plain_name(Path(self.file).stem)
        yield _plain_name(outline.title)


@dataclass(frozen=True)
class Taken:
    """The page of one spoke as it is written, and in what it disagreed."""

    data: bytes
    findings: tuple[Finding, ...] = ()


def pages_in(folder: Path, shown: str) -> tuple[Page, ...]:
    """Every page under a folder, by name.

    Raises:
        StackctlError: It is no folder, or a page cannot be read.
    """
    if not folder.is_dir():
        raise StackctlError(f"{folder} is not a folder", "name the folder that the pages are in")
    found = sorted(path for path in folder.rglob("*.md") if path.is_file())[:_MOST_PAGES]
    kept = [path for path in found if path.stem.lower() not in _NOT_PAGES]
    try:
        inside = {path: str(path.relative_to(folder)) for path in kept}
        return tuple(Page(f"{shown}/{inside[path]}", path.read_bytes(), inside[path]) for path in kept)
    except OSError as error:
        raise StackctlError(
            f"{error.filename} cannot be read: {error.strerror}", "check its permissions"
        ) from error


def assigned(pages: tuple[Page, ...], services: Mapping[str, str]) -> dict[str, Page]:
    """Service -> its page; `services` maps each to the name of its container, or to nothing."""
    known = {_plain_name(name): name for name in services}
    known |= {_plain_name(container): name for name, container in services.items() if container}
    found: dict[str, Page] = {}
    for page in pages:
        name = next((known[name] for name in page.names if known.get(name)), None)
        if name is not None:
            found.setdefault(name, page)
    return found


def taken(page: Page, name: str, manifest: Partial, compose: str) -> Taken | None:
    """The page without a field that says something else than the manifest; None where that cannot be had.

    `compose` tells where the Compose file states the service.
    """
    file = f"spokes/{name}.md"
    data = page.data
    findings: list[Finding] = []
    for _ in range(_MOST_EDITS):
        source, found = read_text(file, data)
        half = read_page(source)
        half = replace(half, findings=(*found, *half.findings))
        wrong = list(_wrong(half, manifest))
        if not wrong:
            return Taken(data, tuple(findings))
        key, said, runs, at = wrong[0]
        message = f"`{key}` is {said} on the page, and {runs} at {compose}"
        if message not in (f.message for f in findings):
            findings.append(finding("SC803", replace(at, file=page.file), message, spoke=name))
        after = _silenced(Raw(file, data), at)
        if after == data:
            return None
        data = after
    return None


def _wrong(page: Partial, manifest: Partial) -> Iterator[tuple[str, str, str, Location]]:
    """Field, what the page says, what runs, and the place on the page."""
    for found in page.findings:
        if found.blocks:
            yield found.message.strip("`").split("`")[0], "not understood", "as it is", found.at
    for key, value in page.service.items():
        runs = manifest.service.get(key)
        if value in ([], {}, None) and not runs:
            continue
        for path, said, other in _apart(key, value, runs, page, manifest):
            place = page.places.get(path) or page.at(key)
            yield key, said, other, place
    if page.digest is not None and page.digest.rpartition("@")[2] not in str(manifest.service.get("image")):
        yield "digest", f"`{page.digest}`", "not pinned", page.at("digest")
    if page.settings_dir is not None:
        yield "config dir", f"`{page.settings_dir}`", "no folder of the stack", page.at("settings_dir")
    if page.kind is not None and page.kind is not _kind(manifest):
        yield "kind", page.kind.value, _kind(manifest).value, page.at("kind")


def _kind(manifest: Partial) -> Kind:
    return manifest.kind or kind_of(str(manifest.service.get("image", "")))


def _apart(
    key: str, value: Any, runs: Any, page: Partial, manifest: Partial
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    if runs is None:
        yield (key,), _shown(value), "not stated"
        return
    if service_forms().get(key) == "map":
        for name in value:
            if name not in runs or runs[name] != value[name]:
                # Of values, only that they differ is told: they may be secret.
                yield (
                    (key, name),
                    f"another `{name}`" if name in runs else f"with `{name}`",
                    ("different" if name in runs else "without it"),
                )
        return
    one = replace(page, service={key: value}, routes=None, kind=None, settings_dir=None, status=None)
    other = replace(manifest, service={key: runs}, routes=None, kind=None, settings_dir=None, status=None)
    if told_apart(replace(one, phase=None), replace(other, phase=None)):
        yield (key,), _shown(value), _shown(runs)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f"`{value}`"
    if isinstance(value, Mapping):
        return ", ".join(f"`{name}`" for name in value) or "none"
    if not isinstance(value, list | tuple):
        # As YAML has it: `true`, a number, or nothing.
        return "none" if value is None else f"`{json.dumps(value)}`"
    told = []
    for item in value:
        if isinstance(item, Mapping):
            source = item.get("source") or item.get("published") or ""
            target = item.get("target") or ""
            told.append(f"{source}:{target}".strip(":") + (":ro" if item.get("read_only") else ""))
        else:
            told.append(str(item))
    return ", ".join(f"`{one}`" for one in told) or "none"


def _silenced(raw: Raw, at: Location) -> bytes:
    """The page with one more word at a field's key, so that it is prose from now on."""
    line = raw.line(at.line)
    column = at.column - 1
    if (fence := _fence_above(raw, at.line)) is not None:
        return raw.edited([fence])
    label = _LABEL.match(line, column)
    if label is not None and re.match(r"\s*(?::|\||\*\*|__)", line[label.end() :]):
        place = replace(at, column=column + len(label[0].rstrip()) + 1)
        return raw.edited([Edit(place, "", f" ({_DIFFERS})")])
    bullet = re.match(r"\s*(?:>\s?)*(?:[-*+]|\d+[.)])\s+", line)
    if bullet is not None and _DIFFERS not in line:
        return raw.edited([Edit(replace(at, column=bullet.end() + 1), "", f"({_DIFFERS}) ")])
    return raw.data


def _fence_above(raw: Raw, number: int) -> Edit | None:
    """The opening of the block of YAML that a line stands in, which becomes a block of text."""
    for above in range(number - 1, 0, -1):
        line = raw.line(above)
        if (opening := re.match(r"(\s*(?:`{3,}|~{3,})\s*)(ya?ml)\b", line)) is not None:
            return Edit(Location(raw.file, above, len(opening[1]) + 1), opening[2], "text")
        if re.match(r"\s*(?:`{3,}|~{3,})", line) or line.startswith("#"):
            return None
    return None


def made_up(name: str, manifest: Partial, compose: str) -> bytes:
    """A first page for a service that has none, with the fields that the manifest states as well."""
    service = manifest.service
    values: dict[str, Any] = {
        "name": name,
        "title": re.sub(r"[-_]", " ", name).title(),
        "compose": compose,
        "profiles": list(service.get("profiles", ())),
        "depends_on": list(service.get("depends_on", ())),
        "image": str(service.get("image", "")),
        "networks": list(service.get("networks", ())),
        "volumes": [_short(mount) for mount in service.get("volumes", ())],
        "ports": [_short_port(port) for port in service.get("ports", ())],
    }
    while True:
        data = Templates({}).text("pages/adopted.md.j2", values).encode()
        half = read_page(read_text(f"spokes/{name}.md", data)[0])
        wrong = next((key for key, *_ in _wrong(half, manifest)), "")
        unread = any(f.code == "SC111" for f in half.findings)
        if not wrong and not unread:
            return data
        # A value that a page cannot carry stands in the manifest alone.
        dropped = wrong if values.get(wrong) else next((k for k in _FACTS if values.get(k)), "")
        if not dropped:
            return data
        values[dropped] = ""


_FACTS = ("volumes", "ports", "networks", "image", "depends_on", "profiles")


def _short(mount: Mapping[str, Any]) -> str:
    source = f"{mount['source']}:" if mount.get("source") else ""
    return f"{source}{mount.get('target', '')}{':ro' if mount.get('read_only') else ''}"


def _short_port(port: Mapping[str, Any]) -> str:
    address = f"[{port['host_ip']}]" if ":" in port.get("host_ip", "") else port.get("host_ip", "")
    parts = (address, port.get("published", ""), str(port["target"]))
    protocol = port.get("protocol", "tcp")
    return ":".join(part for part in parts if part) + (f"/{protocol}" if protocol != "tcp" else "")


def _plain_name(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
