"""Routes as labels for caddy-docker-proxy, which makes a Caddyfile of them.

Untested: no build of it could be had. https://github.com/lucaslorentz/caddy-docker-proxy
"""

from __future__ import annotations

from collections.abc import Iterator

from stackctl.edge.precedence import numbered, response_headers
from stackctl.model import BasicAuth, ForwardAuth, Protocol, Route, Spoke, Stack, Tls


def labels(stack: Stack, spoke: Spoke) -> dict[str, str]:
    """The spoke's routes as labels.

    Blocks of one site are merged over all containers, so every route stands in a `handle` of its own.
    """
    found: dict[str, str] = {}
    routes = [n.route for n in numbered(stack, spoke) if n.route.protocol is Protocol.HTTP]
    for number, route in enumerate(routes):
        site = "caddy" if len(routes) == 1 else f"caddy_{number}"
        scheme = "http://" if route.tls is Tls.OFF else ""
        found[site] = ", ".join(f"{scheme}{host}" for host in route.hosts)
        found |= {f"{site}.{key}": value.replace("$", "$$") for key, value in _of_route(route)}
    if found:
        found["caddy_ingress_network"] = stack.network_name("proxy")
    return found


def _of_route(route: Route) -> Iterator[tuple[str, str]]:
    if route.tls is Tls.INTERNAL:
        yield "tls", "internal"
    elif route.tls is Tls.FILES:
        yield "tls", f"/run/secrets/{route.certificate} /run/secrets/{route.key}"
    block = "handle"
    if route.prefix and route.strip:
        block = "handle_path"
        yield "redir", f"{route.prefix} {route.prefix}/ 308"
    if route.prefix and route.strip:
        yield block, f"{route.prefix}/*"
    elif route.prefix:
        # One name for both spellings of the path; a matcher stands in the site, not in the block.
        matcher = "@" + route.prefix.strip("/").replace("/", "-").replace(".", "-").replace("~", "-")
        yield f"{matcher}.path", f"{route.prefix} {route.prefix}/*"
        yield block, matcher
    else:
        yield block, ""
    for key, value in _inside(route):
        yield f"{block}.{key}", value


def _inside(route: Route) -> Iterator[tuple[str, str]]:
    if isinstance(route.auth, BasicAuth):
        for user, digest in route.auth.users:
            yield f"basic_auth.{user.replace('.', chr(92) + '.')}", digest
    elif isinstance(route.auth, ForwardAuth):
        yield "forward_auth", f"{route.auth.spoke}:{route.auth.port}"
        yield "forward_auth.uri", route.auth.path
        if route.auth.headers:
            yield "forward_auth.copy_headers", " ".join(route.auth.headers)
    for name, value in response_headers(route).items():
        yield (f"header.{name}", f'"{_escaped(value)}"') if value else (f"header.-{name}", "")
    if route.compress:
        yield "encode", "zstd gzip"
    if route.max_body:
        yield "request_body.max_size", str(route.max_body)
    yield "reverse_proxy", f"{{{{upstreams {route.port}}}}}"
    if route.prefix and route.strip:
        yield "reverse_proxy.header_up", f"X-Forwarded-Prefix {route.prefix}"
    if route.sticky:
        yield "reverse_proxy.lb_policy", "cookie stackctl"
    if probe := route.probe:
        yield "reverse_proxy.health_uri", probe.path
        yield "reverse_proxy.health_interval", f"{probe.interval}s"
        yield "reverse_proxy.health_timeout", f"{probe.timeout}s"
    if route.websockets:
        yield "reverse_proxy.stream_close_delay", f"{route.websockets}s"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
