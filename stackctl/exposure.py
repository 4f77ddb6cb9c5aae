"""What a container opens: of the host, of the Engine, and to whom; as wanted and as it runs. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stackctl import haproxy, lets_through, normal, strict
from stackctl.attached import ports_of, ports_wanted
from stackctl.lint.confinement import GIVEN_BY_DEFAULT, NAMESPACES
from stackctl.lint.sockets import gives_socket
from stackctl.model import (
    NOTHING,
    SECRETS_DIR,
    Container,
    Exposure,
    Kind,
    Observed,
    Path,
    Plan,
    Protocol,
    RoutesBy,
    Spoke,
    Stack,
    Stanza,
    Verb,
    Wanted,
)
from stackctl.routed import without_login

_ROUTE = "SC755"
_ASKED, _API = "SC757", "api "
_EVERY_ADDRESS = ("", "0.0.0.0", "::", "[::]")  # noqa: S104
_HOST_CONFIG = {
    "network_mode": "NetworkMode",
    "pid": "PidMode",
    "ipc": "IpcMode",
    "uts": "UTSMode",
    "userns_mode": "UsernsMode",
    "cgroup": "CgroupnsMode",
}


@dataclass(frozen=True)
class _Open:
    """One thing that is open. Equal keys mean the same thing, whoever described it."""

    key: str
    code: str = ""
    what: str = ""
    path: Path = ()


_OF_ANY_CONTAINER = frozenset({*(f"cap {name}" for name in GIVEN_BY_DEFAULT), "new privileges"})
"""What Docker gives to whoever asks for nothing."""


def new(
    stack: Stack,
    spoke: Spoke,
    wanted: Stanza,
    running: Iterable[Container],
    before: Iterable[str] = (),
    root: str = "",
    by_id: Mapping[str, Container] = NOTHING,
) -> tuple[Exposure, ...]:
    """What the spoke as wanted would open, and neither does in its containers nor did `before`.

    `before` are keys, as `keys` gives them; `root` is the stack's folder, whose files are the stack's own.
    `by_id` are the stack's containers, for those whose network another one uses.
    """
    running, old = tuple(running), set(before)
    if not (running or old):
        # Of a container that is new altogether, only what it asks for is worth a word.
        old |= _OF_ANY_CONTAINER
    for container in running:
        old |= {open.key for open in _of_container(stack, spoke, wanted, container, root, by_id)}
    reasons = {accept.code: accept.reason for accept in spoke.accept if not accept.name}
    found = [open for open in _of_stanza(stack, spoke, wanted, root) if not _covered(open.key, old)]
    if asked := [open.key.removeprefix(_API) for open in found if open.code == _ASKED]:
        # One sentence for them all: each for itself, a policy would fill the screen.
        found = [open for open in found if open.code != _ASKED]
        found.append(_Open("", _ASKED, lets_through.told(asked), ("policy",)))
    return tuple(
        Exposure(spoke.name, open.code, open.what, spoke.at(*open.path), reasons.get(open.code, ""))
        for open in found
    )


def of_plan(
    plan: Plan,
    stack: Stack,
    wanted: Mapping[str, Wanted],
    observed: Observed,
    before: Mapping[str, Iterable[str]],
    root: str = "",
    stanzas: Mapping[str, Stanza] = NOTHING,
) -> tuple[Exposure, ...]:
    """What the plan's changes open; `before` has, by spoke, the keys of what was said yes to.

    Where routes stand in a file, it has those of every spoke, so whatever else is changed opens them too;
    `stanzas` are the spokes as they are wanted, those that the plan does not mean included.
    """
    by_id = {container.id: container for container in observed.containers}

    def of(name: str, stanza: Stanza) -> tuple[Exposure, ...]:
        there = observed.of_spoke(name)
        return new(stack, stack.spoke(name), stanza, there, before.get(name, ()), root, by_id)

    made = [a.spoke for a in plan.changes if a.verb in (Verb.CREATE, Verb.RECREATE)]
    found = [exposure for name in made for exposure in of(name, wanted[name].stanza)]
    if plan.changes and stack.routing.by is RoutesBy.FILES:
        for spoke in stack.spokes:
            if spoke.routes and spoke.name in stanzas and spoke.name not in made:
                here = observed.of_spoke(spoke.name)
                led = of(spoke.name, stanzas[spoke.name]) if here else ()
                found += [exposure for exposure in led if exposure.code == _ROUTE]
    return tuple(found)


def by_routes(
    stack: Stack, stanzas: Mapping[str, Stanza], before: Mapping[str, Iterable[str]], root: str = ""
) -> tuple[Exposure, ...]:
    """What routes in a file would open at once, whoever writes it; the rest as for `of_plan`."""
    return tuple(
        exposure
        for spoke in stack.spokes
        if spoke.routes and spoke.name in stanzas
        for exposure in new(stack, spoke, stanzas[spoke.name], (), before.get(spoke.name, ()), root)
        if exposure.code == _ROUTE and not exposure.accepted
    )


def keys(stack: Stack, spoke: Spoke, wanted: Stanza, root: str = "") -> tuple[str, ...]:
    """All that the spoke as wanted opens, to be known again later; holds no value that may be secret."""
    return tuple(sorted({open.key for open in _of_stanza(stack, spoke, wanted, root)}))


def _covered(key: str, old: set[str]) -> bool:
    kind, _, rest = key.partition(" ")
    if key in old or ("privileged" in old and kind in ("cap", "device", "new")):
        return True
    if kind == "port":
        rest = rest.partition(" ")[2]
        return f"port * {rest}" in old
    if kind == "mount":
        source, rights = rest.rpartition(" ")[::2]
        enough = ("rw",) if rights == "rw" else ("rw", "ro")
        return any(f"mount {folder} {right}" in old for folder in _upwards(source) for right in enough)
    return kind == "cap" and "cap ALL" in old


def _upwards(path: str) -> Iterator[str]:
    yield path
    while path != (path := posixpath.dirname(path)):
        yield path


# ---- as wanted


def _of_stanza(stack: Stack, spoke: Spoke, wanted: Stanza, root: str) -> Iterator[_Open]:
    yield from _ports(ports_wanted(wanted))
    if wanted.get("privileged"):
        yield _Open("privileged", "SC751", "runs privileged: it is root on this host", ("privileged",))
    yield from _powers(wanted.get("cap_add"), wanted.get("cap_drop"), wanted.get("security_opt"))
    yield from _devices(wanted.get("devices"), wanted.get("device_cgroup_rules"))
    limits = (wanted.get("deploy") or NOTHING).get("resources") or NOTHING
    if (limits.get("reservations") or NOTHING).get("devices") or wanted.get("gpus"):
        yield _Open("device by request", "SC752", "is given a device by request (a GPU)", ("deploy",))
    for number, mount in enumerate(wanted.get("volumes") or ()):
        if mount.get("type") == "bind":
            yield from _mount(
                str(mount.get("source")), not mount.get("read_only"), root, ("volumes", str(number))
            )
    for source in wanted.get("volumes_from") or ():
        yield _Open(
            "volumes-from", "SC753", f"takes over the mounts of {source.partition(':')[0]}", ("volumes_from",)
        )
    yield from _namespaces(wanted)
    mounted = {str(m.get("source")) for m in wanted.get("volumes") or () if m.get("type") == "volume"}
    yield from _socket_paths(stack, spoke, _networks_wanted(stack, wanted), mounted)
    yield from (_Open(f"{_API}{one}", _ASKED) for one in sorted(lets_through.wanted_of(spoke, wanted)))
    # A route of the spoke's may be both stated and rendered as labels.
    routes = (*_stated_routes(spoke), *_routes(_own_labels(spoke, wanted)))
    yield from {open.key: open for open in routes}.values()


def _networks_wanted(stack: Stack, wanted: Stanza) -> set[str]:
    """The names on the Engine of all networks on which the spoke is, those of another spoke's included."""
    seen: set[str] = set()
    while mode := str(wanted.get("network_mode") or ""):
        kind, _, name = mode.partition(":")
        if kind != "service" or name in seen:
            return {mode}
        seen.add(name)
        wanted = next((s.service for s in stack.spokes if s.name == name), NOTHING)
    stated = wanted.get("networks") or ("default",)
    return {stack.network_name(n) if n in stack.networks else f"{stack.name}_{n}" for n in stated}


