"""A route: how requests that arrive at the edge find a spoke, and what happens to them on the way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Edge(StrEnum):
    TRAEFIK = "traefik"
    CADDY = "caddy"
    NONE = "none"


class RoutesBy(StrEnum):
    """How the edge learns of routes."""

    LABELS = "labels"
    """From labels of containers, which it asks the Docker API for."""
    FILES = "files"
    """From files that stackctl writes; the edge needs no access to Docker at all."""


class Protocol(StrEnum):
    HTTP = "http"
    TCP = "tcp"
    UDP = "udp"


class Tls(StrEnum):
    """Where the certificate of a route comes from."""

    OFF = "off"
    INTERNAL = "internal"
    """The stack's own authority; needs neither DNS nor internet."""
    ACME = "acme"
    FILES = "files"


@dataclass(frozen=True)
class BasicAuth:
    users: tuple[tuple[str, str], ...]
    """Name and bcrypt hash; both edges understand that form, and no other common one."""


@dataclass(frozen=True)
class ForwardAuth:
    """Each request is first shown to another spoke, which lets it pass by an answer of 2xx."""

    spoke: str
    port: int
    path: str = "/"
    headers: tuple[str, ...] = ()
    """Headers of that answer that the app is given; what a client sends under these names is dropped."""


@dataclass(frozen=True)
class RateLimit:
    """Per client address, on average `requests` in `seconds`, and `burst` at once."""

    requests: int
    seconds: int = 1
    burst: int = 1


@dataclass(frozen=True)
class Probe:
    """The edge asks each container of the spoke, and leaves out those that do not answer 2xx or 3xx."""

    path: str
    interval: int = 10
    timeout: int = 3


@dataclass(frozen=True)
class Route:
    """Requests for `hosts` and `path` that arrive at the edge go to `port` of the spoke's container."""

    hosts: tuple[str, ...]
    """`*.name` takes every name with one more label; empty only for TCP and UDP."""
    port: int
    path: str = "/"
    strip: bool = False
    protocol: Protocol = Protocol.HTTP
    listen: int = 0
    """TCP and UDP: the port of the edge's container on which it listens."""
    auth: BasicAuth | ForwardAuth | None = None
    tls: Tls = Tls.OFF
    certificate: str = ""
    """With `tls: files`: the edge's secret that holds the certificate and what signed it, as PEM."""
    key: str = ""
    """With `tls: files`: the edge's secret that holds the certificate's private key, as PEM."""
    redirect: bool = True
    """With TLS: what arrives as plain HTTP is sent to https, instead of to nowhere."""
    secure_headers: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    """Set on each answer; an empty value takes the header away."""
    rate_limit: RateLimit | None = None
    max_body: int = 0
    """Bytes of a request; 0 for no limit."""
    compress: bool = False
    sticky: bool = False
    probe: Probe | None = None
    websockets: int | None = None
    """Seconds that an open websocket outlives a reload of the edge; None where the page says nothing."""
    dashboard: bool = False
    """Leads to the edge's own dashboard in place of a port."""

    @property
    def prefix(self) -> str:
        """The path without its final slash; empty for all paths."""
        return self.path.rstrip("/")


@dataclass(frozen=True)
class Acme:
    """How certificates for public names are asked for."""

    email: str
    challenge: str = "http"
    """`http` (port 80 must be reachable from outside) or `tls` (port 443 must be)."""
    server: str = ""
    """Another directory than Let's Encrypt's."""
    authority: str = ""
    """Path in the edge's container of the PEM that signs the server's own certificate."""


@dataclass(frozen=True)
class Routing:
    """What stack.yaml says of its edge, beyond which one it is."""

    by: RoutesBy = RoutesBy.LABELS
    acme: Acme | None = None
