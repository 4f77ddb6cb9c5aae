"""What is rendered from a Stack, and what one host makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stackctl.model.stack import Port, Stanza


@dataclass(frozen=True)
class Host:
    """`stack.local.yaml`, the environment, `.env` and the machine itself."""

    images: Mapping[str, str] = field(default_factory=dict)
    """Spoke -> the image that runs here in place of the declared one."""
    prober_image: str = ""
    ports: Mapping[str, tuple[Port, ...]] = field(default_factory=dict)
    """Spoke -> its published ports here."""
    socket: str = ""
    """Path of the Engine's socket here; empty means as declared."""
    variables: Mapping[str, str] = field(default_factory=dict)
    made_up: frozenset[str] = frozenset()
    """Names among `variables` that neither the environment nor `.env` defines; Compose does not know them."""
    socket_groups: Mapping[str, str] = field(default_factory=dict)
    """Path of an Engine's socket on this host -> the group that may open it, as a container sees it."""
    no_start_interval: bool = False
    """Whether the Engine here is older than `start_interval`, so that Compose refuses what states it."""


@dataclass(frozen=True)
class Fingerprint:
    """sha256 over a spoke's inputs; each input's own sha256 stands beside it."""

    digest: str
    inputs: Mapping[str, str]

    @property
    def short(self) -> str:
        return self.digest[:12]


@dataclass(frozen=True)
class Bundle:
    """All that is rendered from the files alone; the same bytes on every machine."""

    compose: Mapping[str, Any]
    files: Mapping[str, bytes]
    """Path relative to the stack's folder -> content: `docker-compose.yml` and everything in `rendered/`."""
    fingerprints: Mapping[str, Fingerprint]
    reloads: Mapping[str, str] = field(default_factory=dict)
    """Spoke -> sha256 of what its container reads again while it runs; in no fingerprint."""

    def service(self, spoke: str) -> Stanza:
        stanza: Stanza = self.compose["services"][spoke]
        return stanza


@dataclass(frozen=True)
class Wanted:
    """What one spoke should be on this host."""

    stanza: Stanza
    """The service as Compose will give it to the Engine: override merged, variables interpolated, long
    syntax, bind sources absolute, labels included."""
    applied: str = ""
    """The expected label `stackctl.applied`; empty while unknown."""
    image_id: str = ""
    """The id of the wanted image on this Engine; empty while it is not there."""
    altered: tuple[str, ...] = ()
    """Its rendered files on this host that somebody else wrote into."""
