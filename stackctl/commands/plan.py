"""`stackctl plan`: what `up` would do on this host, and why. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stackctl.commands.opened import HostView, Opened, look_at_host, open_stack
from stackctl.commands.render import known_applied
from stackctl.commands.story import Ended, PlanAnswer, Story
from stackctl.engine import Engine
from stackctl.errors import Exit
from stackctl.events import Found
from stackctl.findings import Finding, InvalidFiles
from stackctl.lint.host import missing_paths
from stackctl.model import Observed, Plan, Wanted
from stackctl.observe import observe
from stackctl.plan import plan as decide


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
    view = look_at_host(opened, environ)
    observed = observe(Engine.connect(environ), opened.stack.name)
    found = make(opened, view, observed, profiles, spokes, refresh)
    return Ended(PlanAnswer(found), Exit.PENDING if check and found.changes else Exit.DONE)


def make(
    opened: Opened,
    view: HostView,
    observed: Observed,
    profiles: frozenset[str],
    only: tuple[str, ...],
    refresh: bool,
) -> Plan:
    """The plan for this host.

    Raises:
        InvalidFiles: A variable or a path of this host is missing for a spoke that would be started.
    """
    active = [s for s in opened.stack.spokes if (s.name in only if only else s.active(profiles))]
    names = {spoke.name for spoke in active}
    blocking: list[Finding] = [f for f in view.on_host.findings if f.spoke in names]
    blocking += (
        finding
        for spoke in active
        for finding in missing_paths(spoke, view.on_host.stanzas[spoke.name], opened.root)
    )
    if blocking:
        raise InvalidFiles(blocking)
    images = {name: image_id(observed, view, name) for name in names}
    labels = known_applied(opened, view, images)
    wanted = {
        name: Wanted(view.on_host.stanzas[name], labels.get(name, ""), images[name]) for name in sorted(names)
    }
    return decide(opened.stack, opened.bundle, wanted, observed, profiles, only, refresh=refresh)


def image_id(observed: Observed, view: HostView, spoke: str) -> str:
    """The id of the image that this host would run for the spoke; empty where it is not there yet."""
    return observed.images.get(str(view.on_host.stanzas[spoke].get("image", "")), "")
