"""Keeping that nothing was to do, for `settled` to tell again while nothing moves."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from stackctl import ca, contents, files, settled
from stackctl.commands.opened import HostView, Opened
from stackctl.edge.written import TLS_SOURCE
from stackctl.events import Event, Said
from stackctl.model import Observed, Plan
from stackctl.model.observed import spellings
from stackctl.read.variables import interpolate_data
from stackctl.throwaway_labels import is_throw_away


def settle(
    opened: Opened,
    view: HostView,
    observed: Observed,
    plan: Plan,
    url: str,
    line: tuple[str, ...],
    told: Iterable[Event],
    stream: str,
    began: float,
) -> None:
    """Keeps it where it is so. `url` is where the Engine listens; `told` are the events before the plan.

    `line` is the command line, empty where it is not to be kept; `stream` is where its last word goes.
    """
    quiet = not (plan.changes or plan.notices or any(action.causes for action in plan.actions))
    # A secret's source may be a program: only asking it tells whether the value changed.
    if not line or not quiet or opened.stack.secret_sources:
        return
    words = [
        ("err", f"{'warning: ' if e.warning else ''}{e.message}", "") for e in told if isinstance(e, Said)
    ]
    if plan.idle:
        words.append(("out", f"left alone (inactive profile): {', '.join(plan.idle)}", "dim"))
    words.append((stream, plan.in_a_word, ""))
    if count := sum(not finding.accepted for finding in opened.findings):
        words.append(("err", settled.warnings(count), "dim"))
    of = _of(opened, view)
    paths = sorted(set(_paths(opened, view)))
    seen, until = as_seen(of, observed, url), ca.renewal(opened.root)
    settled.remember(str(opened.root), line, of, paths, seen, words, began, until)


def _of(opened: Opened, view: HostView) -> dict[str, object]:
    """All of the Engine's things that a plan of this stack looks at, by their names."""
    named = {"networks": {f"{opened.stack.name}_default"}, "volumes": set[str]()}
    for what, names in named.items():
        for key, how in (opened.bundle.compose.get(what) or {}).items():
            names.add(str((how or {}).get("name") or f"{opened.stack.name}_{key}"))
    images = {str(stanza.get("image") or "") for stanza in view.on_host.stanzas.values()}
    spelt = {name for image in images for name in spellings(image)}
    return {
        "project": opened.stack.name,
        "images": sorted(spelt),
        **{what: sorted(names) for what, names in named.items()},
    }


def as_seen(of: Mapping[str, object], observed: Observed, url: str) -> object:
    """The same as `settled.state` tells of the Engine."""
    return settled.as_data(
        of,
        url,
        observed.engine_version,
        (container.inspect for container in observed.containers),
        ((c.name, *sorted(c.networks), is_throw_away(c.labels)) for c in observed.others),
        observed.networks.values(),
        observed.images.items(),
        observed.volumes.values(),
    )


def _paths(opened: Opened, view: HostView) -> Iterator[tuple[str, str]]:
    """All outside of the stack's own files and folders that a plan looks at."""
    yield str(opened.root / TLS_SOURCE), settled.TREE
    for path in view.host.socket_groups:
        yield path, settled.THERE
    for spoke in opened.stack.spokes:
        stanza = view.on_host.stanzas[spoke.name]
        for relative, _, content in files.own_paths(spoke):
            yield os.path.join(opened.root, relative), settled.TREE if content else settled.THERE
        for mount in stanza.get("volumes") or ():
            if mount.get("type") == "bind":
                yield str(mount.get("source")), settled.THERE
        for _, path in contents.paths(opened.stack, spoke, stanza, opened.root, view.host.variables):
            yield os.path.join(opened.root, os.path.expanduser(path)), settled.FILE
        for _, stated in files.inputs(opened.stack, spoke, stanza):
            path, undefined = interpolate_data(stated, view.host.variables)
            if path and not undefined:
                yield os.path.join(opened.root, os.path.expanduser(path)), settled.THERE
