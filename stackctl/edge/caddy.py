"""Routes as Caddy's own JSON configuration, which needs no access to Docker.

Keys and their traps: https://caddyserver.com/docs/json/
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from stackctl.edge.middlewares import certificates
from stackctl.edge.precedence import of_protocol, precedence, reached_as, response_headers
from stackctl.model import (
    Acme,
    BasicAuth,
    Edge,
    ForwardAuth,
    Kind,
    Protocol,
    Route,
    RoutesBy,
    Spoke,
    Stack,
    Tls,
)

CONFIG_DIR = "/etc/caddy"
CONFIG_FILE = "caddy.json"
ADMIN = "localhost:2019"
COMMAND = ("caddy", "run", "--config", f"{CONFIG_DIR}/{CONFIG_FILE}")
RELOAD = ("caddy", "reload", "--force", "--config", f"{CONFIG_DIR}/{CONFIG_FILE}", "--address", ADMIN)
"""Run in the edge's container: nothing outside of it reaches the port at which Caddy is told."""
LED_DIR = "led"
"""Below the configuration: `SPOKE/RANK-CONTAINER` leads that spoke's requests to one container."""
_TRANSPORT: dict[str, Any] = {
    "protocol": "http",
    "keep_alive": {"idle_timeout": "1s", "max_idle_conns_per_host": 32, "probe_interval": "30s"},
}
"""A connection that an app ended unnoticed loses the POST that is sent into it: none waits for long, and of
an old container none is left when it stops. The rest is what Caddy does where nothing is stated."""
ENVIRONMENT = {"GOGC": "400"}
"""Its few MiB are looked through for garbage less often. That gives back more processor time than looking at
each request for what leads a spoke takes, for some 13 MiB under load."""
HEALTHCHECK = ("CMD", "wget", "-q", "-O", "/dev/null", f"http://{ADMIN}/metrics")
"""Asks for its figures: whoever asks for anything else is logged, every few seconds."""

Json = dict[str, Any]


def is_edge(stack: Stack, spoke: Spoke) -> bool:
    """Whether stackctl writes this spoke's configuration and healthcheck."""
    return stack.edge is Edge.CADDY and stack.routing.by is RoutesBy.FILES and spoke.kind is Kind.EDGE


def configuration(stack: Stack) -> Json:
    """All that Caddy is told; it reads it again on a reload."""
    routes = [(n.route, n.spoke) for n in of_protocol(stack, Protocol.HTTP)]
    plain = [*_served(stack, [(r, s) for r, s in routes if r.tls is Tls.OFF or r.redirect])]
    tls = [(r, s) for r, s in routes if r.tls is not Tls.OFF]
    secure = [*_served(stack, tls, secure=True)]
    servers: Json = {"web": _server(":80", plain)}
    apps: Json = {"http": {"grace_period": "10s", "servers": servers}}
    if secure:
        servers["websecure"] = {**_server(":443", secure), "tls_connection_policies": [{}]}
        apps["tls"] = _tls(stack)
    # Without `persist`, it would want to keep a copy of what it reads here anyway.
    return {"admin": {"listen": ADMIN, "config": {"persist": False}}, "apps": apps}


def _server(listen: str, routes: list[Json]) -> Json:
    # Unasked, Caddy answers an unknown name with an empty 200.
    nowhere = {"handle": [{"handler": "static_response", "status_code": 404, "body": "404 page not found\n"}]}
    # It would ask for certificates by itself, for every name it finds.
    return {"listen": [listen], "routes": [*routes, nowhere], "automatic_https": {"disable": True}}


def _served(stack: Stack, routes: list[tuple[Route, Spoke]], *, secure: bool = False) -> Iterator[Json]:
    """A route per host, so that of two that match the more exact one comes first, redirects to https too."""
    by_host = [(precedence(host, r), host, r, s) for r, s in routes for host in r.hosts]
    for _, host, route, spoke in sorted(by_host, key=lambda found: (-found[0], found[1])):
        if route.tls is not Tls.OFF and not secure:
            yield _to_https(stack, host, route)
            continue
        if route.strip and route.prefix:
            # Relative links of a page without its final slash would lead out of the path.
            to_slash = {"Location": [f"{route.prefix}/"]}
            redirect = {"handler": "static_response", "status_code": 308, "headers": to_slash}
            yield {
                "match": [{"host": [host], "path": [route.prefix]}],
                "handle": [redirect],
                "terminal": True,
            }
        handlers = [*_on_the_way(route), _to_app(route, spoke.name, reached_as(stack, spoke))]
        yield {"match": [_match((host,), route)], "handle": handlers, "terminal": True}


def _match(hosts: tuple[str, ...], route: Route) -> Json:
    path = {"path": [route.prefix, f"{route.prefix}/*"]} if route.prefix else {}
    return {"host": list(hosts), **path}


def _to_https(stack: Stack, host: str, route: Route) -> Json:
    ports = [p.published for edge in stack.of_kind(Kind.EDGE) for p in edge.ports if p.target == 443]
    other = [port for port in ports if port.isdecimal() and port not in ("0", "443")]
    port = f":{other[0]}" if len(ports) == len(other) == 1 else ""
    location = {"Location": [f"https://{{http.request.host}}{port}{{http.request.uri}}"]}
    answer = {"handler": "static_response", "status_code": 308, "headers": location}
    return {"match": [_match((host,), route)], "handle": [answer], "terminal": True}


