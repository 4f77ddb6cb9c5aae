"""Starting exactly the planned services, so that Compose alone would leave them as they are afterwards."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from stackctl.compose import Compose
from stackctl.engine import Engine
from stackctl.model import Stack, Wanted
from stackctl.observe import containers_of
from stackctl.plan import dependencies
from stackctl.process import Completed

_HASH, _IMAGE = "com.docker.compose.config-hash", "com.docker.compose.image"


def start(
    services: tuple[str, ...],
    *,
    recreate: bool,
    stack: Stack,
    wanted: Mapping[str, Wanted],
    engine: Engine,
    compose: Compose,
) -> Completed:
    """Create or replace these services' containers and start them; nothing else is touched.

    `up --no-deps` forgets `depends_on`, which enters Compose's hash: the next plain `docker compose up`
    would recreate them. So they are made with their dependencies in view, and only then started alone:
    `up` with dependencies would also run jobs again that are done.
    """
    needed = dependencies(stack, services)
    if not needed or (recreate and not _settled(needed, wanted, engine, compose)):
        return compose.up(services, recreate=recreate)
    made = compose.create(services, recreate=recreate)
    return made if made.exit_code else compose.up(services, recreate=False)


def _settled(spokes: Collection[str], wanted: Mapping[str, Wanted], engine: Engine, compose: Compose) -> bool:
    """Whether Compose would leave these alone, as it replaces a dependency that is out of date."""
    hashes = compose.hashes()
    containers = containers_of(engine, compose.project, spokes)
    return {c.spoke for c in containers} == set(spokes) and all(
        c.labels.get(_HASH) == hashes.get(c.spoke)
        and c.spoke in wanted
        and c.labels.get(_IMAGE) == wanted[c.spoke].image_id
        for c in containers
    )
