"""Who on this Engine can reach further than the pages say: sockets, namespaces, ports and rights; pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from stackctl.checks import home_of, internal_networks
from stackctl.haproxy import volume_name
from stackctl.lint.confinement import GIVEN_BY_DEFAULT
from stackctl.model import Bundle, Check, Container, Kind, Mount, Observed, Outcome, Spoke, Stack, Stanza
from stackctl.policy import is_consumer
from stackctl.strict import listen
from stackctl.throwaway_labels import is_throw_away

Verdict = tuple[Outcome, str]
Holders = Iterable[tuple[str, str]]
"""Names of containers, and what each has that it should not have."""

_SOCKET = re.compile(r"(?:\A|/)(?:docker|podman|containerd|buildkitd|crio|dockershim)\.sock(?:\.raw)?\Z")
USUAL_SOCKETS = (
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/buildkit/buildkitd.sock",
    "/run/podman/podman.sock",
)
_OF_USERS = re.compile(r"/run/user(?:/[0-9]+)?\Z")
"""Where rootless Engines have their sockets."""
_ENGINE_PORTS = (2375, 2376)
_ON_TCP = "API is accessible on"
_RESTING = ("created", "exited", "dead")


# ---- sockets


def socket_in_stack(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """No container of the stack mounts a container engine's socket, except those of socket proxies."""
    if not observed.containers:
        return Outcome.UNREACHABLE, "no container of the stack is there"
    proxies = {spoke.name for spoke in stack.of_kind(Kind.SOCKET_PROXY)}
    others = [c for c in observed.containers if c.spoke not in proxies]
    return _verdict(
        stack,
        check,
        "also mounted by",
        _holders(others, observed, check.spoke),
        f"none of {len(others)} other containers mounts it",
    )


