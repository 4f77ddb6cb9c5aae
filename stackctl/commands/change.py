"""A change of what runs: what it is, and the steps that bringing it about and going back on it share."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from stackctl import history, secrets, state
from stackctl.apply import apply
from stackctl.apply.failures import failure
from stackctl.apply.start import Wrong
from stackctl.apply.wait import Verdict, Waiting, death, subscribe
from stackctl.causes import ROUTE_CHANGED
from stackctl.commands.edges import read_again, same_users, without_reloads
from stackctl.commands.opened import HostView, Opened, compose_for
from stackctl.commands.plan import Made
from stackctl.commands.render import known_applied
from stackctl.engine import Engine
from stackctl.errors import StackctlError
from stackctl.events import Event, Finished, Said, Started
from stackctl.fingerprint import sha256
from stackctl.history import Came, Run
from stackctl.journal import Begun, Journal, Unfinished
from stackctl.lock import Lock
from stackctl.model import Action, Kind, Observed, Result, Verb
from stackctl.observe import containers_of, observe
from stackctl.plan import dependencies
from stackctl.replace import generations

_LOOK = "see that it works"
_CHANGES_NOTHING = ("pull", "build", "backup")
"""Steps of an apply after which everything still runs as before."""


@dataclass(frozen=True)
class Change:
    """What is to be brought about, of which state."""

    command: str
    opened: Opened
    view: HostView
    made: Made
    observed: Observed
    engine: Engine
    environ: Mapping[str, str]
    held: Lock
    left: Unfinished | None = None
    """What an earlier run left undone, and this one finishes."""
    compose: Future[str] | None = None
    """The version of Compose, where it was asked for ahead."""

    @property
    def root(self) -> Path:
        return self.opened.root

    @property
    def verbs(self) -> dict[str, str]:
        """What is done with which spoke; also by the run that this one finishes."""
        earlier = dict(self.left.begun.changes) if self.left else {}
        return {**earlier, **{action.spoke: action.verb.value for action in self.made.plan.changes}}

    @cached_property
    def begun(self) -> Begun:
        earlier = self.left.begun.before if self.left else {}
        before = {
            # That there was none is known as well.
            name: earlier[name] if name in earlier else tuple(c.id for c in self.observed.of_spoke(name))
            for name in self.verbs
        }
        return Begun(self.command, target(self.opened, self.view), self.verbs, before)


@dataclass
class Progress:
    """What this run has done so far."""

    steps: list[tuple[str, str]] = field(default_factory=list)
    """Those that changed something, or may have."""

    @classmethod
    def after(cls, left: Unfinished | None) -> Progress:
        """Where a run begins that goes on with what another left."""
        steps = left.steps if left else ()
        return cls([one for one in dict.fromkeys(steps) if one[0] not in _CHANGES_NOTHING])

    @property
    def touched(self) -> bool:
        return bool(self.steps)


class ChecksFailed(StackctlError):
    """Checks that held before, as far as anybody knows, do not hold any more."""

    def __init__(self, results: Iterable[Result]) -> None:
        self.results = tuple(results)
        told = "; ".join(f"{r.check.spoke}: {r.check.code} {r.check.title}" for r in self.results[:3])
        more = f" and {len(self.results) - 3} more" if len(self.results) > 3 else ""
        saw = "\n".join(f"{r.check.spoke} {r.check.code}: {r.outcome}: {r.saw}" for r in self.results)
        super().__init__(f"what held before does not hold any more: {told}{more}", "", saw)


def stopped(change: Change, here: Observed) -> set[str]:
    """The spokes of which nothing ran when this began, and nothing does now."""
    seen = (*change.observed.containers, *here.containers)
    at_work = {c.spoke for c in seen if c.state not in ("created", "exited", "dead")}
    return {spoke.name for spoke in change.opened.stack.spokes} - at_work - change.verbs.keys()


def target(opened: Opened, view: HostView) -> str:
    """Tells one state to be applied from another; no value of this host can be read from it.

    Nothing counts that a run learns on its way, as the ids of images: the next one is to know it again.
    """
    labels = known_applied(opened, view, dict.fromkeys(view.on_host.stanzas, "-"))
    fingerprints = {name: found.digest for name, found in opened.bundle.fingerprints.items()}
    return sha256([fingerprints, {name: sha256(label) for name, label in labels.items()}])


def with_generations(change: Change) -> HostView:
    """The view with the generation that each spoke has once the plan is carried out."""
    stanzas = {name: want.stanza for name, want in change.made.wanted.items()}
    return replace(change.view, generations=generations(change.made.plan, change.observed, stanzas))


def run_plan(
    change: Change,
    complete: object = None,
    renewed: tuple[str, ...] = (),
    wrong: Wrong = lambda new: {},
) -> Generator[Event, None, None]:
    """Carries out the plan; edges read again what they serve, and the `renewed` certificates.

    They do so before containers change, as an app that is new is then reached once it answers. Only where a
    route of a running app changes do they read it afterwards: the old container may not answer there.
    """
    plan, containers = change.made.plan, without_reloads(change.made.plan)
    compose = compose_for(change.opened, change.view, change.environ, change.held, change.compose)
    begun = frozenset(action.spoke for action in containers.changes)

    def reading(starting: frozenset[str] = frozenset()) -> Iterator[Event]:
        return read_again(change.opened, plan, renewed, change.engine, compose, starting)

    afterwards = not containers.changes or any(map(_changes_a_route, plan.changes))
    yield from apply(
        containers,
        stack=change.opened.stack,
        wanted=change.made.wanted,
        observed=change.observed,
        engine=change.engine,
        compose=compose,
        complete=complete if callable(complete) else None,
        first=None if afterwards else lambda: reading(begun),
        wrong=wrong,
    )
    if afterwards:
        yield from reading()


def _changes_a_route(action: Action) -> bool:
    return action.verb is Verb.RECREATE and any(cause.field == ROUTE_CHANGED for cause in action.causes)


def noted(
    journal: Journal, progress: Progress, events: Iterator[Event], *, going_back: bool = False
) -> Iterator[Event]:
    """The same events, each step written down before it is done.

    While going back, a journal that cannot be written stops nothing: it says already what has to be done.
    """
    errors: tuple[type[Exception], ...] = (StackctlError,) if going_back else ()
    assert isinstance(events, Generator)
    try:
        event = next(events)
        while True:
            try:
                if isinstance(event, Started):
                    with suppress(*errors):
                        journal.step(event.step, event.spoke)
                    if event.step not in _CHANGES_NOTHING:
                        progress.steps.append((event.step, event.spoke))
                elif isinstance(event, Finished):
                    with suppress(*errors):
                        journal.ended(event.step, event.spoke, ok=event.ok)
                yield event
            except KeyboardInterrupt as interrupt:
                # Only what is at work can say how far it came.
                event = events.throw(interrupt)
            else:
                event = next(events)
    except StopIteration:
        return
    finally:
        events.close()


def on_their_way(change: Change) -> frozenset[str]:
    """What the plan leaves alone, its changes depend on, and somebody started who did not wait for it."""
    stack = change.opened.stack
    changed = {action.spoke for action in change.made.plan.changes}
    needed = dependencies(stack, changed) - changed
    jobs = {
        dependency.spoke
        for spoke in stack.spokes
        for dependency in spoke.dependencies
        if spoke.name in changed and dependency.condition == "service_completed_successfully"
    }
    return frozenset(
        container.spoke
        for container in change.observed.containers
        if container.spoke in needed
        and container.running
        and (container.health == "starting" or container.spoke in jobs)
    )


def working(change: Change, spokes: Iterable[str]) -> Iterator[Event]:
    """Waits until the containers of these spokes work, whoever started them.

    Raises:
        SpokeFailed: One does not.
    """
    kinds = {spoke.name: spoke.kind for spoke in change.opened.stack.spokes}
    names = [name for name in spokes if name in kinds]
    if not names:
        return
    project = change.opened.stack.name
    with subscribe(change.engine, project) as events:
        waiting = Waiting(change.engine, events)
        containers = containers_of(change.engine, project, names)
        for container in containers:
            waiting.add(container, kinds[container.spoke])
        for name in dict.fromkeys(container.spoke for container in containers):
            yield Started(_LOOK, name)
        while waiting:
            for verdict in waiting.verdicts():
                name = verdict.container.spoke
                yield Finished(_LOOK, name, ok=verdict.ok, detail=verdict.detail)
                if not verdict.ok:
                    compose = compose_for(change.opened, change.view, change.environ, change.held)
                    raise failure(name, verdict, change.engine, compose)


def alive(change: Change) -> Observed:
    """What runs now, with nothing that this run started dead in it.

    What has no healthcheck counts as started after a second; a slow program dies later than that.

    Raises:
        SpokeFailed: One is dead by now, or dies again and again.
    """
    # Inspected and not listed: the Engine's list may still tell of what has just ended as running.
    here = observe(change.engine, change.opened.stack.name)
    stays = {spoke.name for spoke in change.opened.stack.spokes if spoke.kind is not Kind.JOB}
    started = stays & {action.spoke for action in change.made.plan.changes}
    for container in here.containers:
        if container.spoke in started and container.state in ("exited", "dead", "restarting"):
            compose = compose_for(change.opened, change.view, change.environ, change.held)
            verdict = Verdict(container, False, death(container))
            raise failure(container.spoke, verdict, change.engine, compose)
    return here


def note(change: Change, came: Came, why: str = "", good: int = 0) -> Iterator[Event]:
    """Adds this run to the history."""
    begun = change.begun
    try:
        history.append(change.root, Run(begun.at, begun.by, change.command, change.verbs, came, why, good))
    except StackctlError as error:
        yield Said(error.message, warning=True)


def give_secrets(opened: Opened, view: HostView, engine: Engine, spokes: Iterable[str]) -> None:
    """Writes the files of secrets that these spokes mount; what is equal already is not touched."""
    if not view.secrets.values:
        return
    stanzas = {name: view.on_host.stanzas[name] for name in spokes}
    secrets.materialise(opened.stack, stanzas, view.secrets, opened.root, owners=same_users(engine))
    state.remember_secrets(opened.root, {name: view.macs[name] for name in view.secrets.values})


def network_names(opened: Opened) -> frozenset[str]:
    """The names on the Engine of the networks that the stack declares."""
    project = opened.stack.name
    declared = opened.bundle.compose.get("networks") or {}
    names = {str((how or {}).get("name") or f"{project}_{name}") for name, how in declared.items()}
    return frozenset({*names, f"{project}_default"})
