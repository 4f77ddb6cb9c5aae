"""Carries out a plan, exactly as it stands: the only step that changes what runs."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from stackctl.apply.fetch import fetch
from stackctl.apply.start import start
from stackctl.apply.trouble import blamed, explained
from stackctl.apply.wait import Verdict, subscribe, wait
from stackctl.compose import Compose
from stackctl.engine import Engine, EventStream
from stackctl.errors import Exit, StackctlError
from stackctl.events import Event, Finished, Line, Started
from stackctl.model import Action, Container, Observed, Plan, Stack, Verb, Wanted
from stackctl.observe import containers_of
from stackctl.plan import waves
from stackctl.process import redacted

LOG_LINES = 20


class SpokeFailed(StackctlError):
    """A spoke that this run created, recreated or started does not work."""

    def __init__(
        self, spoke: str, message: str, hint: str = "", detail: str = "", log: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, hint, detail)
        self.spoke = spoke
        self.log = log
        """The last lines that its container wrote."""


class Interrupted(StackctlError):
    """The person stopped the run; what had been applied stays so."""

    exit_code = Exit.INTERRUPTED

    def __init__(self, applied: tuple[str, ...], left: tuple[str, ...], begun: tuple[str, ...] = ()) -> None:
        created = f"created, not waited for: {', '.join(begun)}; " if begun else ""
        super().__init__(
            f"interrupted; applied: {', '.join(applied) or 'nothing'}; {created}"
            f"not finished: {', '.join(left) or 'nothing'}",
            "run the same command again to go on",
        )
        self.applied = applied
        self.left = left
        self.begun = begun
        """Their containers were created or started, but nobody saw whether they work."""


def apply(
    plan: Plan,
    *,
    stack: Stack,
    wanted: Mapping[str, Wanted],
    observed: Observed,
    engine: Engine,
    compose: Compose,
    complete: Callable[[], None] | None = None,
) -> Iterator[Event]:
    """Carry out a plan: fetch images, remove what is gone, then each wave of the dependency graph.

    Removals are part of the plan: without a yes for them, leave them out of it. `complete` runs when all
    images are there and nothing has been changed yet. Raises SpokeFailed for a spoke that does not come
    up, Interrupted on Ctrl-C. A plan without changes calls nothing at all.
    """
    changes = {action.spoke: action for action in plan.changes}
    if not changes:
        return
    applied: list[str] = []
    try:
        compose.check()
        yield from fetch(plan, wanted, compose)
        if complete is not None:
            complete()
        for name in [a.spoke for a in plan.changes if a.verb is Verb.REMOVE]:
            yield from remove(name, observed, compose)
            applied.append(name)
        # Subscribed before anything starts, so that nothing can happen unseen.
        with subscribe(engine, compose.project) as events:
            for wave in waves(stack, changes.keys() & {spoke.name for spoke in stack.spokes}):
                for event in _wave([changes[name] for name in wave], stack, wanted, engine, events, compose):
                    if isinstance(event, Finished) and event.ok:
                        applied.append(event.spoke)
                    yield event
    except KeyboardInterrupt:
        open_ones = [name for name in changes if name not in applied]
        begun = _begun(open_ones, observed, engine, compose)
        left = tuple(name for name in open_ones if name not in begun)
        raise Interrupted(tuple(applied), left, begun) from None


def _begun(spokes: list[str], observed: Observed, engine: Engine, compose: Compose) -> tuple[str, ...]:
    """Those of the spokes that have a container which was not there, or did not run, before this run."""
    before = {container.id: container.running for container in observed.containers}
    now: tuple[Container, ...] = ()
    # The Engine may be what the person did not want to wait for.
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


def _wave(
    actions: list[Action],
    stack: Stack,
    wanted: Mapping[str, Wanted],
    engine: Engine,
    events: EventStream,
    compose: Compose,
) -> Iterator[Event]:
    """Start everything in the wave, then wait until all of it works."""
    verbs = {action.spoke: action.verb for action in actions}
    for name, verb in verbs.items():
        yield Started(verb, name)
    replaced = tuple(name for name, verb in verbs.items() if verb is Verb.RECREATE)
    kept = tuple(name for name in verbs if name not in replaced)
    for services, recreate in ((kept, False), (replaced, True)):
        if not services:
            continue
        done = start(services, recreate=recreate, stack=stack, wanted=wanted, engine=engine, compose=compose)
        if done.exit_code:
            culprit = blamed(done, compose.project, services)
            error = explained(done, "docker compose up", culprit)
            for name, verb in verbs.items():
                yield Finished(verb, name, ok=False, detail=error.message if name == culprit else "")
            raise SpokeFailed(culprit, error.message, error.hint, error.detail) if culprit else error
    started = {
        container.id: (container, stack.spoke(container.spoke).kind)
        for container in containers_of(engine, compose.project, verbs)
    }
    # A failure does not cut short the wait for the others: it takes no longer than success would have.
    failures: list[SpokeFailed] = []
    replicas = Counter(container.spoke for container, _ in started.values())
    for verdict in wait(engine, events, started):
        name = verdict.container.spoke
        if verdict.ok:
            replicas[name] -= 1
            if not replicas[name]:
                yield Finished(verbs[name], name, detail=verdict.detail)
            continue
        failures.append(_failure(name, verdict, engine, compose))
        yield Finished(verbs[name], name, ok=False, detail=failures[-1].message)
        yield from (Line(name, line) for line in failures[-1].log)
    if failures:
        raise _together(failures)


def _failure(spoke: str, verdict: Verdict, engine: Engine, compose: Compose) -> SpokeFailed:
    """Why a container does not work, with the end of its own log."""
    name = verdict.container.name
    log: tuple[str, ...] = ()
    # It may have been removed, or its log driver keeps nothing to read.
    with contextlib.suppress(StackctlError):
        log = tuple(redacted(engine.logs(verdict.container.id, LOG_LINES), compose.redact).splitlines())
    message = redacted(f"{spoke} {verdict.detail}", compose.redact)
    hint = f"see its whole log: docker logs {name}"
    return SpokeFailed(spoke, message, hint, "\n".join((f"the last lines of {name}:", *log)), log)


def _together(failures: list[SpokeFailed]) -> SpokeFailed:
    """One error for all that failed in a wave; the first one gives it its spoke and its hint."""
    first, *others = failures
    if not others:
        return first
    message = "; ".join(failure.message for failure in failures)
    return SpokeFailed(first.spoke, message, first.hint, "\n".join(f.detail for f in failures), first.log)
