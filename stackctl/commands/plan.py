"""`stackctl plan`: what `up` would do on this host, and why. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stackctl.commands.opened import (
    HostView,
    Opened,
    known_profiles,
    left_out,
    look_at_host,
    named,
    open_stack,
    with_secrets,
)
from stackctl.commands.render import known_applied
from stackctl.commands.story import Ended, PlanAnswer, Story
from stackctl.engine import Engine
from stackctl.errors import Exit
from stackctl.events import Found
from stackctl.files import missing_inputs, missing_paths
from stackctl.findings import InvalidFiles
from stackctl.model import Observed, Plan, Wanted
from stackctl.observe import observe
from stackctl.plan import plan as decide
from stackctl.plan import selected


def plan(
    root: Path,
    spokes: tuple[str, ...],
    *,
    profiles: frozenset[str],
    refresh: bool,
    check: bool,
    environ: Mapping[str, str],
) -> Story:
    opened = open_stack(root)
    yield from (Found(finding) for finding in opened.findings)
    only = named(opened, spokes)
    yield from left_out(opened, known_profiles(opened, profiles), only)
    view = look_at_host(opened, environ)
    yield from view.unread()
    observed = observe(Engine.connect(environ), opened.stack.name)
    view = with_secrets(opened, view, selected(opened.stack, profiles, only))
    made = make(opened, view, observed, profiles, only, refresh=refresh)
    return Ended(PlanAnswer(made.plan), Exit.PENDING if check and made.plan.changes else Exit.DONE)


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
    names = selected(opened.stack, profiles, only)
    blocking = [finding for finding in view.on_host.findings if finding.spoke in (*names, "")]
    for name in sorted(names):
        spoke, stanza = opened.stack.spoke(name), view.on_host.stanzas[name]
        blocking += missing_paths(spoke, stanza)
        blocking += missing_inputs(opened.stack, spoke, stanza, opened.root, view.host.variables)
    if blocking:
        raise InvalidFiles(blocking)
    images = {name: image_id(observed, view, name) for name in names}
    labels = known_applied(opened, view, images)
    wanted = {
        name: Wanted(view.on_host.stanzas[name], labels.get(name, ""), images[name]) for name in sorted(names)
    }
    plan = decide(opened.stack, opened.bundle, wanted, observed, profiles, only, refresh)
    return Made(plan, wanted)


def image_id(observed: Observed, view: HostView, spoke: str) -> str:
    """The id of the image that this host would run for the spoke; empty where it is not there yet."""
    return observed.image_id(str(view.on_host.stanzas[spoke].get("image", "")))
