"""What must hold of the running stack, and what was seen: Checks and Results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from stackctl.findings import Location, Severity


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


@dataclass(frozen=True)
class InVolume:
    """A target by the unix socket at which a spoke listens in a volume, `path` as its container sees it."""

    spoke: str
    path: str
    port: int = 0


Target = Named | OnNetwork | Published | InVolume


@dataclass(frozen=True)
class Request:
    """One HTTP request, sent without a body from `vantage`: a network of the stack, or "" for this host.

    `container:SPOKE` is inside the network of that spoke's container, where its loopback is.

    To a socket in a volume it is sent from a place that has this volume, named by `vantage`, and no network.
    """

    vantage: str
    target: Target
    method: str = "GET"
    path: str = "/"
    host: str = ""
    """Host header; empty means the target's own name or address."""
    forwarded: str = ""
    """The path that an edge would have taken away, "/" for none: with the headers that an edge adds."""
    about: str = ""
    """An address: with the headers with which an edge asks a login whether somebody may see it."""
    tls: bool = False
    """Asked with TLS, for the name in `host`."""
    sni: str = ""
    """With TLS: the name of the handshake, where it is not `host`. No answer comes for a name that has no
    certificate, so how an edge refuses is asked behind the handshake of another."""
    look: bool = False
    """The connections of the vantage's network are looked at too; with the method LISTEN, only where it
    listens."""


@dataclass(frozen=True)
class Expect:
    """What the answer must be. With nothing set, any answer will do."""

    statuses: frozenset[int] = frozenset()
    body: str = ""
    """Text that the body must contain."""
    without: str = ""
    """Text that the body must not contain."""
    names_container: str = ""
    """A spoke: the body must contain the hostname of its running container."""
    no_answer: bool = False
    """The target must not be reachable; then the other fields mean nothing."""
    reached: bool = False
    """Whatever comes back will do, a refused connection included: it shows that the way there is open."""
    taken: bool = False
    """That the connection is taken will do, as by a database that does not understand the request."""
    as_control: bool = False
    """The status must be one that the last control saw, plainly or forwarded, and so must the body where
    both were given the same one."""
    unlike_control: bool = False
    """The answer must be another one than the last control saw."""
    refuses_as_control: bool = False
    """The answer must be the refusal that the last control saw: lead to the same place, if it leads on."""
    listens: int = 0
    """The port at which the vantage's network must listen, on more than its loopback."""
    called: OnNetwork | None = None
    """The place at which a connection of `called_by` must arrive, seen from the vantage's network."""
    called_by: str = ""
    certificate: str = ""
    """A name: the certificate must hold for it, be trusted, not about to end, and not the edge's own."""
    redirects_to: str = ""
    """The answer must lead to this address at once."""
    resolves: bool = False
    """The target's name must lead to an address; what answers there means nothing."""
    below: str = ""
    """A path that every link to the same host in the answer must begin with."""


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
class Audit:
    """Many requests to a socket proxy, each with what must come of it, by its name in `verify/audit.py`.

    Which requests those are follows from the policy and from the Engine's version of the API.
    """

    name: str


@dataclass(frozen=True)
class Opened:
    """A copy of the socket proxy lets these operations through too; all there are where none is named."""

    operations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Joined:
    """A copy of the spoke's container also sits on a network that stands for this one."""

    network: str
    merged: bool = False
    """This network and the spoke's own are one and the same."""


@dataclass(frozen=True)
class Beside:
    """Another container is there too: of the spoke, of another spoke, or of nobody in the stack."""

    spoke: str
    """Empty for one outside the stack."""
    host: Mapping[str, Any]
    """Its `HostConfig`, as the Engine takes it; created, never started."""


@dataclass(frozen=True)
class InItsPlace:
    """In place of the spoke's containers there is another."""

    how: Literal["ended", "unhealthy", "disguised"]
    """It ended with an error; or it runs, but is not healthy; or it has their labels and is none of them."""


@dataclass(frozen=True)
class Cut:
    """A copy of the socket proxy cuts every stream that is silent for a second."""


@dataclass(frozen=True)
class Narrowed:
    """A copy of the socket proxy lets through none of the operations that need an upgrade."""


@dataclass(frozen=True)
class Unrouted:
    """The edge has no route for the host name that it is asked for."""

    host: str
    """A name for which that is so; it is asked for in place of the other."""


@dataclass(frozen=True)
class Moved:
    """The spoke's container has other addresses than those that the edge knows."""


@dataclass(frozen=True)
class Warned:
    """The Engine warns of this about itself."""

    text: str


@dataclass(frozen=True)
class Widened:
    """On the Engine, no network of the stack is internal."""


@dataclass(frozen=True)
class AnswersAll:
    """Whoever is asked answers every request alike."""

    status: int = 200
    body: str = "anything"


Mutation = (
    Opened | Narrowed | Cut | Joined | Beside | InItsPlace | Moved | Warned | Widened | Unrouted | AnswersAll
)
"""How a guard is broken, so that `verify --prove` can do it."""


@dataclass(frozen=True)
class Check:
    """Something that must hold of the running spoke."""

    code: str
    spoke: str
    title: str
    look: Request | Observation | Audit
    expect: Expect = Expect()
    controls: tuple[Control, ...] = ()
    mutation: str = ""
    """What, once broken, must turn this check red."""
    broken_by: Mutation | None = None
    """The same for `verify --prove`."""
    severity: Severity = Severity.ERROR
    at: Location | None = None


NO_PROBER = "no prober: "
"""Begins what is seen where a check could not be asked because there is nobody to ask it."""


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
