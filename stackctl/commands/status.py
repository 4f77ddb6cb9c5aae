"""`stackctl status`: per spoke what runs, whether it is what the files declare, and what was proved of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from stackctl import records
from stackctl.apply.wait import subscribe
from stackctl.commands.opened import look_at_host, open_stack
from stackctl.commands.plan import make
from stackctl.commands.story import ABSENT, Ended, SpokeStatus, StatusAnswer, Story, Watched
from stackctl.engine import Engine
from stackctl.errors import Exit
from stackctl.events import Said
from stackctl.findings import InvalidFiles
from stackctl.model import Container, Spoke, State, Verb
from stackctl.observe import observe

REFRESH = 2.0
"""Seconds after which `--watch` looks again although nothing was told by the Engine."""

UNPROVED = "CK501"

_WAY_OUT = {
    State.STALE: "it passed on other files, or what it depends on has changed; run `stackctl verify`",
    State.FAILING: "`stackctl verify` shows what does not hold",
    State.UNTESTED: "nothing was ever proved of it; run `stackctl verify`",
}

_SETTLED = 0.15
"""Seconds in which events that belong together come; they are shown as one."""


def status(
    root: Path,
    *,
    environ: Mapping[str, str],
    check: bool = False,
    profiles: frozenset[str] = frozenset(),
) -> Story:
    """`check` asks of each spoke that runs, or that `up` with these profiles means, to be proved."""
    with Engine.connect(environ) as engine:
        answer, said = look(root, engine, environ)
    yield from said
    if not check:
        return Ended(answer)
    stack = open_stack(root).stack
    broken = [row for row in answer.spokes if _meant(stack.spoke(row.spoke), row, profiles) and _lacks(row)]
    for row in broken:
        yield Said(f"{row.spoke} is {row.proof}: {_WAY_OUT[row.proof]}", warning=True)
    return Ended(answer, Exit.NOT_PROVED if broken else Exit.DONE)


def _meant(spoke: Spoke, row: SpokeStatus, profiles: frozenset[str]) -> bool:
    return spoke.active(profiles) or row.runs != ABSENT


def _lacks(row: SpokeStatus) -> bool:
    return row.proof is not State.PROVED and not row.accepted


def watch(root: Path, *, environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> Story:
    """The status again whenever something happens, until it is interrupted."""
    with Engine.connect(environ) as engine:
        answer, told = look(root, engine, environ)
        yield from told
        with subscribe(engine, answer.stack) as events:
            while True:
                yield Watched(answer)
                if next(events.until(clock() + REFRESH), None) is not None:
                    list(events.until(clock() + _SETTLED))
                try:
                    answer, said = look(root, engine, environ)
                except InvalidFiles as error:
                    # Somebody is in the middle of an edit: what was shown stays until the files are sound.
                    said = (Said(error.message, warning=True),)
                yield from (sentence for sentence in said if sentence not in told)
                told = said


def look(root: Path, engine: Engine, environ: Mapping[str, str]) -> tuple[StatusAnswer, tuple[Said, ...]]:
    """How things stand, and what cannot be said of it."""
    said: list[Said] = []
    opened = open_stack(root)
    view = look_at_host(opened, environ)
    said += view.unread()
    observed = observe(engine, opened.stack.name)
    history = records.read(root)
    if history.torn:
        said.append(Said(history.torn, warning=True))
    states = records.states(opened.stack, opened.bundle, history.records)
    try:
        made = make(opened, view, observed, frozenset({"*"}))
        verbs = {action.spoke: action.verb for action in made.plan.actions}
    except InvalidFiles as error:
        verbs = {}
        said.append(
            Said(f"changes are unknown: {'; '.join(f.message for f in error.findings)}", warning=True)
        )
    last = {r.spoke: r.at for r in history.records if r.stack == opened.stack.name}
    rows = []
    for spoke in opened.stack.spokes:
        containers = observed.of_spoke(spoke.name)
        newest = containers[-1] if containers else None
        verb = verbs.get(spoke.name, Verb.NOTHING)
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
    return answer, tuple(said)


def _runs(container: Container | None) -> str:
    if container is None:
        return ABSENT
    if container.running:
        return container.health or "running"
    return f"{container.state} ({container.exit_code})" if container.state == "exited" else container.state
