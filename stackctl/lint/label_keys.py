"""Which labels Traefik and caddy-docker-proxy know; one that they do not is dropped, or drops all others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from stackctl.read.compose_keys import nearest

_DATA = Path(__file__).parent.parent / "data"
_ANY_NAME = "*"
_ANYTHING = "**"
_ITEM = re.compile(r"(.+)\[[0-9]+\]\Z")
_NUMBERED = re.compile(r"\A(?:[0-9]+_)?(.*?)(?:_[0-9]+)?\Z")


@cache
def _traefik() -> Mapping[str, Any]:
    tree: Mapping[str, Any] = json.loads((_DATA / "traefik_labels.json").read_text(encoding="utf-8"))
    return tree


@cache
def _caddy() -> Mapping[str, Any]:
    words: Mapping[str, Any] = json.loads((_DATA / "caddy_labels.json").read_text(encoding="utf-8"))
    return words


def unknown_to_traefik(label: str) -> tuple[str, str] | None:
    """The part of a `traefik.…` label that Traefik does not know, and a hint; None where it knows it all."""
    node: Any = _traefik()
    parts = label.lower().split(".")[1:]
    before = "traefik"
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        indexed = _ITEM.match(part)
        name = indexed[1] if indexed else part
        leaves, branches = _below(node)
        if _ANYTHING in branches:
            return None
        if name in branches and not (last and name in leaves):
            node = branches[name]
            if indexed:
                node = node.get("[]", {}) if isinstance(node, Mapping) else {}
        elif last and name in leaves:
            return None
        elif _ANY_NAME in branches and part:
            node = branches[_ANY_NAME]
            if last:
                return None if node == "" else (part, f"something must follow `{label}`")
            continue
        else:
            near = nearest(name, {*leaves, *branches} - {_ANY_NAME})
            return part, near or f"after `{before}` may stand: {', '.join(sorted({*leaves, *branches})[:8])}"
        before = f"{before}.{part}"
        if last:
            leaves, _ = _below(node)
            return part, f"something must follow it: {', '.join(sorted(leaves)[:6]) or 'a name'}"
    return "", "name what is meant"


def _below(node: Any) -> tuple[frozenset[str], Mapping[str, Any]]:
    if isinstance(node, str):
        return frozenset(node.split()), {}
    return frozenset(str(node.get(".", "")).split()), {k: v for k, v in node.items() if k != "."}


def unknown_to_caddy(label: str) -> tuple[str, str] | None:
    """The directive of a `caddy…` label that Caddy does not know, and a hint.

    Matchers, snippets and what stands below most directives are free text, and are not looked at.
    """
    words = _caddy()
    first, *parts = re.split(r"(?<!\\)\.", label)
    if not parts or not re.fullmatch(r"caddy(?:_[0-9]+)?", first):
        return None
    name = _plain(parts[0])
    known = {*words["directives"], *words["globals"]}
    if name.startswith(("@", "(", "&")):
        return None
    if name not in known:
        return parts[0], nearest(name, known) or "see Caddy's list of directives"
    if name in ("handle", "handle_path", "route", "handle_errors") and len(parts) > 1:
        return unknown_to_caddy(".".join((first, *parts[1:])))
    below = words["below"].get(name)
    if below and len(parts) > 1 and not (word := _plain(parts[1])).startswith("@") and word not in below:
        return parts[1], nearest(word, below) or f"below `{name}` may stand: {', '.join(sorted(below)[:8])}"
    return None


def _plain(part: str) -> str:
    match = _NUMBERED.match(part)
    return match[1] if match else part


def traefik_keys() -> Iterator[str]:
    """Every label that is known, with `name` for each name that is free to choose."""
    yield from _keys(_traefik(), "traefik")


def _keys(node: Any, before: str) -> Iterator[str]:
    leaves, branches = _below(node)
    yield from (f"{before}.{leaf}" for leaf in sorted(leaves))
    for name, inner in branches.items():
        if name in (_ANY_NAME, _ANYTHING):
            yield from (
                [f"{before}.name"] if inner == "" or name == _ANYTHING else _keys(inner, f"{before}.name")
            )
        else:
            yield from _keys(inner, f"{before}[0]" if name == "[]" else f"{before}.{name}")