def socket_held(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """The spoke's own containers mount no container engine's socket."""
    own = observed.of_spoke(check.spoke)
    if not own:
        return Outcome.UNREACHABLE, "no container of it is there"
    return _verdict(stack, check, "mounted by", _holders(own, observed, check.spoke), "it mounts none")


def socket_outside(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """No running container outside the stack mounts a container engine's socket."""
    others = _outside(observed)
    return _verdict(
        stack,
        check,
        "also mounted by",
        _holders(others, observed, check.spoke),
        f"none of {len(others)} containers outside the stack mounts it",
    )


def socket_shared(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """No container has the volume in which the proxy listens, except those whose spokes declare it."""
    proxy = observed.running(check.spoke)
    if proxy is None:
        return Outcome.UNREACHABLE, "does not run"
    declared = volume_name(check.spoke)
    sharing = {
        name
        for name, stanza in bundle.compose["services"].items()
        if any(m.get("source") == declared for m in stanza.get("volumes", ()))
    }
    folder = posixpath.dirname(listen(stack.spoke(check.spoke)))
    volume = next((m.source for m in proxy.mounts if m.type == "volume" and m.target == folder), "")
    if not volume:
        return Outcome.FAILED, f"has no volume at {folder}"
    found = [
        (container.name, mount.target)
        for container in (*(c for c in observed.containers if c.spoke not in sharing), *observed.others)
        if not is_throw_away(container.labels)
        for mount in container.mounts
        if _is_volume(mount, volume)
    ]
    alone = f"mounted by {_listed(sorted(sharing - {check.spoke})) or 'nobody else'} alone"
    return _verdict(stack, check, "also mounted by", found, alone)


def _is_volume(mount: Mount, volume: str) -> bool:
    return mount.source == volume or mount.source.endswith(f"/{volume}/_data")


def _holders(containers: Iterable[Container], observed: Observed, proxy: str) -> Holders:
    sockets = _sockets(observed, proxy)
    for container in containers:
        for mount in container.mounts:
            if given := _given(mount, sockets, observed):
                yield container.name, given


def _sockets(observed: Observed, proxy: str) -> tuple[PurePosixPath, ...]:
    """Where the Engine's socket is: at the usual paths, and wherever the proxy has it from."""
    mounted = (m.source for c in observed.of_spoke(proxy) for m in c.mounts if m.source.endswith(".sock"))
    return tuple({_plain(path) for path in (*USUAL_SOCKETS, *mounted)})


def mounted_path(mount: Mount, volumes: Mapping[str, Stanza]) -> str:
    """The path of the host that is mounted; empty where none is."""
    source = mount.source
    if mount.type == "volume":
        # A volume may itself be a bind mount of a path of the host.
        source = str(((volumes.get(source) or {}).get("Options") or {}).get("device", ""))
    return source if source.startswith("/") else ""


def _given(mount: Mount, sockets: tuple[PurePosixPath, ...], observed: Observed) -> str:
    """The path by which this mount gives an engine's socket; empty where it does not."""
    source = mounted_path(mount, observed.volumes)
    if not source:
        return ""
    plain = _plain(source)
    # Text cannot tell what a link leads to.
    gives = source in observed.socket_paths or _SOCKET.search(source) or _OF_USERS.match(str(plain))
    if gives or any(socket.is_relative_to(plain) for socket in sockets):
        return source if source == mount.source else f"{source} by the volume {mount.source}"
    return ""


def _plain(path: str) -> PurePosixPath:
    # /var/run is a link to /run: one socket, two names.
    plain = PurePosixPath(path)
    return PurePosixPath("/run", *plain.parts[3:]) if plain.parts[:3] == ("/", "var", "run") else plain


# ---- the proxy's network


def members(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """Nobody but the proxy and its declared consumers sits on the proxy's network."""
    proxy = stack.spoke(check.spoke)
    network = _home(stack, proxy)
    if network is None:
        return Outcome.PASSED, "it has no network of its own"
    found = [
        *((c.name, "of another stack") for c in _outside(observed) if network in c.networks),
        *(
            (c.name, why)
            for c in observed.containers
            if network in c.networks and c.running and (why := _no_consumer(stack, proxy, c))
        ),
    ]
    return _verdict(stack, check, f"also on {network}:", found, f"only consumers sit on {network}")


def _no_consumer(stack: Stack, proxy: Spoke, container: Container) -> str:
    """Why this container of the stack has no business there; empty where it has."""
    spoke = next((s for s in stack.spokes if s.name == container.spoke), None)
    if spoke is None:
        return "no spoke of the stack"
    if spoke.kind is Kind.SOCKET_PROXY:
        return ""
    if not set(spoke.networks) & set(proxy.networks):
        return "its files do not put it there"
    return "" if is_consumer(stack, spoke, proxy) else "no declared consumer"


def namespaces(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """Nobody shares the network of the proxy's container, or of a container on the proxy's network."""
    network = _home(stack, stack.spoke(check.spoke))
    everyone = [c for c in (*observed.containers, *_outside(observed)) if c.state not in _RESTING]
    there = [c for c in everyone if c.spoke == check.spoke or network in c.networks]
    found = [
        (c.name, f"shares the network of {target.name}")
        for c in everyone
        for target in there
        if _network_mode(c) in (f"container:{target.id}", f"container:{target.name}")
    ]
    return _verdict(stack, check, "not alone:", found, f"none of {len(everyone)} containers shares it")


def internal(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """Each network that the files call internal is so on the Engine: nobody leaves by it."""
    declared = [stack.network_name(name) for name in internal_networks(stack)]
    there = [name for name in declared if name in observed.networks]
    if not there:
        return Outcome.UNREACHABLE, "no network that is declared internal is there"
    found = [(name, "not internal") for name in there if not observed.networks[name].get("Internal")]
    return _verdict(stack, check, "on the Engine:", found, f"internal: {_listed(there)}")


def _home(stack: Stack, proxy: Spoke) -> str | None:
    name = home_of(stack, proxy)
    return stack.network_name(name) if name in stack.networks and name in proxy.networks else None


# ---- ports


def published_in_stack(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """No container of the stack publishes a port of the Docker API."""
    found = _published(observed.containers)
    return _verdict(stack, check, "published by", found, "no container of the stack publishes it")


def published_outside(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """No container outside the stack publishes a port of the Docker API."""
    found = _published(_outside(observed))
    return _verdict(stack, check, "published by", found, "no container outside the stack publishes it")


def _published(containers: Iterable[Container]) -> Holders:
    for c in containers:
        # A container that does not run has its ports bound as soon as it starts.
        bindings = (c.inspect.get("HostConfig") or {}).get("PortBindings") or {}
        wanted = {int(name.partition("/")[0]) for name, bound in bindings.items() if bound}
        if wanted.union(p.target for p in c.ports) & set(_ENGINE_PORTS):
            yield c.name, ", ".join(f"{p.host_ip}:{p.published}" for p in c.ports) or "at its next start"


def engine_on_tcp(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """The Engine itself answers on its socket only."""
    said = [warning for warning in observed.engine_warnings if _ON_TCP in warning]
    if said:
        address = said[0].partition(_ON_TCP)[2].split(" without")[0].strip()
        return Outcome.FAILED, f"the Engine listens at {address}: whoever reaches that is root here"
    return Outcome.PASSED, "the Engine warns of no open port"


# ---- rights


def rights(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """No container of the spoke has rights of the host."""
    own = observed.of_spoke(check.spoke)
    if not own:
        return Outcome.UNREACHABLE, "does not run"
    found = [(c.name, had) for c in own if (had := ", ".join(_rights(c)))]
    return _verdict(
        stack, check, "has more:", found, "not privileged, no namespace of the host, nothing added"
    )


def rights_outside(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """No running container outside the stack has rights of the host."""
    others = _outside(observed)
    found = [(c.name, had) for c in others if (had := ", ".join(_rights(c)))]
    return _verdict(stack, check, "has more:", found, f"none of {len(others)} containers has any")


def _rights(container: Container) -> Iterator[str]:
    host = container.inspect.get("HostConfig") or {}
    if host.get("Privileged"):
        yield "privileged"
    if _network_mode(container) == "host":
        yield "the host's network"
    if host.get("PidMode") == "host":
        yield "the host's processes"
    stated = {str(name).upper().removeprefix("CAP_") for name in host.get("CapAdd") or ()}
    # What every container has unless it is taken away is no right of the host.
    if added := stated - GIVEN_BY_DEFAULT:
        yield f"added capabilities {', '.join(sorted(added))}"


def _network_mode(container: Container) -> str:
    return str((container.inspect.get("HostConfig") or {}).get("NetworkMode", ""))


# ---- what is common


def _outside(observed: Observed) -> list[Container]:
    """Others that run; throw-away containers of runs beside this one are known."""
    return [c for c in observed.others if c.state not in _RESTING and not is_throw_away(c.labels)]


def _verdict(stack: Stack, check: Check, bad: str, found: Holders, good: str) -> Verdict:
    """Those that the spoke accepts by name are told, and do not count."""
    spoke = stack.spoke(check.spoke)
    reasons = {a.name: a.reason for a in spoke.accept if a.code == check.code and a.name}
    listed = list(found)
    wrong = [f"{name} ({what})" for name, what in listed if name not in reasons]
    known = sorted({f"{name} (accepted: {reasons[name]})" for name, _ in listed if name in reasons})
    if wrong:
        return Outcome.FAILED, "; ".join([f"{bad} {_listed(wrong)}", *known])
    return Outcome.PASSED, "; ".join([good, *known])


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


OBSERVATIONS: Mapping[str, Callable[[Observed, Stack, Bundle, Check], Verdict]] = {
    "socket-in-stack": socket_in_stack,
    "socket-held": socket_held,
    "socket-outside": socket_outside,
    "socket-shared": socket_shared,
    "members": members,
    "namespaces": namespaces,
    "internal": internal,
    "published-in-stack": published_in_stack,
    "published-outside": published_outside,
    "engine-on-tcp": engine_on_tcp,
    "rights": rights,
    "rights-outside": rights_outside,
}
