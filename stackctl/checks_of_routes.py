"""Checks of routes: what is declared leads to its spoke through the edge, and nothing else leads anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from stackctl.codes import CODES
from stackctl.model import (
    PROXY_NETWORK,
    AnswersAll,
    BasicAuth,
    Beside,
    Check,
    Control,
    Edge,
    Expect,
    ForwardAuth,
    Kind,
    Moved,
    Mutation,
    Observation,
    OnNetwork,
    Protocol,
    Published,
    Request,
    Route,
    RoutesBy,
    Spoke,
    Stack,
    Tls,
    Unrouted,
)

HOST = ""
"""The vantage that is no network: this host."""
INSIDE = "container:"
"""Begins the vantage inside the network of a spoke's container."""
LISTEN = "LISTEN"
"""In place of a method: nothing is sent, only where that network listens is read."""
HTTPS_PORT = 443

_ASKS_WHO = frozenset({301, 302, 303, 307, 401, 403})
_OF_ADMINISTRATION = (2019, 8080)
"""Where Caddy and Traefik show and take their configuration."""
_OF_API, _API_SAYS = "/api/version", '"Codename"'
"""Of Traefik's API, the least that it answers wherever its dashboard is, and a word of it."""

ANSWERS = Expect()


def check_of(
    code: str,
    spoke: Spoke,
    title: str,
    look: Request | Observation,
    expect: Expect = ANSWERS,
    controls: tuple[Control, ...] = (),
    mutation: str = "",
    broken_by: Mutation | None = None,
) -> Check:
    severity = CODES[code].severity
    return Check(code, spoke.name, title, look, expect, controls, mutation, broken_by, severity, spoke.at())


def edge_of(stack: Stack, active: tuple[Spoke, ...]) -> Spoke | None:
    if stack.edge is Edge.NONE:
        return None
    return next((spoke for spoke in active if spoke.kind is Kind.EDGE), None)


def entry_port(edge: Spoke) -> int:
    """The edge's port for plain HTTP: 80, or else the first that it publishes and that is not for TLS."""
    targets = [port.target for port in edge.ports if port.protocol == "tcp" and port.target != 443]
    return 80 if 80 in targets else next(iter(targets), 80)


def through_edge(edge: Spoke, path: str, host: str, *, secure: bool = False) -> Request:
    """A request to the place where the edge is published, whatever the name resolves to."""
    port = HTTPS_PORT if secure else entry_port(edge)
    if any(published.target == port for published in edge.ports):
        return Request(HOST, Published(edge.name, port), "GET", path, host, tls=secure)
    return Request(PROXY_NETWORK, OnNetwork(edge.name, PROXY_NETWORK, port), "GET", path, host, tls=secure)


def _shared(edge: Spoke, spoke: Spoke) -> str:
    """The network on which the edge calls the spoke."""
    shared = [network for network in spoke.networks if network in edge.networks]
    return PROXY_NETWORK if PROXY_NETWORK in shared or not shared else shared[0]


def direct(edge: Spoke, spoke: Spoke, route: Route, host: str) -> tuple[Control, Control]:
    """What the container itself answers, plainly and as an edge forwards it.

    What the two have in common is what the answer through the edge must have too: a page that shows the
    headers it was sent, or differs each time, is not the same in both.
    """
    network = _shared(edge, spoke)
    path = "/" if route.strip else route.path
    request = Request(network, OnNetwork(spoke.name, network, route.port), "GET", path, host)
    proves = f"{spoke.name} itself answers on port {route.port}"
    forwarded = replace(request, forwarded=route.path if route.strip else "/")
    return Control(request, ANSWERS, proves), Control(forwarded, ANSWERS, proves)


def of_routes(stack: Stack, edge: Spoke, spoke: Spoke) -> Iterator[Check]:
    """What must hold of every route, in the order in which one thing leans on another."""
    routes = [route for route in spoke.routes if is_asked(route)]
    if not routes:
        return
    if stack.routing.by is RoutesBy.LABELS:
        yield check_of(
            "CK303",
            spoke,
            f"carries the labels that {edge.name} reads",
            Observation("route-labels"),
            mutation="take its labels away",
            broken_by=Beside(spoke.name, {"NetworkMode": "none"}),
        )
    yield check_of(
        "CK304",
        spoke,
        f"shares a network with {edge.name}, and has an address there",
        Observation("route-network"),
        mutation="disconnect the container",
        broken_by=Beside(spoke.name, {"NetworkMode": "none"}),
    )
    for route in routes:
        for host in map(example, route.hosts):
            yield from of_host(stack, edge, spoke, route, host)


