"""Why a service is not reachable: the chain from the Engine to its name, as Checks in the order in which one
leans on another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stackctl.checks import checks, home_of, to_proxy
from stackctl.checks_of_routes import (
    HOST,
    HTTPS_PORT,
    INSIDE,
    LISTEN,
    check_of,
    edge_of,
    entry_port,
    example,
    is_asked,
    through_edge,
)
from stackctl.checks_of_routes import (
    asked as asked_path,
)
from stackctl.codes import CODES
from stackctl.model import (
    Bundle,
    Check,
    Edge,
    Expect,
    Kind,
    Named,
    Observation,
    Observed,
    Outcome,
    Request,
    Result,
    Route,
    RoutesBy,
    Spoke,
    Stack,
    Tls,
)
from stackctl.policy import asks
from stackctl.verify.routing import for_edge

ROUTE = "CK305"
_OF_LOG = ("CK314", "CK319")
_EVENTS = "GET /events?since=0&until=1"
_OF_TRAEFIK = (
    "HEAD /_ping",
    "GET /version",
    "GET /containers/json",
    "GET /containers/{edge}/json",
    _EVENTS,
)
_OF_CADDY = ("GET /_ping", "GET /info", "GET /networks", "GET /containers/json", _EVENTS)
"""What each edge asks of Docker: https://doc.traefik.io/traefik/ and caddy-docker-proxy's own source."""


@dataclass(frozen=True)
class Chain:
    """In three parts: what a look tells, what must be asked, and what explains an unknown route.

    The last is the edge's log. Old lines stand there too, so it counts only where the route is unknown.
    """

    seen: tuple[Check, ...]
    asked: tuple[Check, ...]
    because: tuple[Check, ...]


def chain(stack: Stack, bundle: Bundle, observed: Observed, spoke: Spoke) -> Chain:
    """Everything that a request for the spoke leans on, in order."""
    edge = edge_of(stack, stack.spokes)
    proxy = _proxy_of(stack, edge) if edge else None
    if not spoke.routes and spoke not in (edge, proxy):
        edge = proxy = None
    here = [link for link in (proxy, edge, spoke) if link is not None]
    names = {link.name for link in here} | {c.spoke for c in observed.containers}
    standing = [c for c in checks(stack, bundle, names) if c.spoke in {link.name for link in here}]
    seen: list[Check] = []
    asked: list[Check] = []
    if proxy and edge:
        seen += _of(standing, proxy, "CK101", "CK102") if proxy is not spoke else []
        asked += _permissions(stack, observed, edge, proxy)
    if edge and edge is not spoke and spoke.routes:
        seen += _of(standing, edge, "CK101", "CK102")
        seen += [_look("CK318", edge, "its ports are bound", "ports-bound")]
        if stack.routing.by is RoutesBy.LABELS:
            seen += [_look("CK323", edge, "the Engine speaks its version of the API", "engine-api")]
    seen += _of(standing, spoke, "CK101")
    if edge and spoke.routes:
        labels = bundle.service(spoke.name).get("labels") or {}
        labelled = stack.routing.by is RoutesBy.LABELS and any(for_edge(labels))
        if labelled:
            seen += [_look("CK312", spoke, "the edge knows its labels", "label-keys")]
            seen += [_look("CK313", spoke, "its names are its own", "label-names")]
        seen += _of(standing, spoke, "CK304")
        if labelled:
            seen += [_look("CK311", spoke, "its labels name a network of its own", "label-network")]
    seen += _of(standing, spoke, "CK102")
    because: list[Check] = []
    if edge and edge is not spoke:
        for route in filter(is_asked, spoke.routes):
            asked += _of_route(stack, standing, edge, spoke, route)
        log = f"the log of {edge.name}"
        because += [_look("CK319", spoke, f"{log} shows no trouble with Docker", "edge-asks")]
        because += [_look("CK314", spoke, f"{log} says nothing against it", "edge-says")]
        because += _of(standing, spoke, "CK303")
    return Chain(tuple(seen), tuple({_key(check): check for check in asked}.values()), tuple(because))


