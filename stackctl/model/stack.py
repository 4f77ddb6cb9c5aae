"""What the files say: a Stack of Spokes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Any

from stackctl.findings import Location
from stackctl.model.check import Check
from stackctl.model.route import Edge, Route, Routing
from stackctl.model.secret import SecretSource, secret_of

Stanza = Mapping[str, Any]
"""A Compose service in long syntax as plain JSON data, variables unresolved."""

Path = tuple[str, ...]
"""Where a field stands inside a spoke: ("environment", "POST"), ("route", "0", "host")."""

NAMESPACES = ("network_mode", "pid", "ipc")
"""Fields that may put a container into a namespace of another one."""

SOCKET_NETWORK = "socket"
PROXY_NETWORK = "proxy"
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Kind(StrEnum):
    """What a spoke is. Decides its template and its standing checks."""

    APP = "app"
    EDGE = "edge"
    SOCKET_PROXY = "socket-proxy"
    JOB = "job"


class Hardening(StrEnum):
    STRICT = "strict"
    AS_IS = "as-is"


@dataclass(frozen=True)
class Accept:
    """A risk that the manifest takes knowingly."""

    code: str
    reason: str
    at: Location
    name: str = ""
    """The one container that is meant; empty means all that the check is about."""


@dataclass(frozen=True)
class Mount:
    type: str
    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class Port:
    """A published port; `published` is empty where the Engine chooses one."""

    target: int
    published: str = ""
    host_ip: str = ""
    protocol: str = "tcp"


@dataclass(frozen=True)
class Dependency:
    spoke: str
    condition: str = "service_started"
    follows: bool = False
    """Whether it is made anew with the other one."""


@dataclass(frozen=True)
class Recorded:
    """What a page says about its own past; compared, never trusted."""

    last_pass: str = ""
    artifacts: str = ""
    last_updated: str = ""
    fingerprint: str = ""


@dataclass(frozen=True)
class CommonIssue:
    symptom: str
    cause: str
    fix: str


@dataclass(frozen=True)
class Backup:
    """What saves the data of a spoke: what a command in its container prints, or one of its folders."""

    command: tuple[str, ...] = ()
    restore: tuple[str, ...] = ()
    """Reads on its standard input what the command printed."""
    path: str = ""
    """In place of a command: the folder in the container."""


@dataclass(frozen=True)
class Kept:
    """A backup that was made."""

    spoke: str
    file: str
    """Path relative to the stack's folder."""
    size: int
    """Bytes."""


class Mode(StrEnum):
    """What holds a policy: an exact configuration that stackctl renders, or the image's own switches."""

    STRICT = "strict"
    SWITCHES = "switches"


@dataclass(frozen=True)
class Policy:
    """Which operations of the Docker API a socket proxy lets through, and for which consumers."""

    consumers: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    """Beyond what the consumers need, as `GET /containers/{id}/logs`."""
    mode: Mode = Mode.STRICT
    listen: str = ""
    """Strict only: path of a unix socket in the proxy's container; empty means TCP port 2375."""
    stream_timeout: int = 3600
    """Strict only: seconds of silence after which a stream other than `/events` is cut."""


