"""A replacement without a gap: the new container starts beside the old one, which goes once it is not needed.

Two containers of a service must never meet a `docker compose up` that does not say how many there are: it
would choose by itself which of them stays. So the old one goes by its id.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from stackctl.apply.route_files import RouteFiles
from stackctl.apply.start import Site, start
from stackctl.apply.taken_in import taken_in
from stackctl.apply.trouble import explained
from stackctl.generation import generation, witness
from stackctl.model import Container, Kind
from stackctl.process import Completed
from stackctl.replace import replicas, routed_by_labels, superfluous

SETTLE = 2.0
"""Seconds that requests in flight are given where the spoke states none."""


def begin(site: Site, services: Sequence[str]) -> Completed | None:
    """Create and start as many new containers as each of these services wants; the old ones stay."""
    before = site.outlines(services)
    scale = {
        name: sum(c.spoke == name for c in before) + replicas(site.wanted[name].stanza) for name in services
    }
    made = site.compose.create(services, recreate=False, scale=scale)
    if made.exit_code:
        return made
    known = {c.id for c in before}
    return start(site, [c for c in site.outlines(services) if c.id not in known], scale)


def hand_over(site: Site, new: Mapping[str, Sequence[Container]], routes: RouteFiles) -> dict[str, str]:
    """Move what the edge routes to these new containers, which work, and remove the old ones.

    Gives, for each spoke whose requests still go to the old container, why; the others are done.
    Raises StackctlError where an old container stays.
    """
    edges = [c for c in site.containers([s.name for s in site.stack.of_kind(Kind.EDGE)]) if c.running]
    failed = routes.move(new)
    settle = 0.0
    for name, containers in new.items():
        if name in failed:
            continue
        by_labels = edges and routed_by_labels(site.wanted[name].stanza)
        number = generation(containers[0].labels)
        if by_labels and not taken_in(witness(site.compose.project, name, number), edges):
            failed[name] = "is not routed to: the edge did not take in its labels"
            continue
        settle = max(settle, settling(site, name))
    moved = {name: containers for name, containers in new.items() if name not in failed}
    # Nothing tells when the last request that the old one was given is answered.
    time.sleep(settle)
    kept = {c.id for containers in moved.values() for c in containers}
    if old := [c.id for c in site.outlines(list(moved)) if c.id not in kept]:
        done = site.compose.remove(old)
        if done.exit_code:
            raise explained(done, "the removal of the old container", ", ".join(moved))
    return failed


def finish(
    site: Site,
    spokes: Collection[str] | None = None,
    expect: Callable[[Collection[str]], None] = lambda going: None,
) -> dict[str, tuple[Container, ...]]:
    """Where more containers of a spoke stand than it wants, remove those that should go.

    A replacement that was cut short leaves that. What works and is as wanted stays; else the older one does.
    Gives what was removed. `expect` hears of the spokes before anything is touched, and may raise.
    """
    names = [s.name for s in site.stack.spokes if spokes is None or s.name in spokes]
    found = _by_spoke(site.containers(names))
    crowded = {
        name: c
        for name, c in found.items()
        if name in site.wanted and len(c) > replicas(site.wanted[name].stanza)
    }
    if not crowded:
        return {}
    hashes = site.compose.hashes()
    going = {
        name: superfluous(containers, hashes.get(name, ""), replicas(site.wanted[name].stanza))
        for name, containers in crowded.items()
    }
    going = {name: containers for name, containers in going.items() if containers}
    if not going:
        return {}
    expect(going)
    routes = RouteFiles(site)
    # The edge may still have been told of a container that goes.
    if routes.stay({name: [c for c in crowded[name] if c not in of] for name, of in going.items()}):
        time.sleep(max(settling(site, name) for name in going))
    for name, containers in going.items():
        done = site.compose.remove([c.id for c in containers])
        done.expect_success(f"{name}: a container that is left over could not be removed")
    routes.release()
    return going


def settling(site: Site, name: str) -> float:
    """Seconds that requests in flight to this spoke are given."""
    stated = site.stack.spoke(name).settle
    return SETTLE if stated is None else stated


def _by_spoke(containers: Iterable[Container]) -> dict[str, tuple[Container, ...]]:
    found: dict[str, tuple[Container, ...]] = {}
    for container in containers:
        found[container.spoke] = (*found.get(container.spoke, ()), container)
    return found