def of_host(stack: Stack, edge: Spoke, spoke: Spoke, route: Route, host: str) -> Iterator[Check]:
    where = f"{host}{route.path.rstrip('/')}"
    secure = route.tls is not Tls.OFF
    over = through_edge(edge, asked(route), host, secure=secure)
    yield check_of(
        "CK305",
        spoke,
        f"{edge.name} knows {where}",
        over,
        Expect(unlike_control=True),
        (_of_nobody(stack, over),),
        "add a route for every host name",
        AnswersAll(),
    )
    if secure:
        yield check_of(
            "CK307",
            spoke,
            f"the certificate for {host} holds",
            replace(over, path="/"),
            Expect(certificate=host),
            mutation="ask for a name that has no certificate",
            broken_by=Unrouted(undeclared_name(stack)),
        )
        if route.redirect:
            yield check_of(
                "CK308",
                spoke,
                f"http://{where} leads to https in one hop",
                through_edge(edge, asked(route), host),
                Expect(redirects_to=f"https://{host}{_outside(edge, HTTPS_PORT)}{asked(route)}"),
                mutation="take the redirect away",
                broken_by=Unrouted(undeclared_name(stack)),
            )
    if route.auth is not None:
        yield check_of(
            "CK309",
            spoke,
            f"{where} asks who comes",
            over,
            # An app leads on to a page of its own just as a login does; only the edge asks by 401.
            Expect(statuses=frozenset({401}))
            if isinstance(route.auth, BasicAuth)
            else Expect(refuses_as_control=True),
            (_of_nobody(stack, over), *_of_login(stack, edge, route, over)),
            "take the login away",
            AnswersAll(),
        )
    elif not route.dashboard:
        shared = _shared(edge, spoke)
        yield check_of(
            "CK306",
            spoke,
            f"{edge.name} calls its address for {where}",
            from_inside(edge, spoke, route, host),
            Expect(called=OnNetwork(spoke.name, shared, route.port), called_by=edge.name),
            direct(edge, spoke, route, host),
            "give the container another address",
            Moved(),
        )
        yield check_of(
            "CK301",
            spoke,
            f"{where} leads to it through {edge.name}",
            over,
            Expect(as_control=True),
            direct(edge, spoke, route, host),
            "take the route away at the edge",
            Unrouted(undeclared_name(stack)),
        )


def from_inside(edge: Spoke, spoke: Spoke, route: Route, host: str) -> Request:
    """The request sent from inside the spoke's own network, where it shows who comes with it."""
    secure = route.tls is not Tls.OFF
    port = HTTPS_PORT if secure else entry_port(edge)
    target = OnNetwork(edge.name, _shared(edge, spoke), port)
    return Request(f"{INSIDE}{spoke.name}", target, "GET", asked(route), host, tls=secure, look=True)


def _of_nobody(stack: Stack, over: Request) -> Control:
    """What the edge says of a name that nobody declared, asked the same way."""
    nobody = replace(over, host=undeclared_name(stack), sni=over.host if over.tls else "")
    return Control(nobody, ANSWERS, "the edge answers, and shows how it refuses")


def _of_login(stack: Stack, edge: Spoke, route: Route, over: Request) -> Iterator[Control]:
    """What the login says of somebody unknown who wants to see this, asked as the edge asks it, by two."""
    auth = route.auth
    login = next((s for s in stack.spokes if isinstance(auth, ForwardAuth) and s.name == auth.spoke), None)
    if login is None or not isinstance(auth, ForwardAuth):
        return
    network = _shared(edge, login)
    # Caddy asks under the name that it was asked for itself, Traefik under the login's own.
    host = over.host if stack.edge is Edge.CADDY else f"{auth.spoke}:{auth.port}"
    about = f"{'https' if over.tls else 'http'}://{over.host}{over.path}"
    target = OnNetwork(login.name, network, auth.port)
    asks = Request(network, target, "GET", auth.path, host, about=about)
    for request in (asks, replace(asks, forwarded="/")):
        yield Control(request, Expect(statuses=_ASKS_WHO), f"{login.name} refuses whom it does not know")


def undeclared_name(stack: Stack) -> str:
    return f"undeclared-by-any-spoke.{stack.domain}"


def example(host: str) -> str:
    """A name that a wildcard takes; any other name as it is."""
    return host.replace("*", "any-name", 1)


def _outside(edge: Spoke, port: int) -> str:
    """What stands behind a name in an address, where the port is published as another one."""
    published = next((p.published for p in edge.ports if p.target == port), "")
    return "" if published in ("", "0", str(port)) else f":{published}"