def _proxy_of(stack: Stack, edge: Spoke) -> Spoke | None:
    proxies = stack.of_kind(Kind.SOCKET_PROXY)
    named = [proxy for proxy in proxies if asks(stack, edge, proxy)]
    # One that is filtered by its image's switches names nobody; it is asked by whom it shares a network with.
    switched = [p for p in proxies if p.policy is None and set(p.networks) & set(edge.networks)]
    by_labels = stack.routing.by is RoutesBy.LABELS
    return next(iter([*named, *(switched if by_labels else ())]), None)


def _of(standing: Sequence[Check], spoke: Spoke, *codes: str) -> list[Check]:
    return [check for code in codes for check in standing if (check.code, check.spoke) == (code, spoke.name)]


def _look(code: str, spoke: Spoke, title: str, name: str) -> Check:
    return check_of(code, spoke, title, Observation(name))


def _permissions(stack: Stack, observed: Observed, edge: Spoke, proxy: Spoke) -> Iterator[Check]:
    """Every call that the edge makes, from where it makes them; each ends by itself and changes nothing."""
    running = observed.running(edge.name)
    for call in _OF_TRAEFIK if stack.edge is Edge.TRAEFIK else _OF_CADDY:
        method, _, path = call.partition(" ")
        where = path.replace("{edge}", running.id if running else "")
        request = to_proxy(proxy, home_of(stack, proxy), method, where)
        shown = path.partition("?")[0].replace("{edge}", "{id}")
        yield check_of(
            "CK320", proxy, f"lets {edge.name} {method} {shown}", request, Expect(frozenset({200}))
        )


def _of_route(
    stack: Stack, standing: Sequence[Check], edge: Spoke, spoke: Spoke, route: Route
) -> Iterator[Check]:
    if not route.dashboard:
        listens = Request(f"{INSIDE}{spoke.name}", Named("127.0.0.1", route.port), LISTEN, look=True)
        yield check_of("CK315", spoke, f"listens on port {route.port}", listens, Expect(listens=route.port))
    hosts = {example(host) for host in route.hosts}
    for check in standing:
        look = check.look
        ours = (check.spoke, check.code[:4]) == (spoke.name, "CK30")
        if (
            ours
            and isinstance(look, Request)
            and look.host in hosts
            and look.path in (asked_path(route), "/")
        ):
            yield check
    secure = route.tls is not Tls.OFF
    for host in sorted(hosts):
        if route.strip and route.prefix and route.auth is None:
            over = through_edge(edge, f"{route.prefix}/", host, secure=secure)
            title = f"its links stay below {route.prefix}/"
            yield check_of("CK316", spoke, title, over, Expect(below=route.prefix))
        port = HTTPS_PORT if secure else entry_port(edge)
        request = Request(HOST, Named(host, port))
        yield check_of("CK317", spoke, f"{host} resolves on this host", request, Expect(resolves=True))


def ordered(chain: Chain, results: Sequence[Result]) -> tuple[Result, ...]:
    """What was found, in order, up to the first broken link; warnings before it are told too."""
    told: list[Result] = []
    known = {_key(result.check): result for result in results}
    unknown = any(r.check.code == ROUTE and r.outcome is not Outcome.PASSED for r in results)
    for check in (*chain.seen, *chain.asked):
        if check.code == ROUTE and unknown:
            told += [known[_key(c)] for c in chain.because if _key(c) in known]
        if _key(check) in known:
            told.append(known[_key(check)])
    broken = next((n for n, result in enumerate(told) if ends(result)), len(told))
    return tuple(told[: broken + 1])


def ends(result: Result) -> bool:
    """Whether this link is broken: nothing behind it can be told from it.

    A log that cannot be read explains nothing, and stops nothing: the route behind it is still unknown.
    """
    unread = result.check.code in _OF_LOG and result.outcome is Outcome.UNREACHABLE
    return not (result.holds or unread)


def _key(check: Check) -> tuple[str, str, str]:
    return check.code, check.spoke, check.title


def by_hand(code: str, spoke: str, title: str, saw: str) -> Result:
    """A broken link that no check could look at."""
    check = Check(code, spoke, title, Observation(""), severity=CODES[code].severity)
    return Result(check, Outcome.FAILED, saw)
