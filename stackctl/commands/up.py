"""`stackctl up`: load, plan, show, confirm, write, apply, verify."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from stackctl import secrets, state
from stackctl.apply import apply, beside
from stackctl.apply.start import Site
from stackctl.commands import saved
from stackctl.commands.opened import (
    HostView,
    Opened,
    compose_for,
    known_profiles,
    left_out,
    look_at_host,
    named,
    open_stack,
    with_secrets,
)
from stackctl.commands.plan import consent, image_id, make
from stackctl.commands.render import known_applied, write
from stackctl.commands.story import Ended, Story, UpAnswer, Watched
from stackctl.commands.verify import prove
from stackctl.engine import Engine
from stackctl.errors import Exit, StackctlError
from stackctl.events import Event, Found, Planned, Said
from stackctl.lock import Lock
from stackctl.model import Observed, Plan, Verb, Wanted
from stackctl.observe import observe
from stackctl.plan import selected
from stackctl.replace import generations, replicas


def up(
    root: Path,
    spokes: tuple[str, ...],
    *,
    profiles: frozenset[str],
    refresh: bool,
    verify: bool,
    confirm: Callable[[Plan], bool],
    environ: Mapping[str, str],
    held: Lock,
    expose: Callable[[Plan], bool] = lambda _: False,
    plan_file: Path | None = None,
) -> Story:
    """`expose` is asked where the plan opens what was closed; `plan_file` is a plan that `plan` saved."""
    kept = saved.load(plan_file) if plan_file is not None else None
    if kept is not None:
        spokes, profiles, refresh = kept.asked.spokes, frozenset(kept.asked.profiles), kept.asked.refresh
    opened = open_stack(root)
    yield from (Found(finding) for finding in opened.findings)
    only = named(opened.stack, spokes)
    yield from left_out(opened, known_profiles(opened, profiles), only)
    view = look_at_host(opened, environ)
    yield from view.stand_ins()
    yield from view.unread()
    engine = Engine.connect(environ)
    if not engine.is_local:
        raise StackctlError(
            f"the Engine at {engine.endpoint.url} is not on this machine",
            "`up` mounts files of this folder, so it needs a local Engine; plan and status do not",
        )
    observed = observe(engine, opened.stack.name)
    view = with_secrets(opened, view, selected(opened.stack, profiles, only))
    observed = yield from _finished(opened, view, engine, observed, environ)
    made = make(opened, view, observed, profiles, only, refresh=refresh)
    plan = made.plan
    if kept is not None:
        saved.expect_unmoved(kept, opened, plan, made.wanted, observed)
    yield Planned(plan)
    images = state.applied_images(root)
    stanzas = {name: want.stanza for name, want in made.wanted.items()}
    view = replace(view, generations=generations(plan, observed, stanzas))

    if plan.changes:
        if plan.unaccepted and not expose(plan):
            raise StackctlError("declined what it would open; nothing was changed")
        if not confirm(plan):
            raise StackctlError("declined; nothing was changed")
        consent(opened, made)
        write(opened, view, known_applied(opened, view, images))
        give_secrets(opened, view, engine, made.wanted)

        def complete() -> None:
            """Now every image is here, so its id can enter the applied fingerprints."""
            here = observe(engine, opened.stack.name)
            images.update({name: image_id(here, view, name) for name in made.wanted})
            write(opened, view, known_applied(opened, view, images))

        yield from apply(
            plan,
            stack=opened.stack,
            wanted=made.wanted,
            observed=observed,
            engine=engine,
            compose=compose_for(opened, view, environ, held),
            complete=complete,
        )
        state.remember_images(root, images)
        state.remember_generations(root, view.generations)
    else:
        consent(opened, made)
        write(opened, view, known_applied(opened, view, images))
        state.remember_generations(root, view.generations)
        give_secrets(opened, view, engine, made.wanted)
        yield Said(plan.in_a_word)

    secrets.remove_unnamed(opened.stack, root)
    if not verify:
        return Ended(UpAnswer(plan))
    results = yield from prove(
        opened, view, engine, [a.spoke for a in plan.actions if a.verb is not Verb.REMOVE]
    )
    return Ended(UpAnswer(plan, results), Exit.DONE if all(r.holds for r in results) else Exit.NOT_PROVED)


def opening(plan: Plan) -> str:
    """The question about what the plan would open."""
    opened = [f"{exposure.spoke} {exposure.what}" for exposure in plan.unaccepted]
    return f"This would open what was closed: {'; '.join(opened)}. Allow it?"


def _finished(
    opened: Opened, view: HostView, engine: Engine, observed: Observed, environ: Mapping[str, str]
) -> Generator[Event | Watched, None, Observed]:
    """What runs, once replacements that an earlier run began are ended; the files are still that run's."""
    stanzas = view.on_host.stanzas
    crowded = [name for name, stanza in stanzas.items() if len(observed.of_spoke(name)) > replicas(stanza)]
    if not crowded:
        return observed
    wanted = {name: Wanted(stanza) for name, stanza in stanzas.items()}
    site = Site(opened.stack, wanted, engine, compose_for(opened, view, environ))
    for name, removed in beside.finish(site, crowded).items():
        told = ", ".join(container.name for container in removed)
        yield Said(f"{name}: an earlier replacement was cut short; {told} was removed", warning=True)
    return observe(engine, opened.stack.name)


def give_secrets(opened: Opened, view: HostView, engine: Engine, spokes: Iterable[str]) -> None:
    """Writes the files of secrets that these spokes mount; what is equal already is not touched."""
    if not view.secrets.values:
        return
    options = engine.get("/info").get("SecurityOptions") or ()
    # There, user 1000 of a container is another user of this host.
    shifted = any(option.startswith(("name=userns", "name=rootless")) for option in options)
    stanzas = {name: view.on_host.stanzas[name] for name in spokes}
    secrets.materialise(opened.stack, stanzas, view.secrets, opened.root, owners=not shifted)
    state.remember_secrets(opened.root, {name: view.macs[name] for name in view.secrets.values})
