"""Image references: their parts, and what is known of some of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stackctl.model import Edge, Kind

DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")

_SOCKET_PROXIES = frozenset(
    ("tecnativa/docker-socket-proxy", "linuxserver/socket-proxy", "wollomatic/socket-proxy")
) | frozenset(("11notes/socket-proxy", "hectorm/cetusguard"))
_EDGES = {
    "traefik": Edge.TRAEFIK,
    "caddy": Edge.CADDY,
    "lucaslorentz/caddy-docker-proxy": Edge.CADDY,
}
_REGISTRIES = re.compile(r"\A(?:(?:docker\.io|index\.docker\.io|ghcr\.io|quay\.io|lscr\.io)/)?(?:library/)?")


@dataclass(frozen=True)
class Image:
    """`repository:tag@digest`; parts that are absent are empty."""

    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")


def split_image(reference: str) -> Image:
    """The parts of a reference; a variable in it stays part of the repository or tag."""
    name, _, digest = reference.partition("@")
    # A colon before a slash belongs to the port of a registry, and one in `${…}` to a default.
    match = re.match(r"(?P<repository>.+?):(?P<tag>[A-Za-z0-9_.-]+|\$\w+|[^/:{}]*\$\{.*\}[^/]*)\Z", name)
    if match is None or match["repository"].count("{") != match["repository"].count("}"):
        return Image(name, "", digest)
    return Image(match["repository"], match["tag"], digest)


def kind_of(reference: str) -> Kind:
    """What a spoke is where it does not say so: told by a known image."""
    repository = _repository(reference)
    if repository in _SOCKET_PROXIES:
        return Kind.SOCKET_PROXY
    return Kind.EDGE if repository in _EDGES else Kind.APP


def edge_of(reference: str) -> Edge | None:
    """Which edge a known image is."""
    return _EDGES.get(_repository(reference))


def reads_labels(reference: str) -> bool:
    """Whether this Caddy learns of routes by labels; the plain one cannot."""
    return _repository(reference) == "lucaslorentz/caddy-docker-proxy"


def _repository(reference: str) -> str:
    return _REGISTRIES.sub("", split_image(reference).repository)
