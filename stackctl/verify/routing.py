"""Conditions of a route on what was observed; pure, named by `Observation.name`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from stackctl.edge import traefik
from stackctl.generation import as_it_runs
from stackctl.lint.edges import serving
from stackctl.lint.label_keys import unknown_to_caddy, unknown_to_traefik
from stackctl.model import Bundle, Check, Container, Observed, Outcome, Spoke, Stack
from stackctl.read.images import split_image

Verdict = tuple[Outcome, str]

_OF_EDGE = re.compile(r"traefik\.|caddy(?:[._]|\Z)")
_NETWORK_LABELS = ("traefik.docker.network", "traefik.swarm.network", "caddy_ingress_network")
_NAMED = re.compile(
    r"traefik\.((?:http|tcp|udp)\.(?:routers|services|middlewares)\.[^.]+)\.(.+)", re.IGNORECASE
)
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
_TROUBLE = re.compile(r"\bERR\b|\bWRN\b|level=(?:error|warn)|\"level\":\"(?:error|warn)", re.IGNORECASE)
_OF_DOCKER = (
    "client version",
    "Failed to retrieve information of the docker client",
    "Failed to list containers",
    "Failed to inspect container",
    "Cannot connect to the Docker daemon",
    "dial tcp: lookup",
    "unexpected EOF",
    "Cannot find container id",
)
_KILLED = 137
_UNHEARD: Verdict = (Outcome.UNREACHABLE, "cannot tell: its log cannot be read")


def route_labels(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """The running container carries every label for the edge that the files give it, and no other."""
    container = observed.running(check.spoke)
    if container is None:
        return Outcome.UNREACHABLE, "does not run"
    stated = bundle.service(check.spoke).get("labels") or {}
    of_edge = {key: _as_engine(value) for key, value in for_edge(stated)}
    if not of_edge:
        return Outcome.PASSED, "its edge reads no labels"
    wanted = dict(for_edge(as_it_runs(of_edge, container)))
    carried = dict(for_edge(container.labels))
    for key, value in wanted.items():
        if key not in carried:
            return Outcome.FAILED, f"{container.name} lacks the label `{key}`, so the edge does not see it"
        if carried[key] != value and "$" not in value:
            return Outcome.FAILED, f"{container.name} has `{key}: {carried[key]}`; the files say {value}"
    if more := sorted(carried.keys() - wanted.keys()):
        return Outcome.FAILED, f"{container.name} has a label that the files do not state: `{more[0]}`"
    return Outcome.PASSED, f"carries {len(wanted)} labels, as the files state them"


def for_edge(labels: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Those labels that an edge reads."""
    return ((key, str(value)) for key, value in labels.items() if _OF_EDGE.match(key))


def _as_engine(value: str) -> str:
    """A value of the Compose file as the container has it."""
    return value.replace("$$", "$")


