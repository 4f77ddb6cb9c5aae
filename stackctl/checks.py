"""What must hold of the running stack, as data: standing checks by kind, and each spoke's own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from stackctl import haproxy, strict
from stackctl.api import operations
from stackctl.audits import allowed_read, audits, holds_no_socket, standing, standing_everywhere
from stackctl.checks_of_routes import (
    ANSWERS,
    HOST,
    administration,
    check_of,
    edge_of,
    entry_port,
    no_dashboard,
    of_routes,
    routed,
    through_edge,
    undeclared_host,
)
from stackctl.model import (
    PROXY_NETWORK,
    SOCKET_NETWORK,
    AnswersAll,
    Beside,
    Bundle,
    Check,
    Control,
    Expect,
    InItsPlace,
    InVolume,
    Joined,
    Kind,
    Mutation,
    Named,
    Observation,
    OnNetwork,
    Opened,
    Request,
    Spoke,
    Stack,
    Widened,
)

_SILENT = Expect(no_answer=True)
_REACHED = Expect(reached=True)
_CREATE = ("POST", "/containers/create")
_REFUSED = frozenset({403})


def checks(
    stack: Stack, bundle: Bundle | None = None, among: Collection[str] | None = None
) -> tuple[Check, ...]:
    """Every check of the stack, spoke by spoke.

    `bundle` tells of healthchecks that templates add. `among` names the spokes that are meant to run now;
    others are neither checked nor taken as witnesses.
    """
    active = tuple(spoke for spoke in stack.spokes if among is None or spoke.name in among)
    return tuple(check for spoke in active for check in _of_spoke(stack, active, spoke, bundle))


def _of_spoke(
    stack: Stack, active: tuple[Spoke, ...], spoke: Spoke, bundle: Bundle | None
) -> Iterator[Check]:
    own = tuple(_breakable(_understood(stack, active, spoke, check)) for check in spoke.checks)
    yield from _of_container(spoke, bundle)
    if not any(other.kind is Kind.SOCKET_PROXY for other in active):
        yield holds_no_socket(spoke)
    if spoke.kind is Kind.SOCKET_PROXY:
        creation = _creation(stack, spoke)
        stated = next((check for check in own if _same_demand(check, creation)), None)
        own = tuple(check for check in own if check is not stated)
        yield replace(creation, title=stated.title, at=stated.at) if stated else creation
        yield from _of_socket_proxy(stack, active, spoke)
    edge = edge_of(stack, active)
    if edge is not None:
        yield from of_routes(stack, edge, spoke)
        if spoke is edge:
            yield from undeclared_host(stack, active, edge)
            yield from administration(stack, edge)
            yield from no_dashboard(stack, active, edge)
    yield from own


# ---- every spoke


def _of_container(spoke: Spoke, bundle: Bundle | None) -> Iterator[Check]:
    if spoke.kind is Kind.JOB:
        yield _observed(
            "CK102", spoke, "ran to its end", "done", "let the job's command fail", InItsPlace("ended")
        )
    else:
        yield _observed("CK101", spoke, "runs", "runs", "stop the container", InItsPlace("ended"))
        stanza = bundle.service(spoke.name) if bundle else spoke.service
        test = stanza.get("healthcheck") or {}
        if test and not test.get("disable") and test.get("test") not in ("NONE", ["NONE"]):
            yield _observed(
                "CK102", spoke, "is healthy", "healthy", "let the healthcheck fail", InItsPlace("unhealthy")
            )
    yield _observed(
        "CK103",
        spoke,
        "sits on exactly its networks",
        "networks",
        "connect the container to another network",
        Beside(spoke.name, {"NetworkMode": "bridge"}),
    )
    yield _observed(
        "CK104",
        spoke,
        "carries the declared fingerprint",
        "fingerprint",
        "copy its labels to another container",
        InItsPlace("disguised"),
    )

    yield from standing_everywhere(spoke)


def _observed(code: str, spoke: Spoke, title: str, name: str, mutation: str, broken_by: Mutation) -> Check:
    return check_of(code, spoke, title, Observation(name), mutation=mutation, broken_by=broken_by)


# ---- socket proxies


def _creation(stack: Stack, spoke: Spoke) -> Check:
    method, path = _CREATE
    opened = "let it through in its policy" if strict.is_strict(spoke) else "set POST=1"
    return check_of(
        "CK201",
        spoke,
        f"refuses {method} {path}",
        to_proxy(spoke, home_of(stack, spoke), method, path),
        Expect(statuses=_REFUSED),
        (_allowed(spoke, home_of(stack, spoke)),),
        opened,
        Opened((f"{method} {path}",)),
    )


def to_proxy(spoke: Spoke, vantage: str, method: str, path: str) -> Request:
    if socket := strict.listen(spoke):
        return Request(haproxy.volume_name(spoke.name), InVolume(spoke.name, socket), method, path, "docker")
    return Request(vantage, Named(spoke.name, port_of(spoke)), method, path)


def _allowed(spoke: Spoke, vantage: str) -> Control:
    """A request that the proxy must let through: without it, a refusal may be anybody's."""
    path, word = allowed_read(spoke)
    request = to_proxy(spoke, vantage, "GET", path)
    return Control(request, Expect(frozenset({200}), body=word), f"the proxy lets GET {path} through")


