"""Rules about what a spoke waits for."""

from __future__ import annotations

from collections.abc import Iterator

from stackctl.codes import finding
from stackctl.findings import Finding
from stackctl.model import Spoke, Stack
from stackctl.read.compose_keys import nearest


def _waits_for(spoke: Spoke) -> tuple[tuple[str, str], ...]:
    """The spokes that must be there before this one, each with the field that says so."""
    named = [(dependency.spoke, "depends_on") for dependency in spoke.dependencies]
    kind, _, name = str(spoke.service.get("network_mode", "")).partition(":")
    if kind == "service":
        named.append((name, "network_mode"))
    return tuple(named)


def dependencies_exist(stack: Stack) -> Iterator[Finding]:
    """SC205: nothing waits for what is not there."""
    names = {spoke.name for spoke in stack.spokes}
    for spoke in stack.spokes:
        for name, key in _waits_for(spoke):
            if name not in names:
                message = f"{spoke.name} depends on `{name}`, which is not a spoke"
                hint = nearest(name, names) or f"write spokes/{name}.md, or remove the dependency"
                yield finding("SC205", spoke.at(key, name), message, hint, spoke.name)


def no_circle(stack: Stack) -> Iterator[Finding]:
    """SC206: there is an order to start in. Each circle is told once, from its first spoke by name."""
    waits = {spoke.name: sorted({name for name, _ in _waits_for(spoke)}) for spoke in stack.spokes}
    for spoke in stack.spokes:
        circle = _circle(spoke.name, waits)
        if circle and min(circle) == spoke.name:
            key = next(key for name, key in _waits_for(spoke) if name == circle[1])
            message = f"dependencies form a circle: {' → '.join(circle)}"
            yield finding("SC206", spoke.at(key, circle[1]), message, "remove one of them", spoke.name)


def _circle(start: str, waits: dict[str, list[str]]) -> tuple[str, ...]:
    """The shortest way from a spoke back to itself."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen: set[str] = set()
    for way in ways:
        for name in waits.get(way[-1], ()):
            if name == start:
                return (*way, start)
            if name not in seen:
                seen.add(name)
                ways.append((*way, name))
    return ()


RULES = (dependencies_exist, no_circle)
