"""`stackctl status`: per spoke what runs, whether it is what the files declare, and what was proved of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stackctl import records
from stackctl.apply.wait import subscribe
from stackctl.commands.opened import HostView, Opened, look_at_host, open_stack
from stackctl.commands.plan import make
from stackctl.commands.story import ABSENT, Ended, SpokeStatus, StatusAnswer, Story, Watched
from stackctl.engine import Engine
from stackctl.errors import Exit
from stackctl.events import Said
from stackctl.findings import InvalidFiles
from stackctl.journal import left_undone
from stackctl.model import Container, Observed, Stack, State, Verb
from stackctl.observe import observe
from stackctl.plan import selected

REFRESH = 2.0
"""Seconds after which `--watch` looks again although nothing was told by the Engine."""

UNPROVED = "CK501"

_WAY_OUT = {
    State.STALE: "it passed on other files, or what it depends on or what is checked has changed; "
    "run `stackctl verify`",
    State.FAILING: "`stackctl verify` shows what does not hold",
    State.UNTESTED: "nothing was ever proved of it; run `stackctl verify`",
}

_RESTING = ("created", "exited", "dead")
_NOT_RUNNING = ("restarting", "paused", "dead", "removing", "unhealthy")
"""States in which nothing works and that no change of the plan tells of."""

_SETTLED = 0.15
"""Seconds in which events that belong together come; they are shown as one."""


def status(
    root: Path,
    *,
    environ: Mapping[str, str],
    check: bool = False,
    profiles: frozenset[str] = frozenset(),
) -> Story:
    """`check` asks of each spoke that runs, or that `up` with these profiles means, to run as its files
    declare, and to be proved."""
    with Engine.connect(environ) as engine:
        seen = look(root, engine, environ, profiles)
    yield from seen.said
    if not check:
        return Ended(seen.answer)
    lacking = tuple(lacks(seen.answer, open_stack(root).stack, profiles))
    yield from (Said(told, warning=True) for told in lacking)
    good = seen.known and not lacking
    return Ended(seen.answer, Exit.DONE if good else Exit.NOT_PROVED)


def lacks(answer: StatusAnswer, stack: Stack, profiles: frozenset[str]) -> Iterator[str]:
    """What keeps `--check` from saying yes, in sentences."""
    means = selected(stack, profiles)
    for row in answer.spokes:
        state = row.runs.partition(" ")[0]
        if row.spoke not in means and state in (ABSENT, *_RESTING):
            continue
        if row.changes:
            yield f"{row.spoke} is not what the files declare (it is {row.runs}): `up` would {row.changes} it"
        elif state in _NOT_RUNNING:
            yield f"{row.spoke} does not work, it is {row.runs}; see `stackctl logs {row.spoke}`"
        if row.proof is not State.PROVED and not row.accepted:
            yield f"{row.spoke} is {row.proof}: {_WAY_OUT[row.proof]}"


def watch(root: Path, *, environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> Story:
    """The status again whenever something happens, until it is interrupted."""
    with Engine.connect(environ) as engine:
        seen = look(root, engine, environ)
        told, answer = seen.said, seen.answer
        yield from told
        with subscribe(engine, answer.stack) as events:
            while True:
                yield Watched(answer)
                if next(events.until(clock() + REFRESH), None) is not None:
                    list(events.until(clock() + _SETTLED))
                try:
                    seen = look(root, engine, environ)
                    answer, said = seen.answer, seen.said
                except InvalidFiles as error:
                    # Somebody is in the middle of an edit: what was shown stays until the files are sound.
                    said = (Said(error.message, warning=True),)
                yield from (sentence for sentence in said if sentence not in told)
                told = said


@dataclass(frozen=True)
class Look:
    """How things stand, and what cannot be said of it."""

    answer: StatusAnswer
    said: tuple[Said, ...]
    known: bool
    """Whether the changes of all that is meant could be told."""


def look(
    root: Path, engine: Engine, environ: Mapping[str, str], profiles: frozenset[str] = frozenset()
) -> Look:
    said: list[Said] = []
    opened = open_stack(root)
    view = look_at_host(opened, environ)
    said += view.unread()
    observed = observe(engine, opened.stack.name)
    if undone := left_undone(root):
        said.append(Said(undone, warning=True))
    history = records.read(root)
    if history.torn:
        said.append(Said(history.torn, warning=True))
    states = records.states(opened.stack, opened.bundle, history.records)
    verbs, unknown = _verbs(opened, view, observed, profiles)
    said += unknown
    last = {r.spoke: r.at for r in history.records if r.stack == opened.stack.name}
    rows = []
    for spoke in opened.stack.spokes:
        containers = observed.of_spoke(spoke.name)
        newest = containers[-1] if containers else None
        verb = (verbs or {}).get(spoke.name, Verb.NOTHING)
        rows.append(
            SpokeStatus(
                spoke.name,
                spoke.kind.value,
                spoke.profiles,
                _runs(newest),
                newest.restarts if newest else 0,
                "" if verb is Verb.NOTHING else verb.value,
                states[spoke.name].state,
                states[spoke.name].documented,
                view.host.images.get(spoke.name, ""),
                opened.bundle.fingerprints[spoke.name].short,
                last.get(spoke.name, ""),
                next((a.reason for a in spoke.accept if a.code == UNPROVED and not a.name), ""),
            )
        )
    known = {spoke.name for spoke in opened.stack.spokes}
    edges = {spoke.name for spoke in opened.stack.resting}
    resting = tuple(c.name for c in observed.containers if c.spoke in edges)
    strays = tuple(c.name for c in observed.containers if c.spoke not in known | edges)
    answer = StatusAnswer(opened.stack.name, observed.engine_version, tuple(rows), strays, resting)
    return Look(answer, tuple(said), verbs is not None)


def _verbs(
    opened: Opened, view: HostView, observed: Observed, profiles: frozenset[str]
) -> tuple[dict[str, Verb] | None, tuple[Said, ...]]:
    """What `up` would do with each spoke; None, where not even that of those it means can be told."""
    said: tuple[Said, ...] = ()
    # What a spoke lacks that nobody means keeps nothing back from the others.
    for among in (frozenset({"*"}), profiles):
        try:
            plan = make(opened, view, observed, among).plan
        except InvalidFiles as error:
            why = "; ".join(finding.message for finding in error.findings)
            said = said or (Said(f"changes are unknown: {why}", warning=True),)
        else:
            return {action.spoke: action.verb for action in plan.actions}, said
    return None, said


def _runs(container: Container | None) -> str:
    if container is None:
        return ABSENT
    if container.running:
        return container.health or "running"
    return f"{container.state} ({container.exit_code})" if container.state == "exited" else container.state
