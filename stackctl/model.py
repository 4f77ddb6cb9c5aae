"""The whole vocabulary as frozen plain data; nothing here reads, decides or acts.

A Stack is what the files say. A Host is what differs on this machine. A Bundle is all that is rendered.
Observed is what runs. A Plan says what `up` would do. A Check says what must hold, a Result what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from stackctl.findings import Location, Severity

Stanza = Mapping[str, Any]
"""A Compose service in long syntax as plain JSON data, variables unresolved."""

Path = tuple[str, ...]
"""Where a field stands inside a spoke: ("environment", "POST"), ("route", "0", "host")."""

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


class Edge(StrEnum):
    TRAEFIK = "traefik"
    CADDY = "caddy"
    NONE = "none"


# ---- what the files say


@dataclass(frozen=True)
class Route:
    """Requests for `hosts` and `path` that arrive at the edge go to `port` of the spoke's container."""

    hosts: tuple[str, ...]
    port: int
    path: str = "/"
    strip: bool = False


@dataclass(frozen=True)
class Accept:
    """A risk that the manifest takes knowingly."""

    code: str
    reason: str
    at: Location


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
    policy: Policy | None = None
    """Of a socket proxy; None where its environment alone says what it opens."""
    status: str = ""
    phase: str = ""
    recorded: Recorded = Recorded()
    smoke_test: str = ""
    """The sentence of the page's smoke test; it proves something only where a check stands behind it."""
    issues: tuple[CommonIssue, ...] = ()
    places: Mapping[Path, Location] = field(default_factory=dict)

    def at(self, *path: str) -> Location:
        """The place of a field, or of the nearest field around it that has one."""
        for length in range(len(path), 0, -1):
            if (place := self.places.get(path[:length])) is not None:
                return place
        return self.places.get((), Location(self.manifest or self.page))

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
        )

    @property
    def dependencies(self) -> tuple[Dependency, ...]:
        return tuple(
            Dependency(name, how.get("condition", "service_started"))
            for name, how in self.service.get("depends_on", NOTHING).items()
        )

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
    prober_image: str = ""
    networks: Mapping[str, Stanza] = field(default_factory=dict)
    """Every network by its name in the files, `proxy` and `socket` included, `name` always filled in."""
    top_level: Mapping[str, Any] = field(default_factory=dict)
    """The other top-level elements of Compose: volumes, configs, secrets, x-…"""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Content of the stack's own files that spokes mount or build from, by path relative to its folder."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """The stack's own templates by path relative to `templates/`; they win over the packaged ones."""
    example_variables: frozenset[str] | None = None
    """Names in `.env.example`; None where there is no such file."""
    places: Mapping[Path, Location] = field(default_factory=dict)

    def spoke(self, name: str) -> Spoke:
        """The spoke of that name; raises KeyError."""
        for spoke in self.spokes:
            if spoke.name == name:
                return spoke
        raise KeyError(name)

    def of_kind(self, kind: Kind) -> tuple[Spoke, ...]:
        return tuple(spoke for spoke in self.spokes if spoke.kind is kind)

    def network_name(self, network: str) -> str:
        """The name that a network of the files has on the Engine."""
        return str(self.networks[network].get("name", f"{self.name}_{network}"))


# ---- what differs on this machine


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


# ---- what is rendered


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


# ---- what runs


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
    """The whole answer of the Engine; empty for containers outside the stack."""

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

    def image_id(self, reference: str) -> str:
        """The id of the image that a reference means on this Engine; empty where it is not there."""
        return next((self.images[name] for name in _spellings(reference) if name in self.images), "")

    def of_spoke(self, spoke: str) -> tuple[Container, ...]:
        return tuple(c for c in self.containers if c.spoke == spoke)

    def running(self, spoke: str) -> Container | None:
        """The spoke's running container, the newest where two run."""
        return next((c for c in reversed(self.of_spoke(spoke)) if c.running), None)


# ---- what `up` would do


class Verb(StrEnum):
    CREATE = "create"
    START = "start"
    RECREATE = "recreate"
    REMOVE = "remove"
    NOTHING = "nothing"


class Who(StrEnum):
    YOU = "you"
    HOST = "the host"
    IMAGE = "the image"
    STACKCTL = "stackctl"


@dataclass(frozen=True)
class Cause:
    """Why an action is needed: which field went from what to what, and who changed it."""

    who: Who
    field: str
    old: str = ""
    new: str = ""
    at: Location | None = None


@dataclass(frozen=True)
class Action:
    spoke: str
    verb: Verb
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True)
class Plan:
    actions: tuple[Action, ...]
    """In the order of the dependency graph, one for each active spoke and each removed one."""
    idle: tuple[str, ...] = ()
    """Spokes of inactive profiles that run and are left alone."""

    @property
    def changes(self) -> tuple[Action, ...]:
        return tuple(a for a in self.actions if a.verb is not Verb.NOTHING)


# ---- what must hold


@dataclass(frozen=True)
class Named:
    """A target by its name, resolved where the request is sent from."""

    host: str
    port: int


@dataclass(frozen=True)
class OnNetwork:
    """A target by the address that a spoke's container has on a network of the stack."""

    spoke: str
    network: str
    port: int


@dataclass(frozen=True)
class Published:
    """A target by the address and port at which a spoke's port is published on this host."""

    spoke: str
    port: int


Target = Named | OnNetwork | Published


@dataclass(frozen=True)
class Request:
    """One HTTP request, sent without a body from `vantage`: a network of the stack, or "" for this host."""

    vantage: str
    target: Target
    method: str = "GET"
    path: str = "/"
    host: str = ""
    """Host header; empty means the target's own name or address."""


@dataclass(frozen=True)
class Expect:
    """What the answer must be. With nothing set, any answer will do."""

    statuses: frozenset[int] = frozenset()
    body: str = ""
    """Text that the body must contain."""
    names_container: str = ""
    """A spoke: the body must contain the hostname of its running container."""
    no_answer: bool = False
    """The target must not be reachable; then the other fields mean nothing."""
    reached: bool = False
    """Whatever comes back will do, a refused connection included: it shows that the way there is open."""
    as_control: bool = False
    """The status, and for an error the body too, must be those that the last control saw."""


@dataclass(frozen=True)
class Control:
    """A request that must succeed just before, so that the check's own answer means something."""

    request: Request
    expect: Expect
    proves: str


@dataclass(frozen=True)
class Observation:
    """A standing condition on what was observed, by its name in `verify/observations.py`."""

    name: str


@dataclass(frozen=True)
class Check:
    """Something that must hold of the running spoke."""

    code: str
    spoke: str
    title: str
    look: Request | Observation
    expect: Expect = Expect()
    controls: tuple[Control, ...] = ()
    mutation: str = ""
    """What, once broken, must turn this check red."""
    severity: Severity = Severity.ERROR
    at: Location | None = None


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class Result:
    check: Check
    outcome: Outcome
    saw: str
    accepted: str = ""
    """The reason for which the spoke's manifest accepts a check that does not hold."""

    @property
    def holds(self) -> bool:
        """Whether nothing here speaks against the stack: passed, accepted, or only a warning."""
        return (
            self.outcome is Outcome.PASSED or bool(self.accepted) or self.check.severity is Severity.WARNING
        )


class State(StrEnum):
    """What the records say about a spoke as its files stand now."""

    PROVED = "proved"
    """Every check held on the current fingerprint."""
    STALE = "stale"
    """Checks held, but on another fingerprint, or before a dependency changed."""
    FAILING = "failing"
    UNTESTED = "untested"


def _spellings(reference: str) -> tuple[str, ...]:
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
