"""`stackctl plan`: what `up` would do on this host, and why. Changes nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from stackctl import journal, reload, state
from stackctl.commands import saved
from stackctl.commands.opened import (
    HostView,
    Opened,
    expect_ours,
    known_profiles,
    left_out,
    look_at_host,
    named,
    open_stack,
    with_secrets,
)
from stackctl.commands.render import known_applied, there
from stackctl.commands.settle import settle
from stackctl.commands.story import Ended, PlanAnswer, Story
from stackctl.consequences import with_consequences
from stackctl.engine import Engine
from stackctl.errors import Exit
from stackctl.events import Found, Said
from stackctl.exposure import keys, of_plan
from stackctl.files import missing_inputs, missing_paths
from stackctl.findings import InvalidFiles
from stackctl.fingerprint import sha256
from stackctl.model import Action, Observed, Plan, Verb, Wanted, Who
from stackctl.observe import observe
from stackctl.plan import meant
from stackctl.plan import plan as decide
from stackctl.render import RENDERED_DIR
from stackctl.surroundings import digests, notices


def plan(
    root: Path,
    spokes: tuple[str, ...],
    *,
    profiles: frozenset[str],
    refresh: bool,
    check: bool,
    environ: Mapping[str, str],
    out: Path | None = None,
    line: tuple[str, ...] = (),
) -> Story:
    """`out` gets the plan as a file for `up --plan`; `line` is the command line, where it may be kept."""
    began = time.time()
    opened = open_stack(root)
    yield from (Found(finding) for finding in opened.findings)
    only = named(opened.stack, spokes)
    told = [*left_out(opened, known_profiles(opened, profiles), only)]
    view = look_at_host(opened, environ)
    told += view.unread()
    if undone := journal.left_undone(root):
        told.append(Said(undone, warning=True))
    yield from told
    with Engine.connect(environ) as engine:
        observed = observe(engine, opened.stack.name)
        if engine.is_local:
            expect_ours(observed, root)
    view = with_secrets(opened, view, meant(opened.stack, observed, profiles, only))
    made = make(opened, view, observed, profiles, only, refresh=refresh)
    if out is not None:
        asked = saved.Asked(spokes, tuple(sorted(profiles)), refresh)
        saved.save(out, asked, opened, made.plan, made.wanted, observed)
        yield Said(f"saved: apply it with `stackctl up --plan {out}`")
    # No file tells when a run that is at work is killed, so nothing is told from memory until it has ended.
    kept = () if (root / journal.FILE).exists() else line
    settle(opened, view, observed, made.plan, engine.endpoint.url, kept, told, "out", began)
    return Ended(PlanAnswer(made.plan), Exit.PENDING if check and made.plan.pending else Exit.DONE)


@dataclass(frozen=True)
class Made:
    """A plan, and what it wants of each spoke."""

    plan: Plan
    wanted: Mapping[str, Wanted]


def make(
    opened: Opened,
    view: HostView,
    observed: Observed,
    profiles: frozenset[str],
    only: tuple[str, ...] = (),
    *,
    refresh: bool = False,
) -> Made:
    """The plan for this host.

    Raises:
        InvalidFiles: A variable or a path of this host is missing for a spoke that would be started.
    """
    names = meant(opened.stack, observed, profiles, only)
    blocking = [finding for finding in view.on_host.findings if finding.spoke in (*names, "")]
    for name in sorted(names):
        spoke, stanza = opened.stack.spoke(name), view.on_host.stanzas[name]
        blocking += missing_paths(spoke, stanza)
        blocking += missing_inputs(opened.stack, spoke, stanza, opened.root, view.host.variables)
    if blocking:
        raise InvalidFiles(blocking)
    images = {name: image_id(observed, view, name) for name in names}
    labels = known_applied(opened, view, images)
    altered = _altered(opened)
    wanted = {
        name: Wanted(view.on_host.stanzas[name], labels.get(name, ""), images[name], altered.get(name, ()))
        for name in sorted(names)
    }
    before = state.applied_images(opened.root)
    loaded = reload.loaded(opened.root, opened.stack, opened.bundle, observed)
    plan = decide(
        opened.stack, opened.bundle, wanted, observed, profiles, only, refresh, before.keys(), loaded
    )
    allowed = state.exposed(opened.root)
    plan = replace(
        with_consequences(plan, opened.stack),
        exposures=of_plan(
            plan, opened.stack, wanted, observed, allowed, str(opened.root), view.on_host.stanzas
        ),
        notices=notices(opened.stack, opened.bundle, observed, state.applied_elements(opened.root)),
        first=not (observed.containers or allowed),
    )
    return Made(plan, wanted)


def consent(opened: Opened, made: Made) -> None:
    """Remembers what the plan opens, once somebody said yes to it."""
    root, stack = opened.root, opened.stack
    shown = {action.spoke for action in made.plan.actions if not _waits(action)}
    stanzas = {name: want.stanza for name, want in made.wanted.items() if name in shown}
    opens = {name: keys(stack, stack.spoke(name), stanzas[name], str(root)) for name in stanzas}
    gone = {action.spoke: () for action in made.plan.changes if action.verb is Verb.REMOVE}
    state.remember_exposed(root, {**opens, **gone})
    # What is not as declared stays so, and whose doing it is must not be forgotten.
    left = {notice.about for notice in made.plan.notices}
    as_declared = {name: of for name, of in digests(stack, opened.bundle).items() if name not in left}
    state.remember_elements(root, as_declared)


def _waits(action: Action) -> bool:
    """Whether something moved of it that this plan does not bring about, and so did not ask about."""
    return action.verb is Verb.NOTHING and any(cause.who is not Who.STACKCTL for cause in action.causes)


def _altered(opened: Opened) -> dict[str, tuple[str, ...]]:
    """By spoke, the rendered files that are neither what is rendered now nor what was written last."""
    found: dict[str, tuple[str, ...]] = {}
    for path, digest in state.written(opened.root).items():
        folder, spoke = PurePosixPath(path).parts[:2]
        content = opened.bundle.files.get(path)
        if folder != RENDERED_DIR or content is None:
            continue
        now = there(opened.root / path) or b""
        if content != now and digest != sha256(now.hex()):
            found[spoke] = (*found.get(spoke, ()), path)
    return found


def image_id(observed: Observed, view: HostView, spoke: str) -> str:
    """The id of the image that this host would run for the spoke; empty where it is not there yet."""
    return observed.image_id(str(view.on_host.stanzas[spoke].get("image", "")))
