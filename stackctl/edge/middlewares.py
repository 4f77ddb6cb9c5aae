"""What happens to a request on its way through Traefik, as its middlewares; and where certificates lie."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any

from stackctl.edge.precedence import response_headers
from stackctl.model import BasicAuth, ForwardAuth, Kind, Route, Spoke, Stack, Tls

TLS_DIR = "/etc/stackctl/tls"
"""In the edge's container: certificates of the stack's own authority."""
SECRETS = "/run/secrets"
_LARGEST_REFUSAL = 1 << 20


def of_route(name: str, route: Route) -> dict[str, Any]:
    """Name -> middleware, in the order in which a request meets them."""
    found: dict[str, Any] = {}
    if rate := route.rate_limit:
        found["rate"] = {
            "rateLimit": {"average": rate.requests, "period": f"{rate.seconds}s", "burst": rate.burst}
        }
    if route.auth is not None:
        found["auth"] = _auth(route.auth)
    if headers := response_headers(route):
        found["headers"] = {"headers": {"customResponseHeaders": headers}}
    if route.compress:
        found["compress"] = {"compress": {"minResponseBodyBytes": 1024}}
    if route.max_body:
        found["body"] = {"buffering": {"maxRequestBodyBytes": route.max_body}}
    if route.strip and route.prefix:
        # Relative links of a page without its final slash would lead out of the path.
        escaped = route.prefix.replace(".", r"\.")
        found["slash"] = {
            "redirectRegex": {
                "regex": rf"^(https?://[^/]+{escaped})(\?.*)?$",
                "replacement": "${1}/${2}",
                "permanent": True,
            }
        }
        found["strip"] = {"stripPrefix": {"prefixes": [route.prefix]}}
    return {f"{name}~{kind}": how for kind, how in found.items()}


def _auth(auth: BasicAuth | ForwardAuth) -> dict[str, Any]:
    if isinstance(auth, BasicAuth):
        # The app has no business with the password.
        return {
            "basicAuth": {"users": [f"{user}:{digest}" for user, digest in auth.users], "removeHeader": True}
        }
    asked: dict[str, Any] = {
        "address": f"http://{auth.spoke}:{auth.port}{auth.path}",
        "trustForwardHeader": False,
        "maxResponseBodySize": _LARGEST_REFUSAL,
    }
    if auth.headers:
        asked["authResponseHeaders"] = list(auth.headers)
    return {"forwardAuth": asked}


def internal_hosts(stack: Stack) -> tuple[str, ...]:
    """The names for which the stack's own authority signs."""
    routes = (route for spoke in stack.spokes for route in spoke.routes)
    return tuple(sorted({host for route in routes if route.tls is Tls.INTERNAL for host in route.hosts}))


def file_of(host: str) -> str:
    """What the files of a host's certificate are called, without their ending."""
    return host.replace("*", "_")


def certificates(stack: Stack) -> Iterator[tuple[str, str]]:
    """In the edge's container: the paths of each certificate and its key."""
    for host in internal_hosts(stack):
        yield f"{TLS_DIR}/{file_of(host)}.pem", f"{TLS_DIR}/{file_of(host)}.key"
    edges = stack.of_kind(Kind.EDGE)
    given = {grant["source"]: grant for edge in edges for grant in edge.service.get("secrets", ())}
    seen = set()
    for spoke in stack.spokes:
        for route in spoke.routes:
            pair = (route.certificate, route.key)
            if route.certificate in given and route.key in given and pair not in seen:
                seen.add(pair)
                certificate, key = (posixpath.join(SECRETS, given[n].get("target") or n) for n in pair)
                yield certificate, key


def listens_for_tls(edge: Spoke) -> bool:
    """Whether an edge is there for https: told by its own ports, so that no route changes its container."""
    return any(port.target == 443 for port in edge.ports)