@dataclass(frozen=True)
class Spoke:
    """One service, from its page, its manifest, or both."""

    name: str
    kind: Kind
    service: Stanza
    title: str = ""
    page: str = ""
    manifest: str = ""
    routes: tuple[Route, ...] = ()
    checks: tuple[Check, ...] = ()
    settings_dir: str = ""
    hardening: Hardening = Hardening.STRICT
    accept: tuple[Accept, ...] = ()
    settle: float | None = None
    """Seconds that requests in flight are given before the container that answers them is stopped."""
    backup: Backup | None = None
    """How what it keeps is backed up; None where that cannot be."""
    schedule: str = ""
    """Of a job: when the host's own timer runs it, as cron writes it."""
    policy: Policy | None = None
    """Of a socket proxy; None where its environment alone says what it opens."""
    status: str = ""
    phase: str = ""
    recorded: Recorded = Recorded()
    smoke_test: str = ""
    """The sentence of the page's smoke test; it proves something only where a check stands behind it."""
    issues: tuple[CommonIssue, ...] = ()
    unread: tuple[str, ...] = ()
    """Keys of the manifest whose values could not be read; `*` where nothing of it could be."""
    places: Mapping[Path, Location] = field(default_factory=dict)

    def at(self, *path: str) -> Location:
        """The place of a field, or of the nearest field around it that has one."""
        for length in range(len(path), 0, -1):
            if (place := self.places.get(path[:length])) is not None:
                return place
        return self.places.get((), Location(self.manifest or self.page))

    def states(self, key: str) -> bool:
        """Whether the service has this key, or may have it in what could not be read."""
        return bool(self.service.get(key)) or key in self.unread or "*" in self.unread

    @property
    def image(self) -> str:
        return str(self.service.get("image", ""))

    @property
    def profiles(self) -> tuple[str, ...]:
        return tuple(self.service.get("profiles", ()))

    @property
    def environment(self) -> Mapping[str, str | None]:
        environment: Mapping[str, str | None] = self.service.get("environment", NOTHING)
        return environment

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that the spoke names, as files and in its environment, Compose's own included."""
        granted = [str(grant["source"]) for grant in self.service.get("secrets", ())]
        return tuple(dict.fromkeys((*granted, *filter(None, map(secret_of, self.environment.values())))))

    @property
    def networks(self) -> tuple[str, ...]:
        return tuple(self.service.get("networks", NOTHING))

    @property
    def mounts(self) -> tuple[Mount, ...]:
        return tuple(
            Mount(m["type"], m.get("source", ""), m.get("target", ""), bool(m.get("read_only")))
            for m in self.service.get("volumes", ())
        )

    @property
    def ports(self) -> tuple[Port, ...]:
        return tuple(
            Port(
                int(p["target"]),
                str(p.get("published", "")),
                p.get("host_ip", ""),
                p.get("protocol", "tcp"),
            )
            for p in self.service.get("ports", ())
            # A variable is a port on each host alone.
            if str(p["target"]).isdecimal()
        )

    @property
    def lives_in(self) -> Mapping[str, str]:
        """The spokes in whose containers' namespaces its own lives, by the field that says so."""
        modes = {key: str(self.service.get(key, "")).partition(":") for key in NAMESPACES}
        return {key: name for key, (kind, _, name) in modes.items() if kind == "service"}

    @property
    def dependencies(self) -> tuple[Dependency, ...]:
        """What must be there before it, each spoke once; as for Compose, not only what `depends_on` names."""
        found = {
            name: Dependency(name, how.get("condition", "service_started"), bool(how.get("restart")))
            for name, how in self.service.get("depends_on", NOTHING).items()
        }
        for name in self.lives_in.values():
            found[name] = replace(found.get(name, Dependency(name)), follows=True)
        sources = [s for s in self.service.get("volumes_from", ()) if not s.startswith("container:")]
        for other in (*sources, *self.service.get("links", ())):
            name = other.partition(":")[0]
            found.setdefault(name, Dependency(name))
        return tuple(found.values())

    def active(self, profiles: frozenset[str]) -> bool:
        """Whether `up` with these profiles means this spoke; as in Compose, no profile means always."""
        return not self.profiles or "*" in profiles or not profiles.isdisjoint(self.profiles)


@dataclass(frozen=True)
class Stack:
    """`stack.yaml` and everything under `spokes/`; one Compose project."""

    name: str
    spokes: tuple[Spoke, ...]
    """Sorted by name."""
    domain: str = "stack.localhost"
    edge: Edge = Edge.NONE
    routing: Routing = field(default_factory=Routing)
    resting: tuple[Spoke, ...] = ()
    """Edges that stack.yaml does not choose; none of `spokes`, so what still runs of them is removed."""
    prober_image: str = ""
    networks: Mapping[str, Stanza] = field(default_factory=dict)
    """Every network by its name in the files, `proxy` and `socket` included, `name` always filled in."""
    top_level: Mapping[str, Any] = field(default_factory=dict)
    """The other top-level elements of Compose: volumes, configs, secrets, x-…"""
    secret_sources: Mapping[str, SecretSource] = field(default_factory=dict)
    notify: tuple[str, ...] = ()
    """The command that is told when a run ends badly, as its words."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Content of the stack's own files that spokes mount or build from, by path relative to its folder."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """The stack's own templates by path relative to `templates/`; they win over the packaged ones."""
    example_variables: frozenset[str] | None = None
    """Names in `.env.example`; None where there is no such file."""
    unread: tuple[str, ...] = ()
    """Keys of stack.yaml that could not be read."""
    places: Mapping[Path, Location] = field(default_factory=dict)

    def spoke(self, name: str) -> Spoke:
        """The spoke of that name; raises KeyError."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> Mapping[str, Spoke]:
        return {spoke.name: spoke for spoke in self.spokes}

    def at(self, *path: str) -> Location:
        """The place in stack.yaml of a field, or of the nearest field around it that has one."""
        around = (self.places.get(path[:length]) for length in range(len(path), -1, -1))
        return next((place for place in around if place is not None), Location("stack.yaml"))

    def of_kind(self, kind: Kind) -> tuple[Spoke, ...]:
        return self._by_kind.get(kind, ())

    @cached_property
    def _by_kind(self) -> Mapping[Kind, tuple[Spoke, ...]]:
        return {kind: tuple(spoke for spoke in self.spokes if spoke.kind is kind) for kind in Kind}

    def network_name(self, network: str) -> str:
        """The name that a network of the files has on the Engine."""
        return str(self.networks[network].get("name", f"{self.name}_{network}"))
