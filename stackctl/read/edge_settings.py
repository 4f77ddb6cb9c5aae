"""`edge` of stack.yaml: which edge, how it learns of routes, and how it asks for certificates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from stackctl.model import Acme, Edge, Path, RoutesBy, Routing
from stackctl.read.compose_keys import Malformed, Note, nearest

_KEYS = ("name", "routes", "acme")
_ACME_KEYS = ("email", "challenge", "server", "authority")
CHALLENGES = ("http", "tls")
_EMAIL = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\Z")
_SERVER = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?\Z")
_FILE = re.compile(r"/[A-Za-z0-9._/-]+\Z")
_USUAL = {Edge.TRAEFIK: RoutesBy.LABELS, Edge.CADDY: RoutesBy.FILES, Edge.NONE: RoutesBy.FILES}
"""Caddy reads labels only in a build with a plugin, so its usual way needs no access to Docker."""


def read_edge(value: Any, note: Note) -> tuple[Edge, Routing]:
    """The edge and its settings; what is wrong is noted and left out."""
    given = value if isinstance(value, dict) else {"name": value}
    for key in given:
        if key not in _KEYS:
            note("SC102", ("edge", key), f"unknown key `{key}`", nearest(key, _KEYS))
    name = given.get("name") or "none"
    if name not in list(Edge):
        at: Path = ("edge", "name") if isinstance(value, dict) else ("edge",)
        note("SC103", at, f"`edge` must be one of {', '.join(Edge)}", nearest(str(name), Edge))
        name = "none"
    edge = Edge(name)
    by = given.get("routes") or _USUAL[edge]
    if by not in list(RoutesBy):
        note("SC103", ("edge", "routes"), f"`routes` must be one of {', '.join(RoutesBy)}", "")
        by = _USUAL[edge]
    try:
        return edge, Routing(RoutesBy(by), _acme(given.get("acme"), note))
    except Malformed as wrong:
        wrong.tell(note)
        return edge, Routing(RoutesBy(by))


def _acme(value: Any, note: Note) -> Acme | None:
    if value is None:
        return None
    example = "acme: {email: me@example.org}"
    path = ("edge", "acme")
    if not isinstance(value, Mapping):
        raise Malformed(path, "`acme` must be a map", example)
    for key in value:
        if key not in _ACME_KEYS:
            note("SC102", (*path, key), f"unknown key `{key}`", nearest(key, _ACME_KEYS))
    challenge = value.get("challenge", "http")
    if challenge not in CHALLENGES:
        raise Malformed((*path, "challenge"), f"`challenge` must be one of {', '.join(CHALLENGES)}")
    return Acme(
        _text(value, "email", _EMAIL, "an address that the authority can write to", example),
        challenge,
        _text(value, "server", _SERVER, "the https address of an ACME directory")
        if "server" in value
        else "",
        _text(value, "authority", _FILE, "an absolute path in the edge's container")
        if "authority" in value
        else "",
    )


def _text(value: Mapping[str, Any], key: str, form: re.Pattern[str], what: str, hint: str = "") -> str:
    text = value.get(key)
    if not isinstance(text, str) or not form.match(text):
        raise Malformed(("edge", "acme", key), f"`{key}` must be {what}", hint)
    return text
