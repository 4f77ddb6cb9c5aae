"""From the files, and where wanted from what runs, to what is drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from stackctl.graph import HOST_NETWORK, NO_NETWORK, Access, Area, Graph, Node
from stackctl.lint.sockets import gives_socket
from stackctl.model import (
    PROXY_NETWORK,
    SOCKET_NETWORK,
    Bundle,
    Container,
    Kind,
    Mount,
    Observed,
    Port,
    Spoke,
    Stack,
)
from stackctl.policy import asks


def from_files(stack: Stack, bundle: Bundle, ports: Mapping[str, tuple[Port, ...]] | None = None) -> Graph:
    """The stack as its files declare it; `ports` are those that this host publishes instead."""
    networks = {spoke.name: _networks(stack, bundle, spoke) for spoke in stack.spokes}
    shared = Counter(network for names in networks.values() for network in names)
    nodes = tuple(
        Node(
            spoke.name,
            spoke.title or spoke.name,
            spoke.kind.value,
            tuple(sorted(networks[spoke.name], key=lambda name: _home(spoke.kind.value, name, shared))),
            tuple(f"{host}{route.path.rstrip('/')}" for route in spoke.routes for host in route.hosts),
            _published((ports or {}).get(spoke.name, spoke.ports)),
            _access(stack, spoke, networks),
            tuple(dependency.spoke for dependency in spoke.dependencies),
        )
        for spoke in stack.spokes
    )
    return Graph(stack.name, nodes, _areas(stack, nodes))


def with_observed(graph: Graph, stack: Stack, observed: Observed) -> Graph:
    """The same picture, with what the Engine has otherwise, and with others on the stack's networks."""
    names = {stack.network_name(network): network for network in stack.networks}
    here = {node.name: _newest(observed, node.name) for node in graph.nodes}
    nodes = [replace(node, differs=_differences(node, here[node.name], names)) for node in graph.nodes]
    proxied = {n for node in graph.nodes if node.access is Access.PROXY for n in node.networks}
    known = {container.id for node in graph.nodes for container in observed.of_spoke(node.name)}
    nodes += [
        node
        for container in (*observed.containers, *observed.others)
        if container.id not in known and (node := _foreign(container, names, proxied)) is not None
    ]
    ordered = tuple(sorted(nodes, key=lambda node: (node.foreign, node.name)))
    return replace(graph, nodes=ordered, areas=_areas(stack, ordered), observed=True)


# ---- networks


def _networks(stack: Stack, bundle: Bundle, spoke: Spoke) -> tuple[str, ...]:
    """Where a spoke can be reached, by the names in the files."""
    stanza = bundle.service(spoke.name)
    seen = {spoke.name}
    while (mode := str(stanza.get("network_mode", ""))).startswith("service:"):
        other = mode.partition(":")[2]
        if other in seen or other not in bundle.compose["services"]:
            break
        seen.add(other)
        stanza = bundle.service(other)
    mode = str(stanza.get("network_mode", ""))
    if mode == "host":
        return (HOST_NETWORK,)
    if mode == "none" or mode.startswith("container:"):
        return (NO_NETWORK,)
    return tuple(stanza.get("networks") or {"default": None})


def _home(kind: str, network: str, shared: Mapping[str, int]) -> tuple[int, int, str]:
    """Which of its networks a spoke is drawn in: a socket proxy in `socket`, what is routed in `proxy`, else
    the largest."""
    first = network == (SOCKET_NETWORK if kind == Kind.SOCKET_PROXY else PROXY_NETWORK)
    return 0 if first else 2 if network == SOCKET_NETWORK else 1, -shared[network], network