def _of_socket_proxy(stack: Stack, active: tuple[Spoke, ...], spoke: Spoke) -> Iterator[Check]:
    if strict.listen(spoke):
        yield from _of_unix_proxy(active, spoke)
    else:
        yield from _of_tcp_proxy(stack, active, spoke)
    home = home_of(stack, spoke)
    sits = home in stack.networks and home in spoke.networks
    yield from standing(spoke, stack.network_name(home) if sits else "")
    if internal_networks(stack):
        yield _observed(
            "CK223",
            spoke,
            "every network that is declared internal is internal",
            "internal",
            "make the network again without `internal`",
            Widened(),
        )
    yield from audits(spoke)


def _of_unix_proxy(active: tuple[Spoke, ...], spoke: Spoke) -> Iterator[Check]:
    up = _allowed(spoke, HOST)
    for network in spoke.networks:
        if (witness := _witness(active, spoke, network)) is not None:
            yield check_of(
                "CK202",
                spoke,
                f"has no port on `{network}`",
                Request(network, OnNetwork(spoke.name, network, haproxy.PORT), "GET", "/"),
                _SILENT,
                (up, _found(witness, network)),
                "let it listen on TCP",
                Joined(network),
            )
    yield _observed(
        "CK209",
        spoke,
        "only its consumers have its socket",
        "socket-shared",
        "mount the volume into another container",
        Beside("app", {"VolumesFrom": [spoke.name], "NetworkMode": "none"}),
    )


def _of_tcp_proxy(stack: Stack, active: tuple[Spoke, ...], spoke: Spoke) -> Iterator[Check]:
    home, port = home_of(stack, spoke), port_of(spoke)
    path, _ = allowed_read(spoke)
    address, name = OnNetwork(spoke.name, home, port), Named(spoke.name, port)
    up = Control(Request(home, address, "GET", path), ANSWERS, f"it answers at this address on `{home}`")
    known = Control(Request(home, name, "GET", path), ANSWERS, f"it answers to this name on `{home}`")
    for network, witness in _elsewhere(stack, active, spoke):
        there = _found(witness, network)
        yield check_of(
            "CK202",
            spoke,
            f"its address does not answer from `{network}`",
            Request(network, address, "GET", path),
            _SILENT,
            (up, there),
            f"let `{network}` and `{home}` be one network",
            Joined(network, merged=True),
        )
        yield check_of(
            "CK202",
            spoke,
            f"its name does not answer from `{network}`",
            Request(network, name, "GET", path),
            _SILENT,
            (known, there),
            f"connect the container to `{network}`",
            Joined(network),
        )
    yield check_of(
        "CK205",
        spoke,
        "does not answer to this host",
        Request(HOST, address, "GET", path),
        _SILENT,
        (up, *_host_sees_containers(stack, active, spoke)),
        "use an Engine whose bridges this host can reach",
        Joined(home),
    )


def internal_networks(stack: Stack) -> tuple[str, ...]:
    """The networks of the files from which nobody is meant to get out."""
    return tuple(name for name in sorted(stack.networks) if stack.networks[name].get("internal") is True)


def home_of(stack: Stack, spoke: Spoke) -> str:
    """The network on which a socket proxy is meant to be asked."""
    own = _own_networks(stack, spoke)
    return SOCKET_NETWORK if SOCKET_NETWORK in own or not own else own[0]


def _own_networks(stack: Stack, spoke: Spoke) -> tuple[str, ...]:
    """Where a socket proxy is meant to answer: the internal networks that it declares, but never `proxy`."""
    declared = tuple(network for network in spoke.networks if network != PROXY_NETWORK)
    internal = tuple(n for n in declared if stack.networks.get(n, {}).get("internal"))
    return internal or declared[:1]


