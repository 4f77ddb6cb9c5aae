"""Standing conditions on what was observed; pure, named by `Observation.name`."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath

from stackctl.haproxy import volume_name
from stackctl.model import Bundle, Check, Container, Kind, Mount, Observed, Outcome, Stack
from stackctl.strict import listen

Verdict = tuple[Outcome, str]
Observe = Callable[[Observed, Stack, Bundle, Check], Verdict]

PROBER_LABEL = "stackctl.prober"
"""What asks for a while on behalf of `verify` is nobody's consumer."""

_USUAL_SOCKETS = ("/run/docker.sock",)


def runs(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """A container of the spoke runs; where no healthcheck is declared, its image's own must not fail."""
    container = _newest(observed, check.spoke)
    if container is None:
        return Outcome.FAILED, "there is no container"
    if not container.running:
        return Outcome.FAILED, _stands(container)
    declared = bundle.service(check.spoke).get("healthcheck")
    if container.health == "unhealthy" and not declared:
        return Outcome.FAILED, "runs, but the healthcheck of its image fails"
    return Outcome.PASSED, "runs"


def healthy(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """The container's healthcheck succeeds."""
    container = observed.running(check.spoke)
    if container is None:
        return Outcome.UNREACHABLE, "does not run"
    if container.health == "healthy":
        return Outcome.PASSED, "healthy"
    return Outcome.FAILED, container.health or "the container has no healthcheck, although one is declared"


def done(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """The job ran to its end without an error."""
    container = _newest(observed, check.spoke)
    if container is None:
        return Outcome.FAILED, "has not run yet"
    if container.running:
        return Outcome.UNREACHABLE, "still runs"
    if container.state == "exited" and container.exit_code == 0:
        return Outcome.PASSED, "ran to its end (exit code 0)"
    return Outcome.FAILED, _stands(container)


def networks(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """Each container of the spoke is attached to the declared networks and to no other."""
    containers = _present(observed, stack, check.spoke)
    if not containers:
        return Outcome.UNREACHABLE, "does not run"
    declared = _declared_networks(stack, bundle, check.spoke)
    if declared is None:
        return Outcome.UNREACHABLE, "shares the network of another container"
    for container in containers:
        extra = sorted(set(container.networks) - declared)
        missing = sorted(declared - set(container.networks))
        if extra or missing:
            said = [f"also sits on {', '.join(extra)}"] if extra else []
            said += [f"is not on {', '.join(missing)}"] if missing else []
            return Outcome.FAILED, f"{container.name} {' and '.join(said)}"
    return Outcome.PASSED, f"sits on {', '.join(sorted(declared)) or 'no network'} only"


def fingerprint(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """Each container of the spoke carries the fingerprint that the files declare."""
    containers = _present(observed, stack, check.spoke)
    if not containers:
        return Outcome.UNREACHABLE, "does not run"
    declared = bundle.service(check.spoke).get("labels", {}).get("stackctl.fingerprint", "")
    if not declared:
        return Outcome.UNREACHABLE, "the files declare no fingerprint"
    for container in containers:
        carried = container.labels.get("stackctl.fingerprint", "")
        if carried != declared:
            what = f"carries {_short(carried)}" if carried else "carries no fingerprint"
            return Outcome.FAILED, f"{container.name} {what}; the files declare {_short(declared)}"
    return Outcome.PASSED, f"carries {_short(declared)}"


def socket_in_stack(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """No container of the stack mounts the Engine's socket, except those of socket proxies."""
    if not observed.containers:
        return Outcome.UNREACHABLE, "no container of the stack is there"
    proxies = {spoke.name for spoke in stack.of_kind(Kind.SOCKET_PROXY)}
    others = [c for c in observed.containers if c.spoke not in proxies]
    if held := _holders(others, _sockets(observed, check.spoke)):
        return Outcome.FAILED, f"also mounted by {_listed(held)}"
    return Outcome.PASSED, f"none of {len(others)} other containers mounts it"


def socket_outside(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """No running container outside the stack mounts the Engine's socket."""
    others = [c for c in observed.others if c.state not in ("created", "exited", "dead")]
    if held := _holders(others, _sockets(observed, check.spoke)):
        return Outcome.FAILED, f"also mounted by {_listed(held)}"
    return Outcome.PASSED, f"none of {len(others)} containers outside the stack mounts it"


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
    strangers = [
        container.name
        for container in (*(c for c in observed.containers if c.spoke not in sharing), *observed.others)
        if PROBER_LABEL not in container.labels and any(_is_volume(m, volume) for m in container.mounts)
    ]
    if strangers:
        return Outcome.FAILED, f"also mounted by {_listed(strangers)}"
    return Outcome.PASSED, f"mounted by {_listed(sorted(sharing - {check.spoke})) or 'nobody else'} alone"


def _is_volume(mount: Mount, volume: str) -> bool:
    return mount.source == volume or mount.source.endswith(f"/{volume}/_data")


OBSERVATIONS: Mapping[str, Observe] = {
    "runs": runs,
    "healthy": healthy,
    "done": done,
    "networks": networks,
    "fingerprint": fingerprint,
    "socket-in-stack": socket_in_stack,
    "socket-outside": socket_outside,
    "socket-shared": socket_shared,
}


def _newest(observed: Observed, spoke: str) -> Container | None:
    running = observed.running(spoke)
    return running or next(reversed(observed.of_spoke(spoke)), None)


def _present(observed: Observed, stack: Stack, spoke: str) -> tuple[Container, ...]:
    """All containers that run; of a job, where none does, the newest that ran."""
    running = tuple(c for c in observed.of_spoke(spoke) if c.running)
    if running or stack.spoke(spoke).kind is not Kind.JOB:
        return running
    return observed.of_spoke(spoke)[-1:]


def _stands(container: Container) -> str:
    if container.state == "restarting":
        return f"keeps restarting (exit code {container.exit_code})"
    if container.state in ("exited", "dead"):
        return f"stopped with exit code {container.exit_code}"
    return f"is {container.state}"


def _declared_networks(stack: Stack, bundle: Bundle, spoke: str) -> set[str] | None:
    stanza = bundle.service(spoke)
    mode = stanza.get("network_mode", "")
    if mode:
        return {mode} if mode in ("host", "none", "bridge") else None
    named = stanza.get("networks") or ("default",)
    return {stack.network_name(n) if n in stack.networks else f"{stack.name}_{n}" for n in named}


def _short(value: str) -> str:
    return value[:14]


def _sockets(observed: Observed, proxy: str) -> tuple[PurePosixPath, ...]:
    """Where the Engine's socket is: at the usual path, and wherever the proxy has it from."""
    mounted = (m.source for c in observed.of_spoke(proxy) for m in c.mounts if m.source.endswith(".sock"))
    return tuple({_plain(path) for path in (*_USUAL_SOCKETS, *mounted)})


def _plain(path: str) -> PurePosixPath:
    # /var/run is a link to /run: one socket, two names.
    plain = PurePosixPath(path)
    return PurePosixPath("/run", *plain.parts[3:]) if plain.parts[:3] == ("/", "var", "run") else plain


def _holders(containers: Iterable[Container], sockets: tuple[PurePosixPath, ...]) -> list[str]:
    return [
        f"{container.name} ({mount.source})"
        for container in containers
        for mount in container.mounts
        if _gives(mount, sockets)
    ]


def _gives(mount: Mount, sockets: tuple[PurePosixPath, ...]) -> bool:
    return mount.source.startswith("/") and any(s.is_relative_to(_plain(mount.source)) for s in sockets)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