# ---- as it runs


def _of_container(
    stack: Stack,
    spoke: Spoke,
    wanted: Stanza,
    container: Container,
    root: str,
    by_id: Mapping[str, Container],
) -> Iterator[_Open]:
    host: Mapping[str, Any] = container.inspect["HostConfig"]
    yield from _ports(ports_of(container))
    if host.get("Privileged"):
        yield _Open("privileged")
    yield from _powers(host.get("CapAdd"), host.get("CapDrop"), host.get("SecurityOpt"))
    yield from _devices(host.get("Devices"), host.get("DeviceCgroupRules"))
    if host.get("DeviceRequests"):
        yield _Open("device by request")
    for mount in container.mounts:
        if mount.type == "bind":
            yield from _mount(mount.source, not mount.read_only, root, ())
    if host.get("VolumesFrom"):
        yield _Open("volumes-from")
    yield from _namespaces({ours: host.get(theirs) for ours, theirs in _HOST_CONFIG.items()})
    mode, _, other = str(host.get("NetworkMode") or "").partition(":")
    through = by_id.get(other, container) if mode == "container" else container
    volumes = {m.source.removeprefix(f"{stack.name}_") for m in container.mounts if m.type == "volume"}
    yield from _socket_paths(stack, spoke, set(through.networks), volumes)
    yield from (_Open(f"{_API}{one}") for one in lets_through.running_of(spoke, wanted, container))
    yield from _routes(container.labels)
    # Routes in a file of the edge leave no trace in the container; what was said yes to tells of them.
    route = _route_input(container.labels)
    if route and route == _route_input(wanted.get("labels") or NOTHING):
        yield from _stated_routes(spoke)


