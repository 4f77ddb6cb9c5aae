"""Rules about what routes ask of the edge, and whether it can do that."""

from __future__ import annotations

from collections.abc import Iterator

from stackctl.codes import finding
from stackctl.findings import Finding
from stackctl.model import Acme, Edge, ForwardAuth, Kind, Port, Protocol, Route, RoutesBy, Spoke, Stack, Tls
from stackctl.read.compose_keys import nearest
from stackctl.read.images import edge_of, reads_labels

PLAIN, SECURE = 80, 443
ACME_STORAGE = {Edge.TRAEFIK: "/acme", Edge.CADDY: "/data"}
_PRIVATE = (
    "localhost",
    "local",
    "internal",
    "lan",
    "home",
    "test",
    "invalid",
    "example",
    "onion",
    "home.arpa",
)
_LOOPBACK = ("127.", "::1", "[::1]")


def serving(stack: Stack) -> Spoke | None:
    """The spoke that is the stack's edge."""
    edges = (s for s in stack.of_kind(Kind.EDGE) if edge_of(s.image) in (stack.edge, None))
    return next(edges, None) if stack.edge is not Edge.NONE else None


def _routes(stack: Stack) -> Iterator[tuple[Spoke, int, Route]]:
    for spoke in stack.spokes:
        for number, route in enumerate(spoke.routes):
            yield spoke, number, route


def an_edge_is_there(stack: Stack) -> Iterator[Finding]:
    """SC621: what stack.yaml chooses is a spoke of the stack."""
    if stack.edge is not Edge.NONE and serving(stack) is None and any(_routes(stack)):
        message = f"no spoke is an edge that runs {stack.edge}"
        hint = f"write spokes/{stack.edge}.md with its image, or choose another edge"
        yield finding("SC621", stack.at("edge"), message, hint)


def the_image_reads_routes_that_way(stack: Stack) -> Iterator[Finding]:
    """SC622, SC623: labels are for the build of Caddy that reads them, files for the other."""
    edge = serving(stack)
    if stack.edge is not Edge.CADDY or edge is None or edge_of(edge.image) is None:
        return
    by_labels = stack.routing.by is RoutesBy.LABELS
    if by_labels != reads_labels(edge.image):
        does = "does not read labels" if by_labels else "makes its own configuration, of labels"
        hint = "choose lucaslorentz/caddy-docker-proxy" if by_labels else "choose the image `caddy`"
        message = f"the image of {edge.name} {does}"
        yield finding("SC622", edge.at("image"), message, f"{hint}, or the other `routes`", edge.name)
    elif by_labels:
        yield finding("SC623", edge.at("image"), "routes by labels of Caddy are untested", "", edge.name)


def the_edge_can(stack: Stack) -> Iterator[Finding]:
    """SC612: nothing is asked of Caddy that only Traefik does."""
    if stack.edge is not Edge.CADDY:
        return
    for spoke, number, route in _routes(stack):
        asked = (
            ("protocol", route.protocol.upper(), route.protocol is not Protocol.HTTP),
            ("rate_limit", "a rate limit", route.rate_limit is not None),
        )
        for key, what, stated in asked:
            if stated:
                at = spoke.at("route", str(number), key)
                hint = f"`edge: traefik` in stack.yaml can; or leave out `{key}`"
                yield finding("SC612", at, f"Caddy has {what} only with a plugin", hint, spoke.name)


def routes_are_published(stack: Stack) -> Iterator[Finding]:
    """SC613: the edge's container publishes the port on which a route is served."""
    edge = serving(stack)
    if edge is None:
        return
    for spoke, number, route in _routes(stack):
        udp = route.protocol is Protocol.UDP
        listens = route.listen or (SECURE if route.tls is not Tls.OFF else PLAIN)
        kind = "udp" if udp else "tcp"
        # An edge that publishes nothing stands behind something else.
        if edge.ports and not any(p.target == listens and p.protocol == kind for p in edge.ports):
            at = spoke.at("route", str(number), "listen" if route.listen else "tls")
            published = f"{listens}:{listens}" + ("/udp" if udp else "")
            message = f"{edge.name} does not publish port {listens}, on which it serves this route"
            yield finding("SC613", at, message, f"add `{published}` to the ports of {edge.name}", spoke.name)


