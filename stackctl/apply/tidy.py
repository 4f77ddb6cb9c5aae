"""Clearing away what a run left that was killed in the middle, and networks that nobody needs any more."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from stackctl import fingerprint
from stackctl.compose import Compose
from stackctl.events import Event, Said
from stackctl.model import NOTHING, Container, Observed, Wanted
from stackctl.observe import PROJECT_LABEL
from stackctl.replace import replicas

_ASIDE = re.compile(r"[0-9a-f]{12}_(?P<name>.+)\Z")
"""How Compose names a new container until the old one is gone."""


def tidy(
    observed: Observed,
    wanted: Mapping[str, Wanted],
    before: Mapping[str, Collection[str]],
    compose: Compose,
) -> Iterator[Event]:
    """Leaves as many containers as are wanted, by their own names; `before` are those of old."""
    names = {container.name for container in observed.containers}
    for spoke in sorted({container.spoke for container in observed.containers}):
        containers = observed.of_spoke(spoke)
        going = left_over(containers, wanted.get(spoke), before.get(spoke, ()))
        if going:
            done = compose.remove([container.id for container in going])
            done.expect_success(f"{spoke}: a container that a killed run left could not be removed")
            names -= {container.name for container in going}
            told = ", ".join(container.name for container in going)
            yield Said(f"{spoke}: removed {told}, which the killed run had left beside another")
        for container in containers:
            aside = _ASIDE.match(container.name)
            if container not in going and aside and aside["name"] not in names:
                compose.rename(container.id, aside["name"]).expect_success(
                    f"{container.name} could not be given its name back"
                )


def tidy_networks(observed: Observed, declared: Collection[str], compose: Compose) -> Iterator[Event]:
    """Removes the project's networks that nothing declares any more and that no container is made for."""
    used = {network for container in observed.containers for network in container.networks}
    for name, network in observed.networks.items():
        ours = (network.get("Labels") or NOTHING).get(PROJECT_LABEL) == observed.project
        # Where somebody outside the stack sits on it, the Engine refuses.
        if ours and name not in used | set(declared) and not compose.remove_network(name).exit_code:
            yield Said(f"removed the network {name}, which nothing declares any more")


def left_over(
    containers: Collection[Container], wanted: Wanted | None, before: Collection[str]
) -> tuple[Container, ...]:
    """Those that should go where more stand than are wanted. Pure.

    What works and is as wanted stays; else what was there before; else what is older.
    """
    if wanted is None:
        return ()
    should = wanted.stanza.get("labels") or NOTHING

    def worth(container: Container) -> tuple[bool, bool, bool]:
        works = container.running and container.health in ("", "healthy")
        as_wanted = fingerprint.same(container.labels, should)
        return (works and as_wanted, works, container.id in before)

    # Sorting keeps the order of age among equals.
    ranked = sorted(containers, key=worth, reverse=True)
    return tuple(ranked[max(replicas(wanted.stanza), 1) :])
