"""Rules about who can talk to the Engine."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stackctl import normal, strict
from stackctl.codes import finding
from stackctl.findings import Finding, Severity
from stackctl.harmless import ENGINE_PORTS
from stackctl.lint.sockets import gives_socket, is_engine_socket
from stackctl.model import Hardening, Kind, Mount, Path, Port, Spoke, Stack
from stackctl.routed import enabled

_ROUTING = re.compile(
    r"traefik\.(?:enable|(?:http|tcp|udp)\.routers\..+\.rule)|caddy(?:_[0-9]+)?", re.IGNORECASE
)
_TRAEFIKS_PORT = re.compile(
    r"traefik\.(?:http|tcp|udp)\.services\..+\.loadbalancer\.server\.port", re.IGNORECASE
)
_CADDYS_PORT = re.compile(r"\{\{\s*upstreams(?:\s+(?:https?|h2c))?\s+([0-9]+)\s*\}\}")
_ASK = "let it talk to a socket-proxy spoke: DOCKER_HOST=tcp://docker-socket-proxy:2375"


def severity(spoke: Spoke) -> Severity:
    """A hole is an error where the spoke promises hardening, and a warning where it is run as it is."""
    return Severity.ERROR if spoke.hardening is Hardening.STRICT else Severity.WARNING


def only_proxies_hold_socket(stack: Stack) -> Iterator[Finding]:
    """SC401: nobody but a socket proxy can talk to the Engine as root."""
    holders = _holders(stack)
    for spoke in stack.spokes:
        if spoke.kind is Kind.SOCKET_PROXY:
            continue
        for path, message in (*_mounted(spoke, stack), *_taken_over(spoke, stack, holders)):
            yield finding("SC401", spoke.at(*path), message, _ASK, spoke.name, severity(spoke))


def _mounted(spoke: Spoke, stack: Stack) -> Iterator[tuple[Path, str]]:
    for number, mount in enumerate(spoke.mounts):
        if _holds_socket(mount, stack):
            yield ("volumes", str(number)), f"{spoke.name} mounts the Engine's socket (`{mount.source}`)"
    for key in ("configs", "secrets"):
        for number, grant in enumerate(spoke.service.get(key, ())):
            # Compose mounts the file of a config or secret as it mounts any other.
            file = (stack.top_level.get(key, {}).get(grant["source"]) or {}).get("file", "")
            if gives_socket(str(file)):
                message = f"{spoke.name} is given the Engine's socket as one of its {key} (`{file}`)"
                yield (key, str(number)), message


def _holds_socket(mount: Mount, stack: Stack) -> bool:
    if mount.type == "bind":
        return gives_socket(mount.source) or ("$" in mount.source and is_engine_socket(mount.target))
    volume = stack.top_level.get("volumes", {}).get(mount.source) or {}
    device = (volume.get("driver_opts") or {}).get("device", "")
    return mount.type == "volume" and gives_socket(str(device))


def _holders(stack: Stack) -> frozenset[str]:
    """Socket proxies, whoever mounts a socket, and whoever takes over the mounts of one of them."""
    holders = {s.name for s in stack.spokes if s.kind is Kind.SOCKET_PROXY or any(_mounted(s, stack))}
    while more := {
        spoke.name
        for spoke in stack.spokes
        if spoke.name not in holders and any(name in holders for _, name in _sources(spoke, stack))
    }:
        holders |= more
    return frozenset(holders)


def _sources(spoke: Spoke, stack: Stack) -> Iterator[tuple[int, str]]:
    """The spokes whose mounts this one takes over."""
    for number, source in enumerate(spoke.service.get("volumes_from", ())):
        kind, colon, name = source.partition(":")
        container = colon and kind == "container"
        yield number, spoke_of_container(stack, name.partition(":")[0]) if container else kind


def _taken_over(spoke: Spoke, stack: Stack, holders: frozenset[str]) -> Iterator[tuple[Path, str]]:
    proxies = {proxy.name for proxy in stack.of_kind(Kind.SOCKET_PROXY)}
    for number, name in _sources(spoke, stack):
        if name in holders:
            of = f"the socket proxy `{name}`" if name in proxies else f"`{name}`, which holds the socket"
            yield ("volumes_from", str(number)), f"{spoke.name} takes over the mounts of {of}"


def spoke_of_container(stack: Stack, container: str) -> str:
    """The spoke whose container bears this name; empty where none of the stack does."""
    for spoke in stack.spokes:
        own = spoke.service.get("container_name")
        if container == (own or f"{stack.name}-{spoke.name}-1"):
            return spoke.name
    return ""


def nobody_slips_into_the_socket_network(stack: Stack) -> Iterator[Finding]:
    """SC411: who reaches a socket proxy says so under `networks`."""
    reach: set[str] = set()
    for proxy in stack.of_kind(Kind.SOCKET_PROXY):
        reach |= _networks(proxy)
    members = {s.name for s in stack.spokes if s.kind is Kind.SOCKET_PROXY or reach & _networks(s)}
    names = {stack.network_name(network): network for network in reach & stack.networks.keys()}
    joined = {s.name: _joins(s, stack) for s in stack.spokes if s.kind is not Kind.SOCKET_PROXY}
    for spoke in stack.spokes:
        mode = str(spoke.service.get("network_mode", ""))
        how = ""
        if spoke.name in joined and (through := _end(spoke.name, joined)) in members - {spoke.name}:
            how = f"shares the network of `{joined[spoke.name]}`, which reaches a socket proxy"
            if stack.spoke(through).kind is Kind.SOCKET_PROXY:
                how = f"shares the network of the socket proxy `{through}`"
        elif mode in names:
            how = f"joins the network `{names[mode]}` of a socket proxy by its name"
        if how:
            hint = "state `networks: [socket]` if it must ask Docker; else give it networks of its own"
            at = spoke.at("network_mode")
            yield finding("SC411", at, f"{spoke.name} {how}", hint, spoke.name, severity(spoke))


def _networks(spoke: Spoke) -> set[str]:
    """The networks of a spoke, Compose's own included, on which sits whatever names none."""
    if "network_mode" in spoke.service:
        return set()
    if strict.listen(spoke):
        # It is reached through its socket alone, and sits on no network that it does not name.
        return set(spoke.networks)
    return set(spoke.networks) or {"default"}


