"""Rules about what a spoke waits for."""

from __future__ import annotations

from collections.abc import Iterator

from stackctl import strict
from stackctl.codes import finding
from stackctl.edge import written
from stackctl.findings import Finding
from stackctl.lint.safety import severity
from stackctl.model import Spoke, Stack
from stackctl.read.compose_keys import nearest


def _waits_for(spoke: Spoke) -> tuple[tuple[str, str], ...]:
    """The spokes that must be there before this one, each with the field that says so."""
    named = [(name, "depends_on") for name in spoke.service.get("depends_on", ())]
    named += [(name, key) for key, name in spoke.lives_in.items()]
    for source in spoke.service.get("volumes_from", ()):
        if not source.startswith("container:"):
            named.append((source.partition(":")[0], "volumes_from"))
    named += [(link.partition(":")[0], "links") for link in spoke.service.get("links", ())]
    return tuple(named)


def has_healthcheck(stack: Stack, spoke: Spoke) -> bool:
    """Whether its container gets a healthcheck, of its own or from stackctl; an image's is not known."""
    if strict.is_strict(spoke):
        return True
    check = spoke.service.get("healthcheck")
    if check is not None:
        return not check.get("disable") and check.get("test", [])[:1] != ["NONE"]
    return "*" in spoke.unread or "healthcheck" in spoke.unread or written.is_edge(stack, spoke)


def dependencies_exist(stack: Stack) -> Iterator[Finding]:
    """SC205: nothing waits for what is not there."""
    names = {spoke.name for spoke in stack.spokes}
    for spoke in stack.spokes:
        optional = _optional(spoke)
        for name, key in _waits_for(spoke):
            if name not in names and not (key == "depends_on" and name in optional):
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


def _optional(spoke: Spoke) -> set[str]:
    """What it waits for only where that runs as well."""
    return {name for name, how in spoke.service.get("depends_on", {}).items() if how.get("required") is False}


def dependencies_are_active_too(stack: Stack) -> Iterator[Finding]:
    """SC208: whatever profiles are asked for, a spoke comes with what it waits for."""
    spokes = {spoke.name: spoke for spoke in stack.spokes}
    for spoke in stack.spokes:
        optional = _optional(spoke)
        for name, key in _waits_for(spoke):
            there = spokes.get(name)
            if there is None or not there.profiles or (key == "depends_on" and name in optional):
                continue
            if spoke.profiles and set(spoke.profiles) <= set(there.profiles):
                continue
            mine = " or ".join(spoke.profiles) or "any profile"
            its = " or ".join(there.profiles)
            message = f"{spoke.name} runs with {mine}, but waits for {name}, which runs with {its} only"
            lacking = [profile for profile in spoke.profiles if profile not in there.profiles]
            add = f"add `{', '.join(lacking)}` to the profiles of {name}"
            hint = add if lacking else f"state the profile of {name} here, or none there"
            yield finding("SC208", spoke.at(key, name), message, hint, spoke.name, severity(spoke))


def health_can_be_seen(stack: Stack) -> Iterator[Finding]:
    """SC212: who waits for health waits for something that is measured."""
    spokes = {spoke.name: spoke for spoke in stack.spokes}
    for spoke in stack.spokes:
        for dependency in spoke.dependencies:
            there = spokes.get(dependency.spoke)
            if dependency.condition != "service_healthy" or there is None or has_healthcheck(stack, there):
                continue
            message = f"{spoke.name} waits until {there.name} is healthy, but nothing measures that"
            hint = f"state a `healthcheck` for {there.name}, or `condition: service_started` here"
            yield finding("SC212", spoke.at("depends_on", there.name), message, hint, spoke.name)


RULES = (dependencies_exist, no_circle, dependencies_are_active_too, health_can_be_seen)
