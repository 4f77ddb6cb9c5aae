"""One file of a spoke -> its half of the spoke; what was read once is remembered as JSON.

A file's name and content decide what is read from it, so they are the key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import cache
from functools import partial as later
from typing import Any

from stackctl import findings, model
from stackctl.findings import Location
from stackctl.model import Path
from stackctl.read import partial
from stackctl.read.manifest import read_manifest
from stackctl.read.partial import Partial
from stackctl.read.places import Later
from stackctl.read.text import read_text


class Memory:
    """Halves as JSON texts; starts with those of the last run and keeps those that this run asked for."""

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        self._known = known or {}
        self.kept: dict[str, str] = {}
        """What the next run may start with."""

    @property
    def news(self) -> bool:
        return self.kept.keys() != self._known.keys()

    def half(self, file: str, data: bytes) -> Partial:
        """What the file says."""
        key = hashlib.sha256(file.encode() + b"\0" + data).hexdigest()
        if key in self._known:
            self.kept[key] = self._known[key]
            return from_json(self._known[key])
        half = read_half(file, data)
        # Not remembered, it is read again every time; nothing worse.
        with suppress(TypeError):
            self.kept[key] = to_json(half)
        return half


def read_half(file: str, data: bytes) -> Partial:
    """Reads a page or a manifest; never raises for what it says."""
    source, found = read_text(file, data)
    if file.endswith(".md"):
        # A stack without pages is read without what reads them, and so is one whose pages are remembered.
        from stackctl.read.page import read_page

        half = read_page(source)
    else:
        half = read_manifest(source)
    return replace(half, findings=(*found, *half.findings)) if found else half


def to_json(half: Partial) -> str:
    """The half as JSON text.

    Raises:
        TypeError: It holds something that would come back as something else.
    """
    # Most of a half are its places, so they stand apart and short; all of them are in its own file.
    places = [[at.line, at.column, *path] for path, at in half.places.items()]
    return f"{_ENCODER.encode(_stated(half))}{_APART}{_ENCODER.encode(places)}"


def from_json(text: str) -> Partial:
    """The half that `to_json` told of."""
    told, _, places = text.partition(_APART)
    stated = _DECODER.decode(told)
    return Partial(**stated, places=Later(later(_places, stated["file"], places)))


def _places(file: str, told: str) -> dict[Path, Location]:
    return {tuple(path): Location(file, line, column) for line, column, *path in json.loads(told)}


_APART = "\t"
"""In JSON, a tab is escaped."""
_TEXT = frozenset({str})
_PLAIN = frozenset({str, int, float, bool, type(None)})
_KNOWN = {
    name: known
    for module in (model, partial, findings)
    for name, known in vars(module).items()
    if isinstance(known, type) and (is_dataclass(known) or issubclass(known, Enum))
}
_RECORDS = frozenset(name for name, known in _KNOWN.items() if is_dataclass(known))
_SPECIAL = ""
"""Only a JSON object that stands for anything but a map has this key."""


def _told(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is list:
        return value if _PLAIN.issuperset(map(type, value)) else [_told(item) for item in value]
    if kind is dict and _SPECIAL not in value and _TEXT.issuperset(map(type, value)):
        if _PLAIN.issuperset(map(type, value.values())):
            return value
        return {key: _told(item) for key, item in value.items()}
    if kind is tuple or kind is frozenset:
        return {_SPECIAL: kind.__name__, "of": [_told(item) for item in value]}
    if _KNOWN.get(kind.__name__) is kind:
        if isinstance(value, Enum):
            return {_SPECIAL: kind.__name__, "of": value.value}
        return {_SPECIAL: kind.__name__, **_stated(value)}
    raise TypeError(f"{value!r} has no form in JSON")


def _stated(value: Any) -> dict[str, Any]:
    """The fields that are not as they would be anyway."""
    pairs = ((name, getattr(value, name), default) for name, default in _fields(value.__class__))
    found = ((name, item) for name, item, default in pairs if item is not default)
    return {name: item if type(item) in _PLAIN else _told(item) for name, item in found}


@cache
def _fields(kind: type[Any]) -> tuple[tuple[str, Any], ...]:
    return tuple((f.name, f.default) for f in fields(kind) if (kind, f.name) != (Partial, "places"))


def _made(told: dict[str, Any]) -> Any:
    name = told.pop(_SPECIAL, None)
    if name is None:
        return told
    if name == "tuple":
        return tuple(told["of"])
    if name == "frozenset":
        return frozenset(told["of"])
    known: Any = _KNOWN[name]
    return known(**told) if name in _RECORDS else known(told["of"])


_ENCODER = json.JSONEncoder(separators=(",", ":"))
_DECODER = json.JSONDecoder(object_hook=_made)
