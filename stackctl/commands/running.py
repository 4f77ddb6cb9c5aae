"""`stackctl restart` and `stackctl stop`: containers that are there, as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from stackctl.apply.failures import SpokeFailed, failure
from stackctl.apply.trouble import explained
from stackctl.apply.wait import Waiting, subscribe
from stackctl.commands.acting import Acting, act_on
from stackctl.commands.story import ActedAnswer, Ended, Story
from stackctl.errors import StackctlError
from stackctl.event_stream import EventStream
from stackctl.events import Event, Finished, Line, Said, Started
from stackctl.lock import Lock
from stackctl.model import Kind
from stackctl.observe import containers_of

RESTART, STOP = "restart", "stop"


def act(root: Path, verb: str, spokes: tuple[str, ...], *, environ: Mapping[str, str], held: Lock) -> Story:
    """Restarts or stops the containers of these spokes; of others, restarts only what lives inside them.

    Raises:
        StackctlError: One of them has no container, or does not work after its restart.
    """
    acting = act_on(root, environ, spokes, held)
    yield from acting.warned()
    present = {c.spoke for c in containers_of(acting.engine, acting.stack.name, spokes)}
    for name in spokes:
        if name not in present:
            raise StackctlError(f"{name} has no container", f"create it: `stackctl up {name}`")
    if verb == STOP:
        for name in spokes:
            leaning = [
                s.name
                for s in acting.stack.spokes
                if name in [dependency.spoke for dependency in s.dependencies]
            ]
            if leaning := [other for other in leaning if other not in spokes]:
                verbs = "leans on {} and goes" if len(leaning) == 1 else "lean on {} and go"
                yield Said(f"{', '.join(leaning)} {verbs.format(name)} on without it", warning=True)
    else:
        inside = tuple(_inside(acting, spokes))
        for name in inside:
            yield Said(f"{name} lives in a namespace of another one, so it restarts too")
        spokes = (*spokes, *inside)
    if verb == RESTART:
        with subscribe(acting.engine, acting.stack.name) as events:
            yield from _done(acting, verb, spokes, events)
    else:
        yield from _done(acting, verb, spokes)
    return Ended(ActedAnswer(verb, spokes))


def _done(
    acting: Acting, verb: str, spokes: tuple[str, ...], events: EventStream | None = None
) -> Iterator[Event]:
    for name in spokes:
        yield Started(verb, name)
        compose = acting.compose
        done = compose.restart((name,)) if verb == RESTART else compose.stop((name,))
        if done.exit_code:
            yield Finished(verb, name, ok=False)
            raise explained(done, f"the {verb}", name)
        try:
            detail = _works(acting, name, events) if events else ""
        except SpokeFailed as failed:
            yield Finished(verb, name, ok=False, detail=failed.message)
            yield from (Line(name, line) for line in failed.log)
            raise
        yield Finished(verb, name, detail=detail)


def _works(acting: Acting, name: str, events: EventStream) -> str:
    """How its containers are, once they work. A job is not waited for: it may take an hour.

    Raises:
        SpokeFailed: One does not.
    """
    kind = acting.stack.spoke(name).kind
    if kind is Kind.JOB:
        return ""
    waiting = Waiting(acting.engine, events)
    for container in containers_of(acting.engine, acting.stack.name, (name,)):
        waiting.add(container, kind)
    detail = ""
    while waiting:
        for verdict in waiting.verdicts():
            if not verdict.ok:
                raise failure(name, verdict, acting.engine, acting.compose)
            detail = verdict.detail
    return detail


def _inside(acting: Acting, spokes: tuple[str, ...]) -> Iterator[str]:
    """Others that run in a namespace which ends with that of these spokes."""
    lives_in = {spoke.name: {*spoke.lives_in.values()} for spoke in acting.stack.spokes}
    names = [c.spoke for c in containers_of(acting.engine, acting.stack.name, lives_in) if c.running]
    found = set(spokes)
    # In the order in which each finds its own again.
    while more := sorted(name for name in {*names} - found if lives_in[name] & found):
        yield from more
        found |= {*more}
