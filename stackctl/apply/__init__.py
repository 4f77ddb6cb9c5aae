"""Carries out a plan, exactly as it stands: the only step that changes what runs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

from stackctl.apply.failures import Interrupted, SpokeFailed
from stackctl.apply.fetch import fetch
from stackctl.apply.start import Site, Wrong
from stackctl.apply.trouble import explained
from stackctl.apply.turns import Turns
from stackctl.apply.wait import subscribe
from stackctl.compose import Compose
from stackctl.engine import Engine
from stackctl.errors import StackctlError
from stackctl.events import Event, Finished, Started
from stackctl.model import Container, Observed, Plan, Stack, Verb, Wanted
from stackctl.observe import containers_of

__all__ = ["Interrupted", "SpokeFailed", "apply", "remove"]


def apply(
    plan: Plan,
    *,
    stack: Stack,
    wanted: Mapping[str, Wanted],
    observed: Observed,
    engine: Engine,
    compose: Compose,
    complete: Callable[[], None] | None = None,
    first: Callable[[], Iterator[Event]] | None = None,
    wrong: Wrong = lambda new: {},
) -> Iterator[Event]:
    """Carry out a plan: fetch images, remove what is gone, then each spoke once those that it needs work.

    Removals are part of the plan: without a yes for them, leave them out of it. `complete` runs when all
    images are there and nothing has been changed yet, `first` after it, before any container changes. `wrong`
    is `Site.wrong`.
    Raises SpokeFailed for a spoke that does not come up, Interrupted on Ctrl-C. A plan without changes calls
    nothing at all.
    """
    changes = {action.spoke: action for action in plan.changes}
    if not changes:
        return
    applied: list[str] = []
    turns: Turns | None = None
    try:
        compose.check()
        yield from fetch(plan, wanted, compose)
        if complete is not None:
            complete()
        if first is not None:
            yield from first()
        for name in [a.spoke for a in plan.changes if a.verb is Verb.REMOVE]:
            yield from remove(name, observed, compose)
            applied.append(name)
        # Subscribed before anything starts, so that nothing can happen unseen.
        with subscribe(engine, compose.project) as events:
            known = {spoke.name for spoke in stack.spokes}
            here = {name: changes[name] for name in changes if name in known and name not in applied}
            turns = Turns(Site(stack, wanted, engine, compose, wrong), here, events)
            for event in turns.run():
                if isinstance(event, Finished) and event.ok:
                    applied.append(event.spoke)
                yield event
    except KeyboardInterrupt:
        # The Engine may be what the person did not want to wait for.
        with contextlib.suppress(StackctlError, KeyboardInterrupt):
            if turns is not None:
                turns.clean_up()
        open_ones = [name for name in changes if name not in applied]
        begun = _begun(open_ones, observed, engine, compose)
        left = tuple(name for name in open_ones if name not in begun)
        raise Interrupted(tuple(applied), left, begun) from None


def _begun(spokes: list[str], observed: Observed, engine: Engine, compose: Compose) -> tuple[str, ...]:
    """Those of the spokes that have a container which was not there, or did not run, before this run."""
    before = {container.id: container.running for container in observed.containers}
    now: tuple[Container, ...] = ()
    with contextlib.suppress(StackctlError, KeyboardInterrupt):
        now = tuple(containers_of(engine, compose.project, spokes))
    touched = {c.spoke for c in now if c.id not in before or (c.running and not before[c.id])}
    return tuple(name for name in spokes if name in touched)


def remove(spoke: str, observed: Observed, compose: Compose) -> Iterator[Event]:
    """Stop and remove a spoke's containers by their ids; its volumes stay."""
    yield Started(Verb.REMOVE, spoke)
    done = compose.remove([container.id for container in observed.of_spoke(spoke)])
    if done.exit_code:
        yield Finished(Verb.REMOVE, spoke, ok=False)
        raise explained(done, "the removal", spoke)
    yield Finished(Verb.REMOVE, spoke)
