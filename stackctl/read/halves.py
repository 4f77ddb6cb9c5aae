"""One file of a spoke -> its half of the spoke; what was read once is remembered as JSON.

A file's name and content decide what is read from it, so they are the key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from stackctl.findings import Finding, Location, Severity
from stackctl.model import Accept, CommonIssue, Expect, Hardening, Kind, Recorded
from stackctl.read.manifest import read_manifest
from stackctl.read.page import read_page
from stackctl.read.partial import CheckDraft, Partial, RouteDraft
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
            return from_json(file, json.loads(self._known[key]))
        half = read_half(file, data)
        self.kept[key] = json.dumps(to_json(half), separators=(",", ":"))
        return half


def read_half(file: str, data: bytes) -> Partial:
    """Reads a page or a manifest; never raises for what it says."""
    source, found = read_text(file, data)
    half = read_page(source) if file.endswith(".md") else read_manifest(source)
    return replace(half, findings=(*found, *half.findings)) if found else half


def to_json(half: Partial) -> dict[str, Any]:
    """The fields that say something, as JSON data; places are relative to the half's file."""
    told = {}
    for field in fields(half):
        value = getattr(half, field.name)
        if field.name != "file" and value not in (None, "", (), {}):
            told[field.name] = _TO.get(field.name, _as_it_is)(value)
    return told


def from_json(file: str, told: Mapping[str, Any]) -> Partial:
    """The half that `to_json` told of."""
    return Partial(file, **{name: _FROM.get(name, _as_it_is_from)(file, v) for name, v in told.items()})


def _as_it_is(value: Any) -> Any:
    return value


def _as_it_is_from(_file: str, value: Any) -> Any:
    return value


def _check(c: CheckDraft) -> list[Any]:
    e = c.expect
    expect = [sorted(e.statuses), e.body, e.names_container, e.no_answer, e.reached, e.as_control]
    ends = [c.at.line, c.at.column, c.names_itself, c.host_header, c.from_page]
    return [c.title, c.network, c.method, c.host, c.port, c.path, expect, *ends]


def _check_from(file: str, told: list[Any]) -> CheckDraft:
    title, network, method, host, port, path, (statuses, *more), line, column, itself, header, from_page = (
        told
    )
    expect, at = Expect(frozenset(statuses), *more), Location(file, line, column)
    return CheckDraft(title, network, method, host, port, path, expect, at, itself, header, from_page)


def _finding(f: Finding) -> list[Any]:
    return [f.code, f.severity, f.at.line, f.at.column, f.message, f.hint, f.spoke, f.accepted]


def _finding_from(file: str, told: list[Any]) -> Finding:
    code, severity, line, column, *rest = told
    return Finding(code, Severity(severity), Location(file, line, column), *rest)


_TO: Mapping[str, Callable[[Any], Any]] = {
    "routes": lambda routes: [[r.hosts, r.port, r.path, r.strip] for r in routes],
    "checks": lambda checks: [_check(c) for c in checks],
    "accept": lambda accepted: [[a.code, a.reason, a.at.line, a.at.column] for a in accepted],
    "recorded": lambda r: [r.last_pass, r.artifacts, r.last_updated, r.fingerprint],
    "issues": lambda issues: [[i.symptom, i.cause, i.fix] for i in issues],
    "places": lambda places: [[at.line, at.column, *path] for path, at in places.items()],
    "findings": lambda findings: [_finding(f) for f in findings],
}
_FROM: Mapping[str, Callable[[str, Any], Any]] = {
    "kind": lambda _, word: Kind(word),
    "hardening": lambda _, word: Hardening(word),
    "routes": lambda _, told: tuple(RouteDraft(h if h is None else tuple(h), *rest) for h, *rest in told),
    "checks": lambda file, told: tuple(_check_from(file, check) for check in told),
    "accept": lambda file, told: tuple(Accept(c, r, Location(file, *at)) for c, r, *at in told),
    "recorded": lambda _, told: Recorded(*told),
    "issues": lambda _, told: tuple(CommonIssue(*words) for words in told),
    "places": lambda file, told: {tuple(path): Location(file, line, column) for line, column, *path in told},
    "findings": lambda file, told: tuple(_finding_from(file, f) for f in told),
}