def _on_the_way(route: Route) -> Iterator[Json]:
    if isinstance(route.auth, BasicAuth):
        accounts = [
            {"username": user, "password": base64.b64encode(digest.encode()).decode()}
            for user, digest in route.auth.users
        ]
        basic = {"accounts": accounts, "hash": {"algorithm": "bcrypt"}}
        yield {"handler": "authentication", "providers": {"http_basic": basic}}
        # The app has no business with the password.
        yield {"handler": "headers", "request": {"delete": ["Authorization"]}}
    elif isinstance(route.auth, ForwardAuth):
        yield from _forward(route.auth)
    if headers := response_headers(route):
        kept = {name: [value] for name, value in headers.items() if value}
        gone = [name for name, value in headers.items() if not value]
        yield {
            "handler": "headers",
            "response": {
                "deferred": True,
                **({"set": kept} if kept else {}),
                **({"delete": gone} if gone else {}),
            },
        }
    if route.compress:
        encodings: Json = {"gzip": {}, "zstd": {}}
        yield {
            "handler": "encode",
            "encodings": encodings,
            "prefer": ["zstd", "gzip"],
            "minimum_length": 1024,
        }
    if route.max_body:
        yield {"handler": "request_body", "max_size": route.max_body}
    if route.strip and route.prefix:
        yield {"handler": "rewrite", "strip_path_prefix": route.prefix}


def _forward(auth: ForwardAuth) -> Iterator[Json]:
    if auth.headers:
        # Otherwise a client could say for itself who it is.
        yield {"handler": "headers", "request": {"delete": list(auth.headers)}}
    given = {name: [f"{{http.reverse_proxy.header.{name}}}"] for name in auth.headers}
    passed = {"handle": [{"handler": "headers", "request": {"set": given}}]} if given else {"handle": []}
    asked = {
        "X-Forwarded-Method": ["{http.request.method}"],
        "X-Forwarded-Uri": ["{http.request.uri}"],
    }
    proxy: Json = {
        "handler": "reverse_proxy",
        "upstreams": _upstreams((auth.spoke,), auth.port),
        "transport": _TRANSPORT,
        "rewrite": {"method": "GET", "uri": auth.path},
        "headers": {"request": {"set": asked}},
        "handle_response": [{"match": {"status_code": [2]}, "routes": [passed]}],
    }
    yield _led("login", auth.spoke, auth.port, proxy, proxy)


def _to_app(route: Route, spoke: str, names: tuple[str, ...]) -> Json:
    proxy: Json = {
        "handler": "reverse_proxy",
        "upstreams": _upstreams(names, route.port),
        "transport": _TRANSPORT,
    }
    if route.strip and route.prefix:
        proxy["headers"] = {"request": {"set": {"X-Forwarded-Prefix": [route.prefix]}}}
    if route.websockets:
        # Needs Caddy 2.7; without it, each reload closes what is open.
        proxy["stream_close_delay"] = f"{route.websockets}s"
    usual = {**proxy}
    if route.sticky:
        usual["load_balancing"] = {"selection_policy": {"policy": "cookie", "name": "stackctl"}}
    if probe := route.probe:
        active = {"uri": probe.path, "interval": f"{probe.interval}s", "timeout": f"{probe.timeout}s"}
        usual["health_checks"] = {"active": active}
    return _led("app", spoke, route.port, usual, proxy) if len(names) == 1 else usual


def _upstreams(names: tuple[str, ...], port: int) -> list[Json]:
    return [{"dial": f"{name}:{port}"} for name in names]


def _led(stage: str, spoke: str, port: int, usual: Json, to_one: Json) -> Json:
    """The usual proxy, or one to the container that a file names, looked for at each request.

    Any reload closes what clients hold open, with requests on their way into it; a file appears without one.
    Listing a folder costs a tenth of a request, seeing that there is none next to nothing.
    """
    name = f"{{stackctl.{spoke}}}"
    # Of a group, a request takes one route wherever it stands: after its login, the app would be left out.
    group = f"led to {stage}"
    folder = {"root": CONFIG_DIR, "try_files": [f"/{LED_DIR}/{spoke}/"]}
    # The first of several counts. It is looked for again, as it may go after it was listed.
    files = {"root": f"{CONFIG_DIR}/{LED_DIR}/{spoke}", "try_files": ["/[0-9][0-9]-*"] * 2}
    told = {
        "handler": "map",
        "source": "{http.matchers.file.relative}",
        "destinations": [name],
        "mappings": [{"input_regexp": "^/?[0-9]+-([A-Za-z0-9_.-]+)$", "outputs": ["${1}"]}],
        "defaults": [spoke],
    }
    looked = {"handler": "subroute", "routes": [{"match": [{"file": files}]}]}
    led = {**to_one, "upstreams": _upstreams((name,), port)}
    routes = [
        {"group": group, "match": [{"file": folder}], "handle": [looked, told, led]},
        {"group": group, "handle": [usual]},
    ]
    return {"handler": "subroute", "routes": routes}


def _tls(stack: Stack) -> Json:
    found: Json = {}
    if files := [{"certificate": certificate, "key": key} for certificate, key in certificates(stack)]:
        found["certificates"] = {"load_files": files}
    routes = (route for spoke in stack.spokes for route in spoke.routes)
    public = sorted({host for route in routes if route.tls is Tls.ACME for host in route.hosts})
    acme = stack.routing.acme
    if public and acme:
        found.setdefault("certificates", {})["automate"] = public
        found["automation"] = {"policies": [{"subjects": public, "issuers": [_issuer(acme)]}]}
    return found


def _issuer(acme: Acme) -> Json:
    other = "tls-alpn" if acme.challenge == "http" else "http"
    return {
        "module": "acme",
        "email": acme.email,
        **({"ca": acme.server} if acme.server else {}),
        **({"trusted_roots_pem_files": [acme.authority]} if acme.authority else {}),
        "challenges": {other: {"disabled": True}},
    }
