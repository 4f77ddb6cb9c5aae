"""Creating and starting exactly the planned services, so that Compose alone would leave them afterwards.

`up --no-deps` forgets `depends_on`, which enters Compose's hash: the next plain `docker compose up` would
recreate them. So they are made with their dependencies in view, and only then started alone: `up` with
dependencies would also run jobs again that are done.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from stackctl.compose import Compose
from stackctl.engine import Engine
from stackctl.model import Container, Stack, Wanted
from stackctl.observe import containers_of, outlines_of
from stackctl.plan import dependencies
from stackctl.process import Completed, redacted

_HASH, _IMAGE = "com.docker.compose.config-hash", "com.docker.compose.image"
_COPIED_AT_START = ("secrets", "configs")
"""What Compose itself copies into a container when it starts it."""


_AT_ONCE = 8


Wrong = Callable[[Mapping[str, Sequence[Container]]], Mapping[str, str]]
"""Of new containers that are healthy, by spoke, why none may be routed to; the others are left out."""


@dataclass(frozen=True)
class Site:
    """What every step works on and with."""

    stack: Stack
    wanted: Mapping[str, Wanted]
    engine: Engine
    compose: Compose
    wrong: Wrong = lambda new: {}

    def containers(self, spokes: Collection[str]) -> tuple[Container, ...]:
        return containers_of(self.engine, self.compose.project, spokes)

    def outlines(self, spokes: Collection[str]) -> tuple[Container, ...]:
        return outlines_of(self.engine, self.compose.project, spokes)


def start(site: Site, containers: Sequence[Container], scale: Mapping[str, int]) -> Completed | None:
    """Start these; what failed, or None. `scale` as in `Compose.create`.

    To start one, Compose takes three times as long as the Engine, and every spoke waits for what it needs.
    """
    copied = {
        c.spoke for c in containers if any(site.wanted[c.spoke].stanza.get(k) for k in _COPIED_AT_START)
    }
    plain = [c.id for c in containers if c.spoke not in copied]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        said = zip(plain, pool.map(site.engine.start, plain), strict=True)
    for id, trouble in said:
        if trouble:
            trouble = redacted(trouble, site.compose.redact)
            return Completed(("docker", "container", "start", id), 1, "", trouble, 0.0)
    return site.compose.up(sorted(copied), recreate=False, scale=scale) if copied else None


def replace_in_place(site: Site, services: Iterable[str]) -> Completed:
    """Stop these services' containers and start new ones in their place; nothing else is touched."""
    services = tuple(services)
    needed = dependencies(site.stack, services)
    if not needed or not _settled(site, needed):
        return site.compose.up(services, recreate=True)
    made = site.compose.create(services, recreate=True)
    return made if made.exit_code else site.compose.up(services, recreate=False)


def _settled(site: Site, spokes: Collection[str]) -> bool:
    """Whether Compose would leave these alone, as it replaces a dependency that is out of date."""
    hashes = site.compose.hashes()
    containers = site.outlines(spokes)
    return {c.spoke for c in containers} == set(spokes) and all(
        c.labels.get(_HASH) == hashes.get(c.spoke)
        and c.spoke in site.wanted
        and c.labels.get(_IMAGE) == site.wanted[c.spoke].image_id
        for c in containers
    )
