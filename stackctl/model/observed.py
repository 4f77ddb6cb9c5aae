"""What runs: a snapshot of the Engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stackctl.model.stack import Mount, Port, Stanza


@dataclass(frozen=True)
class Container:
    """One container as the Engine describes it."""

    id: str
    name: str
    image_id: str
    image: str
    state: str
    """created, running, paused, restarting, removing, exited or dead"""
    health: str
    """healthy, unhealthy, starting, or empty where the container has no healthcheck"""
    exit_code: int
    restarts: int
    labels: Mapping[str, str]
    networks: Mapping[str, str]
    """Name of the network on the Engine -> the container's address there; empty while it does not run."""
    mounts: tuple[Mount, ...]
    ports: tuple[Port, ...]
    """The published ports as bound, with the number that the Engine chose."""
    inspect: Stanza = field(default_factory=dict, repr=False)
    """The whole answer of the Engine; empty for containers outside the stack that were seen in outline."""

    @property
    def project(self) -> str:
        return self.labels.get("com.docker.compose.project", "")

    @property
    def spoke(self) -> str:
        return self.labels.get("stackctl.spoke") or self.labels.get("com.docker.compose.service", "")

    @property
    def running(self) -> bool:
        return self.state == "running"


@dataclass(frozen=True)
class Observed:
    """A snapshot of the Engine: this project's containers in full, all others in outline."""

    project: str
    containers: tuple[Container, ...]
    others: tuple[Container, ...] = ()
    networks: Mapping[str, Stanza] = field(default_factory=dict)
    """Name on the Engine -> its description there."""
    images: Mapping[str, str] = field(default_factory=dict)
    """Reference (tag or digest) -> image id."""
    image_defaults: Mapping[str, Stanza] = field(default_factory=dict)
    """Image id -> what the image itself sets (the Engine's `Config`), for the images of this project."""
    engine_version: str = ""
    volumes: Mapping[str, Stanza] = field(default_factory=dict)
    """Name -> its description."""
    said: Mapping[str, str] = field(default_factory=dict)
    """Spoke -> the last that its container wrote, once that was asked for."""
    engine_warnings: tuple[str, ...] = ()
    """What the Engine warns of about itself, once it was asked."""
    socket_paths: frozenset[str] = frozenset()
    """Paths that containers mount and that lead to an engine's socket here, by whatever name or link."""
    deviations: Mapping[str, tuple[str, ...]] | None = None
    """Container id -> the fields in which it is not what this host wants; of those that could be compared."""

    def image_id(self, reference: str) -> str:
        """The id of the image that a reference means on this Engine; empty where it is not there."""
        return next((self.images[name] for name in spellings(reference) if name in self.images), "")

    def of_spoke(self, spoke: str) -> tuple[Container, ...]:
        return tuple(c for c in self.containers if c.spoke == spoke)

    def running(self, spoke: str) -> Container | None:
        """The spoke's running container, the newest where two run."""
        return next((c for c in reversed(self.of_spoke(spoke)) if c.running), None)


def spellings(reference: str) -> tuple[str, ...]:
    """The names under which the Engine may list an image: `app:1@sha256:…` stands there as `app@sha256:…`."""
    name, _, digest = reference.partition("@")
    for prefix in ("docker.io/", "index.docker.io/"):
        name = name.removeprefix(prefix)
    name = name.removeprefix("library/")
    path, slash, last = name.rpartition("/")
    repository, _, tag = last.partition(":")
    if digest:
        return (reference, f"{path}{slash}{repository}@{digest}")
    return (reference, f"{path}{slash}{repository}:{tag or 'latest'}")