def _areas(stack: Stack, nodes: Iterable[Node]) -> tuple[Area, ...]:
    used = dict.fromkeys(network for node in nodes for network in node.networks)
    known = [*stack.networks, "default", HOST_NETWORK, NO_NETWORK]
    order = {name: number for number, name in enumerate((PROXY_NETWORK, SOCKET_NETWORK, *known))}
    names = sorted(
        used, key=lambda name: (name not in (PROXY_NETWORK, SOCKET_NETWORK), order.get(name, 0), name)
    )
    return tuple(Area(name, _note(stack, name)) for name in names)


def _note(stack: Stack, network: str) -> str:
    if network == HOST_NETWORK:
        return "no isolation: every port is the host's"
    if network == NO_NETWORK:
        return "reaches nobody"
    told = stack.networks.get(network, {})
    words = ["internal"] if told.get("internal") else []
    words += ["external"] if told.get("external") else []
    return ", ".join(words)


# ---- Docker, ports


def _access(stack: Stack, spoke: Spoke, networks: Mapping[str, tuple[str, ...]]) -> Access:
    if spoke.kind is Kind.SOCKET_PROXY:
        return Access.PROXY
    if _holds_socket(spoke.mounts) or spoke.service.get("privileged"):
        return Access.FULL
    proxies = stack.of_kind(Kind.SOCKET_PROXY)
    places = {network for proxy in proxies for network in networks[proxy.name]} - {NO_NETWORK}
    # A proxy behind a unix socket is not reached over a network, but by whom its policy names.
    through = any(asks(stack, spoke, proxy) for proxy in proxies)
    return Access.FILTERED if through or places & {*networks[spoke.name]} else Access.NONE


def _holds_socket(mounts: Iterable[Mount]) -> bool:
    return any(mount.type == "bind" and gives_socket(mount.source) for mount in mounts)


def _published(ports: Iterable[Port]) -> tuple[str, ...]:
    told = []
    for port in ports:
        address = f"{port.host_ip}:" if port.host_ip not in ("", "0.0.0.0", "::") else ""  # noqa: S104
        suffix = "" if port.protocol == "tcp" else f"/{port.protocol}"
        told.append(f"{address}{port.published or 'any'}{suffix}")
    return tuple(dict.fromkeys(told))


# ---- what runs


def _newest(observed: Observed, spoke: str) -> Container | None:
    there = observed.of_spoke(spoke)
    return observed.running(spoke) or (there[-1] if there else None)


def _differences(node: Node, container: Container | None, names: Mapping[str, str]) -> tuple[str, ...]:
    if container is None:
        return ("is not there",)
    told = [] if container.running or node.kind == Kind.JOB else [f"is {container.state}"]
    if container.health == "unhealthy":
        told.append("is unhealthy")
    has = {names.get(name, name) for name in container.networks}
    has = {HOST_NETWORK if name == "host" else NO_NETWORK if name == "none" else name for name in has}
    if not str(container.inspect.get("HostConfig", {}).get("NetworkMode", "")).startswith("container:"):
        told += [f"also on {name}" for name in sorted(has - set(node.networks))]
        told += [f"not on {name}" for name in sorted(set(node.networks) - has)]
    if container.running:
        now, wanted = _published(container.ports), node.ports
        told += [f"also publishes {port}" for port in now if port not in wanted and "any" not in wanted]
        told += [f"does not publish {port}" for port in wanted if port != "any" and port not in now]
    if _holds_socket(container.mounts) and node.access not in (Access.PROXY, Access.FULL):
        told.append("holds the Docker socket")
    return tuple(told)


def _foreign(container: Container, names: Mapping[str, str], proxied: set[str]) -> Node | None:
    """A container that nobody's files put on a network of this stack."""
    on = tuple(names[name] for name in container.networks if name in names)
    if not on:
        return None
    reaches = Access.FILTERED if proxied & {*on} else Access.NONE
    access = Access.FULL if _holds_socket(container.mounts) else reaches
    return Node(
        container.name,
        container.name,
        "container",
        on,
        ports=_published(container.ports),
        access=access,
        foreign=True,
        differs=("not of this stack",),
    )