def acme_can_work(stack: Stack) -> Iterator[Finding]:
    """SC614 to SC617: whoever asks for certificates is known, reachable, and keeps what was given."""
    asked = [(s, n, r) for s, n, r in _routes(stack) if r.tls is Tls.ACME]
    acme = stack.routing.acme
    for spoke, number, route in asked:
        at = spoke.at("route", str(number), "tls")
        if acme is None:
            message = f"no certificate can be asked for {', '.join(route.hosts)}"
            yield finding(
                "SC614", at, message, "state `acme: {email: …}` under `edge` in stack.yaml", spoke.name
            )
            continue
        for host in route.hosts:
            if host.startswith("*."):
                message = f"{host} can be proved through DNS only, which stackctl does not set up"
                yield finding("SC616", at, message, "name each host, or use `tls` from files", spoke.name)
            elif not acme.server and is_private(host):
                yield finding("SC615", at, f"no public authority signs {host}", "", spoke.name)
    edge = serving(stack)
    if acme is not None and edge is not None and asked:
        yield from _edge_can_acme(stack, edge, acme)


def _edge_can_acme(stack: Stack, edge: Spoke, acme: Acme) -> Iterator[Finding]:
    wanted = PLAIN if acme.challenge == "http" else SECURE
    outside = [p for p in edge.ports if p.target == wanted and p.protocol == "tcp"]
    if not any(_reachable(port, wanted) or acme.server for port in outside):
        message = (
            f"the `{acme.challenge}` challenge asks at port {wanted}, which {edge.name} does not publish"
        )
        hint = f"publish `{wanted}:{wanted}` on all addresses"
        yield finding("SC616", edge.at("ports"), f"{message} to the outside", hint, edge.name)
    storage = ACME_STORAGE[stack.edge]
    if not any(m.target.rstrip("/") == storage and not m.read_only and m.source for m in edge.mounts):
        message = f"{edge.name} keeps its certificates in {storage}, which is lost with its container"
        yield finding("SC617", edge.at("volumes"), message, f"add the volume `acme:{storage}`", edge.name)


def is_private(host: str) -> bool:
    """Whether no public authority signs certificates for the name."""
    one_word = "." not in host
    address = host.replace(".", "").isdecimal()
    return one_word or address or any(host.endswith(f".{suffix}") for suffix in _PRIVATE)


def _reachable(port: Port, wanted: int) -> bool:
    return port.published == str(wanted) and not port.host_ip.startswith(_LOOPBACK)


def logins_are_there(stack: Stack) -> Iterator[Finding]:
    """SC618: a spoke that decides who may come in can be asked by the edge."""
    edge = serving(stack)
    for spoke, number, route in _routes(stack):
        if not isinstance(route.auth, ForwardAuth):
            continue
        at = spoke.at("route", str(number), "auth", "forward")
        names = {s.name: s for s in stack.spokes}
        there = names.get(route.auth.spoke)
        if there is None:
            hint = nearest(route.auth.spoke, names) or "name the spoke that decides"
            yield finding("SC618", at, f"`{route.auth.spoke}` is not a spoke", hint, spoke.name)
        elif edge is not None and not set(there.networks) & set(edge.networks):
            message = f"{edge.name} shares no network with {there.name}"
            yield finding("SC618", at, message, f"add `proxy` to the networks of {there.name}", spoke.name)


def certificates_are_given(stack: Stack) -> Iterator[Finding]:
    """SC619: the edge has the secrets that hold a route's certificate and key."""
    edge = serving(stack)
    if edge is None:
        return
    granted = {str(grant["source"]) for grant in edge.service.get("secrets", ())}
    for spoke, number, route in _routes(stack):
        lacking = [name for name in (route.certificate, route.key) if name and name not in granted]
        if lacking:
            words = " and ".join(f"`{name}`" for name in lacking)
            at = spoke.at("route", str(number), "tls")
            hint = f"add `secrets: [{', '.join(lacking)}]` to {edge.name}"
            yield finding("SC619", at, f"{edge.name} is not given {words}", hint, spoke.name)


def dashboards_are_guarded(stack: Stack) -> Iterator[Finding]:
    """SC620: the dashboard has a login, and stands where there is one."""
    edge = serving(stack)
    for spoke, number, route in _routes(stack):
        if not route.dashboard:
            continue
        at = spoke.at("route", str(number), "dashboard")
        if spoke is not edge or stack.edge is not Edge.TRAEFIK:
            message = f"{spoke.name} has no dashboard: only Traefik as the stack's edge has one"
            yield finding("SC620", at, message, "leave it out", spoke.name)
        elif route.auth is None:
            yield finding("SC620", at, "the dashboard has no login", "give the route `auth`", spoke.name)


RULES = (
    an_edge_is_there,
    the_image_reads_routes_that_way,
    the_edge_can,
    routes_are_published,
    acme_can_work,
    logins_are_there,
    certificates_are_given,
    dashboards_are_guarded,
)