def _elsewhere(stack: Stack, active: tuple[Spoke, ...], spoke: Spoke) -> Iterator[tuple[str, Spoke]]:
    """Each other network on which somebody sits, with a spoke that must be found there."""
    own = (*_own_networks(stack, spoke), home_of(stack, spoke))
    for network in sorted(stack.networks):
        if network not in own and (witness := _witness(active, spoke, network)) is not None:
            yield network, witness


def _witness(active: tuple[Spoke, ...], besides: Spoke, network: str) -> Spoke | None:
    members = [
        spoke
        for spoke in active
        if spoke is not besides and spoke.kind is not Kind.JOB and network in spoke.networks
    ]
    # The edge is the likeliest to run; a spoke of a profile may well be down.
    members.sort(key=lambda s: (s.kind is not Kind.EDGE, bool(s.profiles), s.name))
    return next(iter(members), None)


def _found(witness: Spoke, network: str) -> Control:
    """Proof that a vantage works at all: silence in a prober that reaches nothing means nothing."""
    request = Request(network, Named(witness.name, port_of(witness)))
    return Control(request, _REACHED, f"`{network}` can be asked from: {witness.name} is found there")


def _host_sees_containers(stack: Stack, active: tuple[Spoke, ...], spoke: Spoke) -> Iterator[Control]:
    for network in (PROXY_NETWORK, *sorted(stack.networks)):
        if (witness := _witness(active, spoke, network)) is not None:
            target = OnNetwork(witness.name, network, port_of(witness))
            proves = f"this host reaches containers: {witness.name} is found"
            yield Control(Request(HOST, target), _REACHED, proves)
            return


def port_of(spoke: Spoke) -> int:
    """Where a spoke most likely listens."""
    if spoke.kind is Kind.SOCKET_PROXY:
        return 2375
    if spoke.kind is Kind.EDGE:
        return entry_port(spoke)
    if spoke.routes:
        return spoke.routes[0].port
    return next((port.target for port in spoke.ports if port.protocol == "tcp"), 80)


# ---- a spoke's own checks


def _same_demand(check: Check, standing: Check) -> bool:
    return check.look == standing.look and check.expect.statuses == standing.expect.statuses


def _understood(stack: Stack, active: tuple[Spoke, ...], spoke: Spoke, check: Check) -> Check:
    """A stated check with what its writer need not say: the way to the edge, and a refusal's control."""
    look = check.look
    if not isinstance(look, Request):
        return check
    edge = edge_of(stack, active)
    named = look.target.host if isinstance(look.target, Named) else ""
    # The C library does not resolve *.localhost, and the edge may be published at another port here.
    if edge and look.vantage == HOST and named in _hosts(stack):
        entry = through_edge(edge, look.path, look.host or named)
        check = replace(check, look=replace(entry, method=look.method))
    if check.expect.no_answer and look.vantage != HOST and not any(c.expect.reached for c in check.controls):
        if (witness := _witness(active, spoke, look.vantage)) is not None:
            return replace(check, controls=(*check.controls, _found(witness, look.vantage)))
        return check
    if check.controls or not isinstance(look.target, Named):
        return check
    statuses = check.expect.statuses
    if not statuses or not all(400 <= status < 500 for status in statuses):
        return check
    if edge and look.target.host == edge.name and _name_in(look, look.target) not in _hosts(stack):
        controls = routed(active, edge, look)
        broken_by = AnswersAll() if controls else None
        return replace(
            check, controls=controls, mutation="add a route for every host name", broken_by=broken_by
        )
    asked = next((s for s in stack.of_kind(Kind.SOCKET_PROXY) if s.name == look.target.host), None)
    if asked:
        opened = next((o for o in operations() if o.matches(look.method, look.path)), None)
        return replace(
            check,
            controls=(_allowed(asked, look.vantage),),
            mutation=f"open {look.method} {look.path}",
            broken_by=Opened((str(opened),) if opened else ()),
        )
    return check


def _breakable(check: Check) -> Check:
    """A stated check that has no mutation yet: whoever is asked answers all the same, or with an error."""
    if check.broken_by is not None:
        return check
    if check.expect.no_answer or (check.expect.statuses and 200 not in check.expect.statuses):
        return replace(check, mutation="let it answer 200 to everything", broken_by=AnswersAll())
    return replace(check, mutation="let it answer 500 to everything", broken_by=AnswersAll(500))


def _hosts(stack: Stack) -> set[str]:
    return {host for spoke in stack.spokes for route in spoke.routes for host in route.hosts}


def _name_in(look: Request, target: Named) -> str:
    """The host name that the edge is asked for."""
    return (look.host or target.host).partition(":")[0].lower()
