"""What the replacements of a plan cost those who use the stack. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from stackctl import normal
from stackctl.lint.dependencies import has_healthcheck
from stackctl.model import Action, Consequences, Kind, Plan, Replacement, Spoke, Stack, Verb, Way

_PATIENCE = "10s"
"""What Docker waits for a container to stop where nothing is stated."""


def with_consequences(plan: Plan, stack: Stack) -> Plan:
    """The plan, with what each of its replacements and removals means for others."""
    known = {spoke.name: spoke for spoke in stack.spokes}
    made_anew = {action.spoke for action in plan.actions if action.verb is Verb.RECREATE}

    def told(action: Action) -> Action:
        spoke = known.get(action.spoke)
        if spoke is None:
            # Nothing is known of it but its containers, which are gone then; its volumes are kept.
            stops = Consequences(restarts=(), gap="for good") if action.verb is Verb.REMOVE else None
            return replace(action, consequences=stops)
        if action.replacement is None:
            return action
        return replace(action, consequences=_of(action.replacement, spoke, stack, made_anew))

    return replace(plan, actions=tuple(map(told, plan.actions)))


def _of(replacement: Replacement, spoke: Spoke, stack: Stack, made_anew: Collection[str]) -> Consequences:
    data = ", ".join(replacement.data)
    lost = f"it may write {data} in a new form, and nothing is backed up before" if data else ""
    if spoke.backup is not None:
        lost = ""
    if replacement.way is not Way.STOP_FIRST:
        return Consequences(irreversible=lost)
    return Consequences(
        restarts=tuple(sorted({spoke.name, *(n for n in _with_it(stack, spoke.name) if n in made_anew)})),
        hosts=_hosts(stack, spoke),
        gap=_gap(stack, spoke),
        irreversible=lost,
    )


def _with_it(stack: Stack, name: str) -> Iterator[str]:
    """Spokes that live in a namespace of this one's container, or ask to be restarted with it."""
    for spoke in stack.spokes:
        if any(dependency.follows and dependency.spoke == name for dependency in spoke.dependencies):
            yield spoke.name


def _hosts(stack: Stack, spoke: Spoke) -> tuple[str, ...]:
    """Whatever goes through an edge stops with it."""
    gone = stack.spokes if spoke.kind is Kind.EDGE else (spoke,)
    return tuple(sorted({host for one in gone for route in one.routes for host in route.hosts}))


def _gap(stack: Stack, spoke: Spoke) -> str:
    stop = normal.span(spoke.service.get("stop_grace_period") or _PATIENCE)
    then = "healthy" if has_healthcheck(stack, spoke) else "running"
    return f"up to {stop} s to stop, then until it is {then}"