def _joins(spoke: Spoke, stack: Stack) -> str:
    """The spoke whose network this one shares; empty where it shares none of the stack."""
    kind, _, name = str(spoke.service.get("network_mode", "")).partition(":")
    if kind == "container":
        return spoke_of_container(stack, name)
    return name if kind == "service" else ""


def _end(name: str, joined: dict[str, str]) -> str:
    """The spoke whose network is shared in the end, where one shares that of another that shares."""
    seen: set[str] = set()
    while joined.get(name) and name not in seen:
        seen.add(name)
        name = joined[name]
    return name


def engine_is_not_published(stack: Stack) -> Iterator[Finding]:
    """SC402: neither a socket proxy nor an Engine is reached from outside its network."""
    for spoke in stack.spokes:
        proxy = spoke.kind is Kind.SOCKET_PROXY
        for number, port in enumerate(spoke.ports):
            if proxy or _is_engine_port(port):
                published = f"{port.published}:{port.target}" if port.published else str(port.target)
                what = "is a socket proxy and publishes" if proxy else "publishes an Engine's port:"
                message = f"{spoke.name} {what} {published}"
                hint = "remove it; consumers reach it by its name on their common network"
                at = spoke.at("ports", str(number))
                yield finding("SC402", at, message, hint, spoke.name, severity(spoke))
        if proxy and spoke.service.get("network_mode") == "host":
            message = f"{spoke.name} is a socket proxy and listens on the host's own network"
            hint = "state `networks: [socket]` instead"
            yield finding("SC402", spoke.at("network_mode"), message, hint, spoke.name, severity(spoke))
        for path in _led_to(spoke):
            what = "is a socket proxy" if proxy else "is reached at an Engine's port"
            message = f"{spoke.name} {what}, and the edge leads to it"
            hint = "take its route away; consumers reach it by its name on their common network"
            yield finding("SC402", spoke.at(*path), message, hint, spoke.name, severity(spoke))


def _led_to(spoke: Spoke) -> Iterator[Path]:
    """Where a route to Docker's API is stated: to a socket proxy by any, to others by an Engine's port."""
    proxy = spoke.kind is Kind.SOCKET_PROXY
    for number, route in enumerate(spoke.routes):
        if proxy or route.port in ENGINE_PORTS:
            yield "route", str(number)
    labels = {name: str(value) for name, value in normal.pairs(spoke.service.get("labels")).items()}
    if enabled(labels) is False:
        labels = {name: value for name, value in labels.items() if not name.lower().startswith("traefik.")}
    led = (n for n in labels if (proxy and _ROUTING.fullmatch(n)) or _to_engine_port(n, labels[n]))
    if first := next(led, ""):
        yield "labels", first


def _to_engine_port(label: str, value: str) -> bool:
    caddys = _CADDYS_PORT.search(value) if label.startswith("caddy") else None
    port = value if _TRAEFIKS_PORT.fullmatch(label) else caddys[1] if caddys else ""
    return port.isdecimal() and int(port) in ENGINE_PORTS


def _is_engine_port(port: Port) -> bool:
    first, _, last = port.published.partition("-")
    outside = range(int(first), int(last or first) + 1) if first.isdecimal() else ()
    return port.target in ENGINE_PORTS or any(number in ENGINE_PORTS for number in outside)


RULES = (only_proxies_hold_socket, nobody_slips_into_the_socket_network, engine_is_not_published)
