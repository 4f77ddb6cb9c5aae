"""`stackctl status`: per spoke what runs, whether it is what the files declare, and what was proved of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stackctl import records
from stackctl.commands.opened import look_at_host, open_stack
from stackctl.commands.plan import make
from stackctl.commands.story import Ended, SpokeStatus, StatusAnswer, Story
from stackctl.engine import Engine
from stackctl.events import Said
from stackctl.findings import InvalidFiles
from stackctl.model import Container, Verb
from stackctl.observe import observe


def status(root: Path, *, environ: Mapping[str, str]) -> Story:
    opened = open_stack(root)
    view = look_at_host(opened, environ)
    engine = Engine.connect(environ)
    observed = observe(engine, opened.stack.name)
    history = records.read(root)
    if history.torn:
        yield Said(history.torn, warning=True)
    states = records.states(opened.stack, opened.bundle, history.records)
    try:
        made = make(opened, view, observed, frozenset({"*"}))
        verbs = {action.spoke: action.verb for action in made.plan.actions}
    except InvalidFiles as error:
        verbs = {}
        yield Said(f"changes are unknown: {'; '.join(f.message for f in error.findings)}", warning=True)
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
            )
        )
    known = {spoke.name for spoke in opened.stack.spokes}
    strays = tuple(c.name for c in observed.containers if c.spoke not in known)
    return Ended(StatusAnswer(opened.stack.name, observed.engine_version, tuple(rows), strays))


def _runs(container: Container | None) -> str:
    if container is None:
        return "absent"
    if container.running:
        return container.health or "running"
    return f"{container.state} ({container.exit_code})" if container.state == "exited" else container.state