def route_network(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """The spoke's container and the edge's share a network, and the first has an address there."""
    edge = serving(stack)
    container, at_edge = observed.running(check.spoke), observed.running(edge.name) if edge else None
    if container is None:
        return Outcome.UNREACHABLE, "does not run"
    if edge is None or at_edge is None:
        return Outcome.UNREACHABLE, "the edge does not run"
    shared = [name for name in container.networks if name in at_edge.networks]
    if not shared:
        mine = ", ".join(container.networks) or "no network"
        return Outcome.FAILED, f"sits on {mine}, and {edge.name} on {', '.join(at_edge.networks) or 'none'}"
    for name in shared:
        if address := container.networks[name]:
            return Outcome.PASSED, f"has {address} on {name}"
    return Outcome.FAILED, f"has no address on {', '.join(shared)}"


def label_network(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """A network that a label names for the edge is one that the container sits on."""
    container = observed.running(check.spoke)
    if container is None:
        return Outcome.UNREACHABLE, "does not run"
    for label in _NETWORK_LABELS:
        named = container.labels.get(label, "")
        if named and named not in container.networks:
            there = ", ".join(container.networks)
            return Outcome.FAILED, f"`{label}` names `{named}`; on the Engine it sits on {there}"
    return Outcome.PASSED, "no label names a network that is not there"


def label_keys(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """The edge knows every label that the container carries for it."""
    container = observed.running(check.spoke)
    if container is None:
        return Outcome.UNREACHABLE, "does not run"
    for label, _ in for_edge(container.labels):
        unknown = unknown_to_traefik(label) if label.startswith("traefik.") else unknown_to_caddy(label)
        if unknown is not None:
            return Outcome.FAILED, f"the edge knows no `{unknown[0]}` in `{label}`: {unknown[1]}"
    return Outcome.PASSED, "the edge knows all of its labels"


def label_names(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """No other running container gives a router, service or middleware of this one another content."""
    container = observed.running(check.spoke)
    if container is None:
        return Outcome.UNREACHABLE, "does not run"
    own = _named(container)
    for other in observed.containers:
        if not other.running or other.spoke == container.spoke:
            continue
        for name, content in _named(other).items():
            if name in own and ("services" in name or own[name] != content):
                what = "each gets half of the requests" if "services" in name else "the edge drops both"
                return Outcome.FAILED, f"{other.name} has `{name}` too: {what}"
            rule = content.get("rule", "")
            if rule and any(c.get("rule") == rule for c in own.values()) and name not in own:
                return Outcome.FAILED, f"{other.name} has a router with the same rule {rule}: either may win"
    return Outcome.PASSED, "nobody else uses its names or rules"


def _named(container: Container) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for key, value in container.labels.items():
        if match := _NAMED.fullmatch(key):
            found.setdefault(match[1].lower(), {})[match[2].lower()] = value
    return found


def edge_says(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """The edge's log speaks against none of the spoke's routers."""
    edge = serving(stack)
    if not _is_heard(observed, edge):
        return _UNHEARD
    lines = _trouble(observed, edge, check.spoke)
    names = {name.split(".")[-1] for c in observed.of_spoke(check.spoke) for name in _named(c)}
    names |= {c.name.lower() for c in observed.of_spoke(check.spoke)}
    names |= {match.split(".")[-1] for match in _rendered_names(stack, check.spoke)}
    for line in lines:
        if any(re.search(rf"(?<![\w~-]){re.escape(name)}(?![\w~])", line.lower()) for name in names):
            return Outcome.FAILED, f"its log says: {line}"
        if "permissions" in line and "too open" in line:
            return Outcome.FAILED, f"its log says: {line}"
    return Outcome.PASSED, "its log says nothing against it"


def _rendered_names(stack: Stack, spoke: str) -> set[str]:
    labels = traefik.labels(stack, stack.spoke(spoke))
    return {match[1].lower() for key in labels if (match := _NAMED.fullmatch(key))}


def edge_asks(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """The edge's log shows no trouble with the Docker API."""
    edge = serving(stack)
    if not _is_heard(observed, edge):
        return _UNHEARD
    for line in _trouble(observed, edge, check.spoke):
        if any(text in line for text in _OF_DOCKER):
            return Outcome.FAILED, f"its log says: {line}"
    return Outcome.PASSED, "its log shows no trouble with Docker"


def _is_heard(observed: Observed, edge: Spoke | None) -> bool:
    return edge is not None and edge.name in observed.said


def _trouble(observed: Observed, edge: Spoke | None, spoke: str) -> list[str]:
    """What the edge complained of since the spoke's container started; older lines are of another one."""
    said = observed.said.get(edge.name, "") if edge else ""
    container = observed.running(spoke)
    since = str(((container.inspect.get("State") or {}).get("StartedAt") or "") if container else "")[:19]
    lines = [_COLOUR.sub("", line).strip() for line in said.splitlines()]
    found = [(_TIME.match(line), line) for line in lines if _TROUBLE.search(line)]
    return [
        line[time.end() :].strip()[:400] if time else line[:400]
        for time, line in found
        if time is None or time[1] >= since
    ]


def ports_bound(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """Every port that the spoke publishes is bound on this host."""
    container = observed.running(check.spoke)
    if container is None:
        return Outcome.UNREACHABLE, "does not run"
    wanted = {name for name, bound in _bindings(container).items() if bound}
    bound = {f"{port.target}/{port.protocol}" for port in container.ports}
    if missing := sorted(wanted - bound):
        inside = [n for n in container.networks if (observed.networks.get(n) or {}).get("Internal")]
        why = ": each of its networks is internal" if len(inside) == len(container.networks) else ""
        return Outcome.FAILED, f"{', '.join(missing)} is published, and not bound{why}"
    if not wanted and stack.spoke(check.spoke).ports:
        return Outcome.FAILED, "the container publishes nothing, although the files do"
    return Outcome.PASSED, f"bound: {', '.join(sorted(bound)) or 'nothing, and nothing is to be'}"


def _bindings(container: Container) -> Mapping[str, object]:
    bindings: Mapping[str, object] = (container.inspect.get("HostConfig") or {}).get("PortBindings") or {}
    return bindings


def engine_api(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """The Engine still speaks the version of its API that the edge asks for."""
    major = observed.engine_version.partition(".")[0]
    container = observed.running(check.spoke)
    image = container.image if container else stack.spoke(check.spoke).image
    found = _VERSION.match(split_image(image).tag)
    if "traefik" in image and found and major.isdecimal() and int(major) >= 29:
        version = tuple(map(int, found.groups()))
        if (3, 0, 0) <= version <= (3, 6, 0) or (2, 0, 0) <= version < (2, 11, 31):
            told = f"Traefik {found[0]} asks for version 1.24 of the Docker API"
            return Outcome.FAILED, f"{told}, which Docker {observed.engine_version} refuses"
    return Outcome.PASSED, f"Docker {observed.engine_version or 'of an unknown version'}"


def killed(container: Container) -> str:
    """Why a container was killed, as the end of a sentence; empty where it was not."""
    if container.exit_code != _KILLED:
        return ""
    if (container.inspect.get("State") or {}).get("OOMKilled"):
        return ": it was killed, because its memory ran out"
    return ": it was killed, because it did not stop in time"


OBSERVATIONS: Mapping[str, Callable[[Observed, Stack, Bundle, Check], Verdict]] = {
    "route-labels": route_labels,
    "route-network": route_network,
    "label-network": label_network,
    "label-keys": label_keys,
    "label-names": label_names,
    "edge-says": edge_says,
    "edge-asks": edge_asks,
    "ports-bound": ports_bound,
    "engine-api": engine_api,
}
