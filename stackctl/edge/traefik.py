"""Routes as Traefik understands them: labels for its Docker provider, or files, and its own configuration.

Keys and their traps: https://doc.traefik.io/traefik/reference/routing-configuration/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stackctl import strict
from stackctl.edge import middlewares
from stackctl.edge.precedence import Numbered, Upstreams, groups, numbered, precedence, reached_as
from stackctl.generation import told
from stackctl.model import PROXY_NETWORK, Edge, Kind, Protocol, Route, RoutesBy, Spoke, Stack, Tls
from stackctl.policy import asks

CONFIG_DIR = "/etc/traefik"
ROUTES_DIR = "routes"
"""Below the configuration; Traefik watches it."""
ROUTES_FILE = f"{ROUTES_DIR}/routes.yml"
TEMPLATES = {"traefik.yml": "edge/traefik/traefik.yml.j2"}
ACME_FILE = "/acme/acme.json"
RESOLVER = "acme"
PLAIN, SECURE = "web", "websecure"
HTTP_PORT, HTTPS_PORT = 80, 443
_WITNESS = "stackctl~witness"

Tree = dict[str, Any]


def is_edge(stack: Stack, spoke: Spoke) -> bool:
    """Whether stackctl writes this spoke's configuration and healthcheck."""
    return stack.edge is Edge.TRAEFIK and spoke.kind is Kind.EDGE


# ---- rules


def rule(route: Route, hosts: tuple[str, ...] | None = None) -> str:
    """The rule that takes exactly these hosts and the route's path; both are validated at reading."""
    matched = " || ".join(map(_host, route.hosts if hosts is None else hosts))
    path = route.prefix
    if not path:
        return matched
    # PathPrefix compares text: `/agent/1` would also take `/agent/10`.
    return f"({matched}) && (Path(`{path}`) || PathPrefix(`{path}/`))"


def _host(host: str) -> str:
    if not host.startswith("*."):
        return f"Host(`{host}`)"
    # One label, as in a certificate; understood by every Traefik 3.
    suffix = host.removeprefix("*.").replace(".", r"\.")
    return rf"HostRegexp(`^[^.]+\.{suffix}$`)"


def entry_point(route: Route) -> str:
    if route.protocol is Protocol.HTTP:
        return PLAIN if route.tls is Tls.OFF else SECURE
    return f"{route.protocol}-{route.listen}"


# ---- routes


def labels(stack: Stack, spoke: Spoke) -> dict[str, str]:
    """The spoke's routes as labels; names carry the stack's, since Traefik joins or drops equal ones."""
    tree: Tree = {}
    for route in numbered(stack, spoke):
        if not route.route.dashboard:
            _merge(tree, _of_route(stack, route, {"server": {"port": route.route.port}}))
    if not tree:
        return {}
    # Compose reads `$` as the beginning of a variable.
    flat = {key: value.replace("$", "$$") for key, value in _flat(tree, "traefik")}
    return {"traefik.enable": "true", **flat}


def routes_file(stack: Stack, upstreams: Upstreams, witness: str = "") -> Tree:
    """What Traefik reads again while it runs: certificates, its dashboard, routes that no labels say."""
    tree: Tree = {"tls": _certificates(stack)}
    for spoke in stack.spokes:
        for route in numbered(stack, spoke):
            if route.route.dashboard:
                _merge(tree, _of_route(stack, route, {}))
            elif stack.routing.by is RoutesBy.FILES:
                scheme = "http://" if route.route.protocol is Protocol.HTTP else ""
                key = "url" if scheme else "address"
                names = reached_as(stack, spoke, upstreams)
                servers = [{key: f"{scheme}{name}:{route.route.port}"} for name in names]
                _merge(tree, _of_route(stack, route, {"servers": servers}))
    if witness:
        _merge(tree, _witnessing(witness))
    return tree


def _witnessing(witness: str) -> Tree:
    """A route that no app answers, for a name that nobody can register."""
    redirect = {"redirectRegex": {"regex": ".*", "replacement": told(witness)}}
    router = {
        "rule": f"Host(`{witness}`)",
        "entryPoints": [PLAIN],
        "middlewares": [_WITNESS],
        "service": "noop@internal",
    }
    return {"http": {"routers": {_WITNESS: router}, "middlewares": {_WITNESS: redirect}}}


def _of_route(stack: Stack, route: Numbered, server: Tree) -> Tree:
    if route.route.protocol is not Protocol.HTTP:
        return _of_stream(route, server)
    return _of_http(stack, route, server)


