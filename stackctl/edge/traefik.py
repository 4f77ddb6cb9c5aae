"""A Route as Traefik understands it: labels for its Docker provider, and what its configuration needs.

Keys and their traps: https://doc.traefik.io/traefik/reference/routing-configuration/other-providers/docker/
"""

from __future__ import annotations

from typing import Any

from stackctl import strict
from stackctl.model import PROXY_NETWORK, Edge, Kind, Route, Spoke, Stack
from stackctl.policy import asks

CONFIG_DIR = "/etc/traefik"
TEMPLATES = {"traefik.yml": "edge/traefik/traefik.yml.j2"}
ENTRY_POINT_PORT = 80


def is_edge(stack: Stack, spoke: Spoke) -> bool:
    """Whether stackctl writes this spoke's configuration and healthcheck."""
    return stack.edge is Edge.TRAEFIK and spoke.kind is Kind.EDGE


def rule(route: Route) -> str:
    """The rule that takes exactly the route's hosts and path; both are validated at reading."""
    hosts = " || ".join(f"Host(`{host}`)" for host in route.hosts)
    path = route.path.rstrip("/")
    if not path:
        return hosts
    # PathPrefix compares text: `/agent/1` would also take `/agent/10`.
    return f"({hosts}) && (Path(`{path}`) || PathPrefix(`{path}/`))"


def labels(stack: Stack, spoke: Spoke) -> dict[str, str]:
    """The spoke's routes as labels; names carry the stack's, since Traefik joins or drops equal ones."""
    found: dict[str, str] = {}
    for number, route in enumerate(spoke.routes):
        name = f"{stack.name}-{spoke.name}" + (f"-{number}" if number else "")
        router = f"traefik.http.routers.{name}"
        found["traefik.enable"] = "true"
        found[f"{router}.rule"] = rule(route)
        found[f"{router}.entrypoints"] = "web"
        # With more than one service in a container and no link, Traefik drops the router.
        found[f"{router}.service"] = name
        found[f"traefik.http.services.{name}.loadbalancer.server.port"] = str(route.port)
        if route.strip and route.path.rstrip("/"):
            found[f"{router}.middlewares"] = f"{name}-strip"
            found[f"traefik.http.middlewares.{name}-strip.stripprefix.prefixes"] = route.path.rstrip("/")
    return found


def values(stack: Stack) -> dict[str, Any]:
    """What the configuration template is given; it decides the edge's fingerprint."""
    # The proxy that is there for it, where one says so.
    proxies = sorted(
        stack.of_kind(Kind.SOCKET_PROXY),
        key=lambda proxy: not any(asks(stack, edge, proxy) for edge in stack.of_kind(Kind.EDGE)),
    )
    return {
        "stack": stack.name,
        "proxy_network": stack.network_name(PROXY_NETWORK),
        "docker_endpoint": strict.endpoint(proxies[0]) if proxies else "",
    }
