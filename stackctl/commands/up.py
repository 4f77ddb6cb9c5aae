"""`stackctl up`: load, plan, show, confirm, write, apply, verify."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from stackctl import state
from stackctl.apply import apply, pull
from stackctl.commands.opened import look_at_host, open_stack
from stackctl.commands.plan import image_id, make
from stackctl.commands.render import known_applied, write
from stackctl.commands.story import Ended, Story, UpAnswer
from stackctl.commands.verify import named, prove
from stackctl.compose import Compose
from stackctl.engine import Engine
from stackctl.errors import Exit, StackctlError
from stackctl.events import Found, Planned, Said
from stackctl.model import Plan, Verb
from stackctl.observe import observe


def up(
    root: Path,
    spokes: tuple[str, ...],
    *,
    profiles: frozenset[str],
    refresh: bool,
    verify: bool,
    confirm: Callable[[Plan], bool],
    environ: Mapping[str, str],
) -> Story:
    opened = open_stack(root)
    yield from (Found(finding) for finding in opened.findings)
    named(opened, spokes)
    view = look_at_host(opened, environ)
    engine = Engine.connect(environ)
    if not engine.is_local:
        raise StackctlError(
            f"the Engine at {engine.endpoint} is not on this machine",
            "`up` mounts files of this folder, so it needs a local Engine; plan and status do not",
        )
    observed = observe(engine, opened.stack.name)
    plan = make(opened, view, observed, profiles, spokes, refresh)
    yield Planned(plan)

    if plan.changes:
        if not confirm(plan):
            raise StackctlError("declined; nothing was changed")
        compose = Compose.locate(opened.root, opened.stack.name, view.host.variables)
        yield from pull(plan, view.on_host.stanzas, observed, compose)
        observed = observe(engine, opened.stack.name)
        known = {s.name: image_id(observed, view, s.name) for s in opened.stack.spokes}
        images = {**state.applied_images(opened.root), **{s: i for s, i in known.items() if i}}
        write(opened, view, known_applied(opened, view, images))
        yield from apply(plan, opened.stack, view.on_host.stanzas, observed, engine, compose)
        state.remember_images(opened.root, images)
    else:
        write(opened, view, known_applied(opened, view, state.applied_images(opened.root)))
        yield Said("nothing to do: what runs is what the files declare")

    if not verify:
        return Ended(UpAnswer(plan))
    acted = tuple(a.spoke for a in plan.actions if a.verb is not Verb.REMOVE)
    results = yield from prove(opened, view, engine, acted)
    return Ended(UpAnswer(plan, results), Exit.DONE if all(r.holds for r in results) else Exit.NOT_PROVED)
