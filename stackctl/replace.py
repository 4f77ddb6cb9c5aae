"""How a container is replaced: beside the old one, or after it has stopped, and why. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from stackctl.model import NOTHING, Container, Kind, Replacement, Spoke, Stack, Stanza, Way

_NAMESPACES = ("network_mode", "pid", "ipc", "uts")
_ADDRESSES = ("ipv4_address", "ipv6_address", "mac_address", "link_local_ips")
_ROUTER = re.compile(r"traefik\.(?:http|tcp|udp)\.routers\.", re.IGNORECASE)


def replacement(
    spoke: Spoke,
    wanted: Stanza,
    running: Iterable[Container],
    image: Stanza = NOTHING,
    sharers: Iterable[str] = (),
) -> Replacement:
    """The way in which the spoke's containers give way to new ones.

    `image` is what the image itself sets (the Engine's `Config`); `sharers` are the spokes that sit in a
    namespace of this one.
    """
    running = tuple(running)
    data = keeps(wanted, running)
    if spoke.kind is Kind.JOB:
        return Replacement(Way.JOB, (), data)
    reasons = (
        *obstacles(wanted, running),
        *(f"{name} shares its namespace" for name in sharers),
        *_unproved(spoke, wanted, image),
    )
    return Replacement(Way.STOP_FIRST if reasons else Way.BESIDE, reasons, data)


def obstacles(wanted: Stanza, running: Iterable[Container] = ()) -> tuple[str, ...]:
    """Why a second container of this service cannot stand beside the first; none where it can."""
    running = tuple(running)
    return (
        *(f"it writes to {place}" for place in keeps(wanted, running)),
        *_of_ports(wanted),
        *((f"its name is fixed: {name}",) if (name := wanted.get("container_name")) else ()),
        *_of_addresses(wanted),
        *_of_namespaces(wanted),
        *_of_devices(wanted),
        *(() if not running or any(c.running for c in running) else ("nothing of it runs",)),
    )


def keeps(wanted: Stanza, running: Iterable[Container] = ()) -> tuple[str, ...]:
    """Where the service writes what outlives its container: `volume db-data at /data`.

    What the image alone keeps in a volume shows in a running container only.
    """
    stated = {
        str(mount["target"]).rstrip("/"): _place(mount["type"], mount.get("source"), mount["target"])
        for mount in wanted.get("volumes") or ()
        if mount["type"] in ("volume", "bind") and not mount.get("read_only")
    }
    known = {str(mount["target"]).rstrip("/") for mount in wanted.get("volumes") or ()}
    found = {
        mount.target.rstrip("/"): _place(mount.type, mount.source, mount.target)
        for container in running
        for mount in container.mounts
        if mount.type == "volume" and not mount.read_only and mount.target.rstrip("/") not in known
    }
    taken = [
        f"what {source.partition(':')[0]} mounts"
        for source in wanted.get("volumes_from") or ()
        if not source.endswith(":ro")
    ]
    return (*stated.values(), *found.values(), *taken)


def health_test(wanted: Stanza, image: Stanza = NOTHING) -> bool:
    """Whether the Engine will say of a container of this service that it is healthy."""
    stated = wanted.get("healthcheck") or NOTHING
    test = stated.get("test") or (image.get("Healthcheck") or NOTHING).get("Test") or ()
    words = [test] if isinstance(test, str) else [*test]
    return bool(words) and words[0] != "NONE" and not stated.get("disable")


def port_to_probe(spoke: Spoke, wanted: Stanza) -> int | None:
    """The TCP port that stackctl can ask where the Engine has no health test to run."""
    if spoke.routes:
        return spoke.routes[0].port
    exposed = (re.fullmatch(r"(\d+)(?:/tcp)?", str(port)) for port in wanted.get("expose") or ())
    return next((int(match[1]) for match in exposed if match), None)


def routed_by_labels(wanted: Stanza) -> bool:
    """Whether Traefik finds the container by itself, as soon as it runs and is not unhealthy."""
    return any(_ROUTER.match(label) for label in wanted.get("labels") or ())


def sharers(stack: Stack, name: str) -> tuple[str, ...]:
    """The spokes that sit in a namespace of this one's container."""
    return tuple(
        spoke.name
        for spoke in stack.spokes
        if any(spoke.service.get(key) == f"service:{name}" for key in _NAMESPACES)
    )


def _unproved(spoke: Spoke, wanted: Stanza, image: Stanza) -> Iterator[str]:
    if health_test(wanted, image):
        return
    if routed_by_labels(wanted):
        yield "it has no health test, and Traefik would send it requests as soon as it runs"
    elif port_to_probe(spoke, wanted) is None:
        yield "it has neither a health test nor a port to ask"


def _place(type: str, source: Any, target: str) -> str:
    anonymous = not source or re.fullmatch(r"[0-9a-f]{64}", str(source))
    return f"{'folder' if type == 'bind' else 'volume'} {'' if anonymous else f'{source} at '}{target}"


def _of_ports(wanted: Stanza) -> Iterator[str]:
    for port in wanted.get("ports") or ():
        if (published := str(port.get("published") or "")) not in ("", "0"):
            yield f"it publishes port {published}"


def _of_addresses(wanted: Stanza) -> Iterator[str]:
    networks = wanted.get("networks")
    stated = networks.values() if isinstance(networks, Mapping) else ()
    for how in (wanted, *filter(None, stated)):
        for key in _ADDRESSES:
            if address := how.get(key):
                yield f"its address is fixed: {address if isinstance(address, str) else ', '.join(address)}"


def _of_namespaces(wanted: Stanza) -> Iterator[str]:
    for key in _NAMESPACES:
        mode = str(wanted.get(key) or "")
        if mode == "host" or mode.startswith(("service:", "container:")):
            yield f"it shares a namespace ({key}: {mode})"


def _of_devices(wanted: Stanza) -> Iterator[str]:
    resources = (wanted.get("deploy") or NOTHING).get("resources") or NOTHING
    reserved = (resources.get("reservations") or NOTHING).get("devices")
    if wanted.get("devices") or wanted.get("device_cgroup_rules") or wanted.get("gpus") or reserved:
        yield "it uses a device of the host"
    if wanted.get("privileged"):
        yield "it is privileged, so it may use any device"
