"""How a container is replaced: beside the old one, or after it has stopped, and why. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from stackctl.generation import generation, not_handed_over
from stackctl.model import (
    NAMESPACES,
    NOTHING,
    Container,
    Kind,
    Observed,
    Plan,
    Replacement,
    RoutesBy,
    Spoke,
    Stack,
    Stanza,
    Verb,
    Way,
)

_ADDRESSES = ("ipv4_address", "ipv6_address", "mac_address", "link_local_ips")
_HASH = "com.docker.compose.config-hash"
_ROUTER = re.compile(r"traefik\.(?:http|tcp|udp)\.routers\.", re.IGNORECASE)


def replacement(
    spoke: Spoke,
    wanted: Stanza,
    running: Iterable[Container],
    image: Stanza = NOTHING,
    others: Iterable[str] = (),
) -> Replacement:
    """The way in which the spoke's containers give way to new ones.

    `image` is what the image itself sets (the Engine's `Config`); `others` are the reasons that lie with the
    stack's other spokes.
    """
    running = tuple(running)
    data = keeps(wanted, running)
    if spoke.kind is Kind.JOB:
        return Replacement(Way.JOB, (), data)
    reasons = (
        *obstacles(wanted, running),
        *others,
        *_unproved(wanted, image),
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


def routed_by_labels(wanted: Stanza) -> bool:
    """Whether Traefik finds the container by itself, as soon as it runs and is not unhealthy."""
    return any(_ROUTER.match(label) for label in wanted.get("labels") or ())


def replicas(wanted: Stanza) -> int:
    """How many containers the service wants."""
    given = wanted.get("scale", (wanted.get("deploy") or NOTHING).get("replicas"))
    return int(given) if str(given).isdecimal() else 1


def superfluous(containers: Sequence[Container], config_hash: str, wanted: int) -> tuple[Container, ...]:
    """Of more containers than are wanted, oldest first, those that go: a replacement was cut short.

    The new ones stay where they are healthy, or nothing old runs; else the old ones do. Containers that are
    all alike were scaled by hand, and stay.
    """
    new = [c for c in containers if c.labels.get(_HASH) == config_hash]
    old = [c for c in containers if c not in new]
    if not (old and new) or len(containers) <= wanted:
        return ()
    if sum(c.running and c.health == "healthy" for c in new) >= wanted or not any(c.running for c in old):
        return (*old, *new[: max(0, len(new) - wanted)])
    return (*new, *old[wanted:])


def because_of_others(
    stack: Stack, name: str, services: Mapping[str, Stanza], running: Iterable[Container]
) -> Iterator[str]:
    """Why, for the sake of the stack's other spokes, this one cannot stand beside itself."""
    for spoke in stack.spokes:
        if name in spoke.lives_in.values():
            yield f"{spoke.name} shares its namespace"
    spoke = stack.spoke(name)
    if stack.routing.by is RoutesBy.FILES and spoke.routes and replicas(spoke.service) > 1:
        yield "its route names each of its containers"
    labels = {of: service.get("labels") or NOTHING for of, service in services.items()}
    number = next_generation(running)
    yield from not_handed_over(labels.pop(name, NOTHING), labels, number)


def next_generation(running: Iterable[Container]) -> int:
    return 1 + max((generation(container.labels) for container in running), default=0)


def generations(plan: Plan, observed: Observed, wanted: Mapping[str, Stanza]) -> dict[str, int]:
    """Spoke -> its generation once the plan is carried out, past the first alone."""
    found = {c.spoke: generation(c.labels) for c in observed.containers}
    for action in plan.changes:
        beside = action.replacement is not None and action.replacement.way is Way.BESIDE
        if beside and routed_by_labels(wanted[action.spoke]):
            found[action.spoke] = next_generation(observed.of_spoke(action.spoke))
        elif action.verb is not Verb.START:
            found[action.spoke] = 1
    return {spoke: number for spoke, number in sorted(found.items()) if number > 1}


def _unproved(wanted: Stanza, image: Stanza) -> Iterator[str]:
    if not health_test(wanted, image):
        yield "it has no health test, so nothing tells when its successor works"


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
    for key in (*NAMESPACES, "uts"):
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
