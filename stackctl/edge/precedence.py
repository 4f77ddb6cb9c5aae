"""What both edges share: names that no other stack has, which route wins, and where a spoke answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stackctl.model import NOTHING, Protocol, Route, Spoke, Stack
from stackctl.replace import replicas

Upstreams = Mapping[str, tuple[str, ...]]
"""Spoke -> the names under which the edge reaches its containers; a spoke that is missing is its own name."""

GENERATIONS = 1000
"""How many generations of a spoke's containers fit between two routes of different precedence."""
_PATHS = 512

SECURE_HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'self'",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}
STRICT_TRANSPORT = {"Strict-Transport-Security": "max-age=31536000"}
UNTOLD = ("Server", "X-Powered-By")
"""Headers by which an app tells what it is; taken away together with the above."""


@dataclass(frozen=True)
class Numbered:
    """A route and its name at the edge."""

    name: str
    route: Route
    spoke: Spoke


def name(stack: Stack, spoke: Spoke, number: int = 0) -> str:
    """The name of a route at the edge. No name of a stack or spoke holds `~`, so none can end like it."""
    return f"{stack.name}-{spoke.name}" + (f"~{number}" if number else "")


def numbered(stack: Stack, spoke: Spoke) -> Iterator[Numbered]:
    for number, route in enumerate(spoke.routes):
        yield Numbered(name(stack, spoke, number), route, spoke)


def precedence(host: str, route: Route) -> int:
    """Higher wins: a name before a pattern, then the longer pattern, then the longer path.

    Between two of them there is room for the generations of containers that stand side by side.
    """
    host_rank = 0 if not host else len(host) if host.startswith("*.") else 255
    return (host_rank * _PATHS + len(route.prefix) + 1) * GENERATIONS


def groups(route: Route) -> tuple[tuple[str, ...], ...]:
    """The hosts of a route, those together that take the same precedence: names, and each pattern alone."""
    plain = tuple(host for host in route.hosts if not host.startswith("*."))
    patterns = tuple((host,) for host in route.hosts if host.startswith("*."))
    return ((plain,) if plain else ()) + patterns


def response_headers(route: Route) -> dict[str, str]:
    """What is set on each answer; an empty value takes the header away."""
    secure: dict[str, str] = {}
    if route.secure_headers:
        secure = {**SECURE_HEADERS, **dict.fromkeys(UNTOLD, "")}
        secure |= STRICT_TRANSPORT if route.tls != "off" else {}
    return {**secure, **dict(route.headers)}


def reached_as(stack: Stack, spoke: Spoke, upstreams: Upstreams = NOTHING) -> tuple[str, ...]:
    """The names of the spoke's containers for an edge that does not ask Docker.

    One name is enough for one container: Docker's DNS knows who answers to it. To tell several apart, as
    sticky sessions and health checks must, each needs its own.
    """
    if given := upstreams.get(spoke.name):
        return given
    count = replicas(spoke.service)
    if count < 2:
        return (spoke.name,)
    return tuple(f"{stack.name}-{spoke.name}-{number}" for number in range(1, count + 1))


def of_protocol(stack: Stack, *protocols: Protocol) -> Iterator[Numbered]:
    """Every route of the stack for these protocols, the one that wins first."""
    found = [n for spoke in stack.spokes for n in numbered(stack, spoke) if n.route.protocol in protocols]
    yield from sorted(
        found, key=lambda n: (-max(precedence(h, n.route) for h in n.route.hosts or ("",)), n.name)
    )