def _own_labels(spoke: Spoke, wanted: Stanza) -> Mapping[str, Any]:
    """The labels that the spoke itself states; those of its routes are rendered from what it says of them."""
    if not spoke.routes:
        return wanted.get("labels") or NOTHING
    stated = normal.pairs(spoke.service.get("labels"))
    return {name: value for name, value in stated.items() if name != "traefik.enable"}


def _route_input(labels: Mapping[str, Any]) -> str:
    found = re.search(r"(?:\A|,)route=(\w+)", str(labels.get("stackctl.inputs", "")))
    return found[1] if found else ""


# ---- what is the same on both sides


def _ports(ports: Mapping[str, str]) -> Iterator[_Open]:
    for field, bindings in ports.items():
        target = field.partition(".")[2]
        for binding in bindings.split(", "):
            address, _, published = binding.rpartition(":")
            everywhere = address in _EVERY_ADDRESS
            where = "every address" if everywhere else address
            what = f"publishes {target} as {published} on {where}"
            yield _Open(
                f"port {'*' if everywhere else address} {published} {target}", "SC750", what, ("ports",)
            )


def _powers(added: Any, dropped: Any, options: Any) -> Iterator[_Open]:
    less = {normal.capabilities([name]) for name in dropped or ()}
    held = set() if "ALL" in less else set(GIVEN_BY_DEFAULT) - less
    more = {normal.capabilities([name]) for name in added or ()}
    for name in sorted(held | more):
        what = f"is given the capability {name}"
        yield _Open(f"cap {name}", "SC751", what, ("cap_add" if name in more else "cap_drop",))
    stated = normal.security(options).split(", ")
    if "no-new-privileges" not in stated:
        what = "may gain privileges by programs that are set-user-id"
        yield _Open("new privileges", "SC751", what, ("security_opt",))
    for option in stated:
        if option.endswith("=unconfined") or option == "label=disable":
            yield _Open(f"unconfined {option}", "SC751", f"runs without `{option}`", ("security_opt",))


def _devices(devices: Any, rules: Any) -> Iterator[_Open]:
    for device in filter(None, normal.devices(devices).split(", ")):
        source, _, rights = device.split(":")
        yield _Open(
            f"device {source} {rights}", "SC752", f"is given the device {source} ({rights})", ("devices",)
        )
    for rule in rules or ():
        what = f"may use devices that match `{rule}`"
        yield _Open(f"device rule {rule}", "SC752", what, ("device_cgroup_rules",))


def _mount(source: str, writable: bool, root: str, path: Path) -> Iterator[_Open]:
    source = normal.path(source)
    own = root and source.startswith(f"{root}/") and not source.startswith(f"{root}/.stackctl")
    if own or (root and source.startswith(f"{root}/{SECRETS_DIR}/")):
        return
    socket = "the Engine's socket, " if gives_socket(source) else ""
    rights = "to write" if writable else "read-only"
    yield _Open(
        f"mount {source} {'rw' if writable else 'ro'}",
        "SC753",
        f"mounts {socket}{source} of this host, {rights}",
        path,
    )


def _namespaces(stated: Mapping[str, Any]) -> Iterator[_Open]:
    for key, seen in NAMESPACES.items():
        if stated.get(key) == "host":
            yield _Open(f"namespace {key}", "SC756", f"sees {seen}", (key,))


def _socket_paths(stack: Stack, spoke: Spoke, networks: set[str], volumes: set[str]) -> Iterator[_Open]:
    """`networks` by their names on the Engine, `volumes` by those in the files."""
    for proxy in stack.of_kind(Kind.SOCKET_PROXY):
        theirs = {stack.network_name(name) for name in proxy.networks if name in stack.networks}
        shared = sorted(networks & theirs) if not strict.listen(proxy) else []
        if proxy.name == spoke.name or not (shared or haproxy.volume_name(proxy.name) in volumes):
            continue
        how = f"network {shared[0]}" if shared else "volume of its socket"
        what = f"reaches the socket proxy {proxy.name} by the {how}"
        yield _Open(f"socket {proxy.name}", "SC754", what, ("networks",) if shared else ())


# ---- routes


def _routes(labels: Mapping[str, Any]) -> Iterator[_Open]:
    """What labels alone route; what the edge reads from a file stands in the spoke."""
    return map(_route, without_login(labels))


def _stated_routes(spoke: Spoke) -> Iterator[_Open]:
    for route in spoke.routes:
        if route.auth is not None:
            continue
        if route.protocol is not Protocol.HTTP:
            yield _route(f"{route.protocol} port {route.listen}")
        for host in route.hosts:
            yield _route(f"{host}{route.prefix}")


def _route(place: str) -> _Open:
    return _Open(
        f"route {place}", _ROUTE, f"is reached through the edge without a login: {place}", ("route",)
    )
