"""Checks of routes: what is declared leads to its spoke through the edge, and nothing else leads anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from stackctl.codes import CODES
from stackctl.model import (
    PROXY_NETWORK,
    AnswersAll,
    Check,
    Control,
    Edge,
    Expect,
    Kind,
    Mutation,
    Observation,
    OnNetwork,
    Protocol,
    Published,
    Request,
    Route,
    Spoke,
    Stack,
    Tls,
    Unrouted,
)

HOST = ""
"""The vantage that is no network: this host."""

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


def through_edge(edge: Spoke, path: str, host: str) -> Request:
    port = entry_port(edge)
    if any(published.target == port for published in edge.ports):
        return Request(HOST, Published(edge.name, port), "GET", path, host)
    return Request(PROXY_NETWORK, OnNetwork(edge.name, PROXY_NETWORK, port), "GET", path, host)


def _direct(edge: Spoke, spoke: Spoke, route: Route, host: str) -> tuple[Control, Control]:
    """What the container itself answers, plainly and as an edge forwards it.

    What the two have in common is what the answer through the edge must have too: a page that shows the
    headers it was sent, or differs each time, is not the same in both.
    """
    shared = [network for network in spoke.networks if network in edge.networks]
    network = PROXY_NETWORK if PROXY_NETWORK in shared or not shared else shared[0]
    path = "/" if route.strip else route.path
    request = Request(network, OnNetwork(spoke.name, network, route.port), "GET", path, host)
    proves = f"{spoke.name} itself answers on port {route.port}"
    forwarded = replace(request, forwarded=route.path if route.strip else "/")
    return Control(request, ANSWERS, proves), Control(forwarded, ANSWERS, proves)


def of_routes(stack: Stack, edge: Spoke, spoke: Spoke) -> Iterator[Check]:
    for route in spoke.routes:
        if not plainly_asked(route):
            continue
        for host in route.hosts:
            yield check_of(
                "CK301",
                spoke,
                f"{host}{route.path.rstrip('/')} leads to it through {edge.name}",
                through_edge(edge, route.path, host),
                Expect(as_control=True),
                _direct(edge, spoke, route, host),
                "take the route away at the edge",
                Unrouted(_undeclared(stack)),
            )


def plainly_asked(route: Route) -> bool:
    """Whether one request over plain HTTP gets the app's own answer."""
    plain = route.protocol is Protocol.HTTP and route.tls is Tls.OFF
    return plain and route.auth is None and not route.dashboard and "*" not in "".join(route.hosts)


def _undeclared(stack: Stack) -> str:
    return f"undeclared-by-any-spoke.{stack.domain}"


def undeclared_host(stack: Stack, active: tuple[Spoke, ...], edge: Spoke) -> Iterator[Check]:
    undeclared = _undeclared(stack)
    look = through_edge(edge, "/", undeclared)
    if not (controls := routed(active, edge, look)):
        return
    refusals = frozenset({404}) if stack.edge is Edge.TRAEFIK else frozenset(range(300, 600))
    yield check_of(
        "CK302",
        edge,
        f"{undeclared} leads nowhere",
        look,
        Expect(statuses=refusals),
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
    there = replace(look, method="GET", path=route.path, host=declared)
    proves = f"{declared} does lead to {spoke.name}"
    return (*_direct(edge, spoke, route, declared), Control(there, Expect(as_control=True), proves))