def _of_http(stack: Stack, named: Numbered, server: Tree) -> Tree:
    name, route = named.name, named.route
    chain = middlewares.of_route(name, route)
    service = "api@internal" if route.dashboard else name
    routers: Tree = {}
    found: Tree = {**chain}
    for number, hosts in enumerate(groups(route)):
        router: Tree = {
            "rule": rule(route, hosts),
            "entryPoints": [entry_point(route)],
            # With more than one service in a container and no link, Traefik drops the router.
            "service": service,
            "priority": precedence(hosts[0], route),
        }
        own = f"{name}~w{number}" if number else name
        if route.tls is not Tls.OFF:
            if route.redirect:
                to_https = f"{name}~https"
                found[to_https] = {"redirectScheme": _redirect(stack)}
                plain = {**router, "entryPoints": [PLAIN], "middlewares": [to_https]}
                routers[f"{own}~http"] = plain
            resolver = {"certResolver": RESOLVER} if route.tls is Tls.ACME else {}
            router["tls"] = resolver
        if chain:
            router["middlewares"] = list(chain)
        routers[own] = router
    # First those that are asked in the clear: there, nobody needs a certificate to see who answers.
    in_order = sorted(routers, key=lambda own: (routers[own]["entryPoints"] != [PLAIN], own))
    tree: Tree = {"routers": {own: routers[own] for own in in_order}}
    if not route.dashboard:
        tree["services"] = {name: {"loadBalancer": {**server, **_balancing(route)}}}
    if found:
        tree["middlewares"] = found
    return {"http": tree}


def _redirect(stack: Stack) -> Tree:
    """To the port at which the edge is published for https, where that is not the usual one."""
    ports = [p.published for edge in stack.of_kind(Kind.EDGE) for p in edge.ports if p.target == HTTPS_PORT]
    other = [port for port in ports if port.isdecimal() and port not in ("0", str(HTTPS_PORT))]
    return {
        "scheme": "https",
        "permanent": True,
        **({"port": other[0]} if len(ports) == len(other) == 1 else {}),
    }


def _balancing(route: Route) -> Tree:
    found: Tree = {}
    if route.sticky:
        cookie = {"name": "stackctl", "httpOnly": True, "secure": route.tls is not Tls.OFF, "sameSite": "lax"}
        found["sticky"] = {"cookie": cookie}
    if route.probe:
        probe = route.probe
        found["healthCheck"] = {
            "path": probe.path,
            "interval": f"{probe.interval}s",
            "timeout": f"{probe.timeout}s",
        }
    return found


def _of_stream(named: Numbered, server: Tree) -> Tree:
    name, route = named.name, named.route
    router: Tree = {"entryPoints": [entry_point(route)], "service": name}
    if route.protocol is Protocol.TCP:
        router["rule"] = " || ".join(f"HostSNI(`{host}`)" for host in route.hosts or ("*",))
        if route.tls is not Tls.OFF:
            router["tls"] = {"certResolver": RESOLVER} if route.tls is Tls.ACME else {}
    return {route.protocol.value: {"routers": {name: router}, "services": {name: {"loadBalancer": server}}}}


def _certificates(stack: Stack) -> Tree:
    # Without `sniStrict`, an unknown name is answered with a certificate that Traefik makes up.
    tls: Tree = {"options": {"default": {"minVersion": "VersionTLS12", "sniStrict": True}}}
    files = [
        {"certFile": certificate, "keyFile": key} for certificate, key in middlewares.certificates(stack)
    ]
    return {**tls, "certificates": files} if files else tls


def _merge(into: Tree, tree: Tree) -> None:
    for key, value in tree.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """A tree of the file provider as labels: the same keys in lower case, joined by dots."""
    if isinstance(value, Mapping):
        if not value:
            yield path, "true"
        for key, item in value.items():
            # Names keep their spelling; they hold no capital letters, but headers do.
            part = key if ".headers.customresponseheaders" in path else key.lower()
            yield from _flat(item, f"{path}.{part}")
    elif isinstance(value, list):
        yield path, ",".join(map(str, value))
    else:
        yield path, str(value).lower() if isinstance(value, bool) else str(value)


# ---- its own configuration


def values(stack: Stack) -> dict[str, Any]:
    """What the configuration template is given; it decides the edge's fingerprint.

    Nothing of other spokes' routes: a route changes without a new container of the edge.
    """
    # The proxy that is there for it, where one says so.
    proxies = sorted(
        stack.of_kind(Kind.SOCKET_PROXY),
        key=lambda proxy: not any(asks(stack, edge, proxy) for edge in stack.of_kind(Kind.EDGE)),
    )
    by_labels = stack.routing.by is RoutesBy.LABELS
    found: dict[str, Any] = {
        "stack": stack.name,
        "proxy_network": stack.network_name(PROXY_NETWORK),
        "docker_endpoint": strict.endpoint(proxies[0]) if proxies and by_labels else "",
    }
    edges = stack.of_kind(Kind.EDGE)
    streams = sorted(
        {
            (f"{port.protocol}-{port.target}", f":{port.target}" + ("/udp" if port.protocol == "udp" else ""))
            for edge in edges
            for port in edge.ports
            if port.protocol == "udp" or port.target not in (HTTP_PORT, HTTPS_PORT)
        }
    )
    # What is not there changes no fingerprint.
    if streams:
        found["streams"] = [list(stream) for stream in streams]
    if any(route.dashboard for edge in edges for route in edge.routes):
        found["dashboard"] = True
    if not by_labels:
        found["routes_by"] = stack.routing.by.value
    if acme := stack.routing.acme:
        found["acme"] = {
            "email": acme.email,
            "challenge": acme.challenge,
            "server": acme.server,
            "authority": acme.authority,
        }
    return found
