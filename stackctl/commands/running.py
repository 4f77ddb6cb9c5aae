"""`stackctl restart` and `stackctl stop`: containers that are there, as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import CycleError
from pathlib import Path

from stackctl.apply.failures import SpokeFailed, failure, together
from stackctl.apply.trouble import explained
from stackctl.apply.wait import Waiting, subscribe
from stackctl.commands.acting import Acting, act_on
from stackctl.commands.story import ActedAnswer, Ended, Story
from stackctl.errors import StackctlError
from stackctl.event_stream import EventStream
from stackctl.events import Event, Finished, Line, Said, Started
from stackctl.lock import Lock
from stackctl.model import Kind, Stack
from stackctl.observe import containers_of
from stackctl.plan import waves

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
    yield from (_restarted if verb == RESTART else _stopped)(acting, spokes)
    return Ended(ActedAnswer(verb, spokes))


def _in_order(stack: Stack, spokes: tuple[str, ...]) -> tuple[str, ...]:
    """Each after what it needs: whoever lives in another's namespace would else join one that ends."""
    try:
        return tuple(name for wave in waves(stack, spokes) for name in wave)
    except CycleError:
        return spokes


def _stopped(acting: Acting, spokes: tuple[str, ...]) -> Iterator[Event]:
    for name in spokes:
        yield Started(STOP, name)
        done = acting.compose.stop((name,))
        yield Finished(STOP, name, ok=not done.exit_code)
        if done.exit_code:
            raise explained(done, f"the {STOP}", name)


def _restarted(acting: Acting, spokes: tuple[str, ...]) -> Iterator[Event]:
    """One that fails is no reason to leave those behind that live in its namespace."""
    failures: list[StackctlError] = []
    with subscribe(acting.engine, acting.stack.name) as events:
        for name in _in_order(acting.stack, spokes):
            yield Started(RESTART, name)
            done = acting.compose.restart((name,))
            if done.exit_code:
                yield Finished(RESTART, name, ok=False)
                failures.append(explained(done, f"the {RESTART}", name))
                continue
            try:
                detail = _works(acting, name, events)
            except SpokeFailed as failed:
                yield Finished(RESTART, name, ok=False, detail=failed.message)
                yield from (Line(name, line) for line in failed.log)
                failures.append(failed)
            else:
                yield Finished(RESTART, name, detail=detail)
    if failures:
        raise together(failures)


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