def asked(route: Route) -> str:
    """The path that the app answers: where a prefix is taken away, the edge first leads behind its slash.

    Of a dashboard it is what a login must keep: its first page leads elsewhere, whoever asks.
    """
    if route.dashboard:
        return f"{route.prefix}{_OF_API}"
    return f"{route.prefix}/" if route.strip and route.prefix else route.path


def is_asked(route: Route) -> bool:
    """Whether the route can be asked with HTTP."""
    return route.protocol is Protocol.HTTP


def administration(stack: Stack, edge: Spoke) -> Iterator[Check]:
    """What lets everyone see or change the edge: not from where the apps are, and not under any name."""
    there = OnNetwork(edge.name, PROXY_NETWORK, entry_port(edge))
    up = Control(Request(PROXY_NETWORK, there), Expect(reached=True), f"`{PROXY_NETWORK}` can be asked from")
    for port in _OF_ADMINISTRATION:
        if PROXY_NETWORK in edge.networks and port not in (entry_port(edge), HTTPS_PORT):
            yield check_of(
                "CK310",
                edge,
                f"its port {port} does not answer to apps",
                replace(up.request, target=replace(there, port=port)),
                Expect(no_answer=True),
                (up,),
                "let its administration listen there",
                AnswersAll(),
            )


def no_dashboard(stack: Stack, active: tuple[Spoke, ...], edge: Spoke) -> Iterator[Check]:
    """Traefik's API, and so its dashboard, answers under no name but the one that a page gives it."""
    if stack.edge is not Edge.TRAEFIK:
        return
    asked_for: dict[tuple[str, bool], str] = {(undeclared_name(stack), False): ""}
    for route in (route for spoke in active for route in spoke.routes if is_asked(route)):
        secure = route.tls is not Tls.OFF
        for host in map(example, route.hosts):
            if secure:
                asked_for.setdefault((undeclared_name(stack), True), host)
            if not route.dashboard:
                asked_for.setdefault((host, secure), "")
    for (host, secure), sni in asked_for.items():
        over = replace(through_edge(edge, _OF_API, host, secure=secure), sni=sni)
        yield check_of(
            "CK325",
            edge,
            f"shows no dashboard at {'https' if secure else 'http'}://{host}",
            over,
            Expect(without=_API_SAYS),
            (Control(replace(over, path="/"), ANSWERS, "the edge answers there"),),
            "route its dashboard there",
            AnswersAll(body=f"{{{_API_SAYS}: 1}}"),
        )


def discovery_deadline(stack: Stack) -> float:
    """Seconds within which an edge has learnt of a change, by what it learns from."""
    if stack.routing.by is RoutesBy.LABELS and stack.edge is Edge.CADDY:
        # caddy-docker-proxy looks again every 30 s where it lost the stream of events.
        return 35.0
    # Traefik puts a change off for twice its throttle of 2 s at most; files are read at once.
    return 5.0


def plainly_asked(route: Route) -> bool:
    """Whether one request over plain HTTP gets the app's own answer."""
    plain = route.protocol is Protocol.HTTP and route.tls is Tls.OFF
    return plain and route.auth is None and not route.dashboard and "*" not in "".join(route.hosts)


def undeclared_host(stack: Stack, active: tuple[Spoke, ...], edge: Spoke) -> Iterator[Check]:
    undeclared = undeclared_name(stack)
    look = through_edge(edge, "/", undeclared)
    if not (controls := routed(active, edge, look)):
        return
    by_labels = stack.edge is Edge.CADDY and stack.routing.by is RoutesBy.LABELS
    yield check_of(
        "CK302",
        edge,
        # With TLS nobody asks: an edge may have no certificate for the name, and then it says nothing at all.
        f"{undeclared} leads nowhere over http",
        look,
        # Every other refusal may be an app's. Where Caddy writes its routes itself, it leads whatever comes
        # in the clear to the same name with https, as soon as one name has that.
        Expect(frozenset({404}), redirects_to=f"https://{undeclared}/" if by_labels else ""),
        controls,
        "add a route for every host name",
        AnswersAll(),
    )


def routed(active: tuple[Spoke, ...], edge: Spoke, look: Request) -> tuple[Control, ...]:
    """That a declared host is routed where this is asked: an edge that knows no host refuses every one."""
    found = next(((s, r) for s in active for r in s.routes if plainly_asked(r)), None)
    if found is None:
        return ()
    spoke, route = found
    declared = route.hosts[0]
    there = replace(look, method="GET", path=asked(route), host=declared)
    proves = f"{declared} does lead to {spoke.name}"
    return (*direct(edge, spoke, route, declared), Control(there, Expect(as_control=True), proves))
