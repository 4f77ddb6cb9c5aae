"""A throw-away copy of a spoke with another image, which nobody routes to, and what its checks say of it.

It has the settings and networks of the container that runs, but no name there, no published port, no label of
the edge, and empty folders in place of what the spoke may write to: what it does stays with it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from stackctl.events import Checked, Event, Finished, Started
from stackctl.lint.sockets import gives_socket
from stackctl.model import (
    PROXY_NETWORK,
    Bundle,
    Check,
    Container,
    Kind,
    Observed,
    Outcome,
    Result,
    Spoke,
    Stack,
    Stanza,
)
from stackctl.observe import container as container_of
from stackctl.verify import runner
from stackctl.verify.copies import KEPT, NotAsked
from stackctl.verify.itself import about_itself, in_the_place_of
from stackctl.verify.throwaway import Engine, NoProber, Run, a_run, created, prepare, said

READY_WITHIN = 60.0
"""Seconds in which the copy must become healthy, or, without a healthcheck, answer."""
_MAY_ERR = 5.0
"""Seconds in which it may answer wrongly, as some do while they start."""
_STEADY = 2.0
"""Seconds that it must keep running where nothing measures its health: a program may die after its start."""
_EVERY = 0.2
_STATED = ("Env", "Entrypoint", "Cmd", "User", "WorkingDir")


@dataclass(frozen=True)
class Tried:
    """What came of a candidate."""

    results: tuple[Result, ...]
    why: str = ""
    """Why it is not good, or why nothing is known; empty where it is good."""


def try_image(
    image: str,
    spoke: str,
    checks: Sequence[Check],
    stack: Stack,
    bundle: Bundle,
    observed: Observed,
    engine: Engine,
    prober: str,
) -> Iterator[Event | Tried]:
    """Events, and at the end a Tried. The image must be on the Engine."""
    from docker.errors import DockerException

    running = observed.running(spoke)
    if running is None:
        yield Tried((), f"{spoke} does not run here, so a copy of it cannot be made")
        return
    if keeper := data_of_others(stack, spoke):
        yield Tried((), f"a copy of {spoke} would talk to {keeper}, and could change the data that it keeps")
        return
    try:
        probing = yield from prepare(engine, prober, stack.name)
    except NoProber as error:
        yield Tried((), str(error))
        return
    step = f"try {image} in a copy"
    yield Started(step, spoke)
    try:
        with a_run(probing) as run, _copy(run, running, image, observed) as copy:
            why = _ready(run, copy)
            asked = about_itself(checks, spoke)
            results = () if why else tuple(_asked(asked, spoke, stack, bundle, observed, engine, run, copy))
    except NotAsked as error:
        why, results = str(error), ()
    except (DockerException, OSError) as error:
        why, results = f"the Engine refused the copy ({said(error)})", ()
    finally:
        probing.sdk.close()
    failed = [result for result in results if not result.holds]
    why = why or "; ".join(f"{result.check.title}: {result.saw}" for result in failed)
    yield Finished(step, spoke, ok=not why, detail=why)
    yield from (Checked(result) for result in results)
    yield Tried(results, why)


def data_of_others(stack: Stack, spoke: str) -> str:
    """A spoke that this one needs or has a network with, and that keeps data; empty where there is none.

    The copy has the networks and secrets of the original: a newer program would bring the original's database
    to its own form, and the program that runs could not read it any more. The network of the edge does not
    count, as every app is there.
    """
    needed = _needed(stack, spoke)
    near = _near(stack, stack.spoke(spoke))
    return next(
        (
            other.name
            for other in stack.spokes
            if other.name != spoke and (other.name in needed or near & _near(stack, other))
            if other.kind is Kind.APP
            and any(not mount.read_only for mount in other.mounts if mount.type != "tmpfs")
        ),
        "",
    )


def _needed(stack: Stack, spoke: str) -> set[str]:
    """What it depends on, and what that depends on."""
    known = {other.name: other for other in stack.spokes}
    found: set[str] = set()
    left = [spoke]
    while left:
        if (one := known.get(left.pop())) is not None:
            new = {dependency.spoke for dependency in one.dependencies} - found
            found |= new
            left += new
    return found


def _near(stack: Stack, spoke: Spoke) -> set[str]:
    return {stack.network_name(n) for n in spoke.networks} - {stack.network_name(PROXY_NETWORK)}


def configuration(running: Container, image: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The copy as the Engine creates it: what the spoke itself states, and else what the new image says.

    Raises:
        NotAsked: A copy would hold the Engine's socket, or rights of the host.
    """
    config, host = running.inspect["Config"], running.inspect["HostConfig"]
    shared = [host.get(mode) or "" for mode in ("NetworkMode", "PidMode", "IpcMode")]
    if host.get("Privileged") or any(mode == "host" or ":" in mode for mode in shared):
        raise NotAsked("it has rights or namespaces of the host or of another, which a copy must not have")
    stated = {key: config.get(key) for key in _STATED if config.get(key) != defaults.get(key)}
    if "Env" in stated:
        stated["Env"] = [
            entry for entry in config.get("Env") or () if entry not in (defaults.get("Env") or ())
        ]
    if config.get("Healthcheck") != defaults.get("Healthcheck"):
        stated["Healthcheck"] = config.get("Healthcheck")
    mounts, tmpfs = _mounts(running.inspect)
    return {
        "Image": image,
        **stated,
        # An image may bring labels of its own.
        "Labels": {"traefik.enable": "false"},
        "HostConfig": {
            **{key: host[key] for key in KEPT if host.get(key)},
            "NetworkMode": "none",
            "Tmpfs": {**(host.get("Tmpfs") or {}), **tmpfs},
            "Mounts": mounts,
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}},
        },
    }


def _mounts(inspect: Stanza) -> tuple[list[dict[str, Any]], dict[str, str]]:
    mounts: list[dict[str, Any]] = []
    tmpfs: dict[str, str] = {}
    for mount in inspect.get("Mounts") or ():
        source, target = mount.get("Source", ""), mount["Destination"]
        if mount.get("Type") == "bind" and gives_socket(source):
            raise NotAsked(f"it mounts {source}, so a copy would hold the Engine's socket too")
        if mount.get("Type") == "bind" and not mount.get("RW"):
            mounts.append({"Type": "bind", "Source": source, "Target": target, "ReadOnly": True})
        elif mount.get("Type") != "tmpfs":
            tmpfs[target] = ""
    return mounts, tmpfs


@contextmanager
def _copy(run: Run, running: Container, image: str, observed: Observed) -> Iterator[str]:
    defaults = observed.image_defaults.get(running.image_id, {})
    with created(run, configuration(running, image, defaults)) as id:
        api = run.probing.sdk.api
        if running.networks:
            api.disconnect_container_from_network(id, "none")
        for network in running.networks:
            api.connect_container_to_network(id, network)
        api.start(id)
        yield id


def _ready(run: Run, id: str) -> str:
    """Why it does not get ready; empty once it is healthy, or goes on running where nothing measures that."""
    began = time.monotonic()
    until = began + READY_WITHIN
    while True:
        state = run.probing.sdk.api.inspect_container(id)["State"]
        if not state["Running"]:
            last = run.probing.sdk.api.logs(id, tail=3).decode(errors="replace").strip().splitlines()
            return f"it ended with exit code {state['ExitCode']}" + (f" ({last[-1]})" if last else "")
        health = (state.get("Health") or {}).get("Status", "")
        unmeasured = health in ("", "none")
        if health == "healthy" or (unmeasured and time.monotonic() - began >= _STEADY):
            return ""
        if health == "unhealthy" or time.monotonic() > until:
            return f"it is {health}" + ("" if health == "unhealthy" else f" after {READY_WITHIN:.0f} s")
        time.sleep(_EVERY)


def _asked(
    asked: Sequence[Check],
    spoke: str,
    stack: Stack,
    bundle: Bundle,
    observed: Observed,
    engine: Engine,
    run: Run,
    copy: str,
) -> Iterator[Result]:
    if not asked:
        return
    described = container_of(run.probing.sdk.api.inspect_container(copy))
    seen = in_the_place_of(observed, spoke, replace(described, labels={"stackctl.spoke": spoke}))
    until = time.monotonic() + READY_WITHIN
    while True:
        events = runner.verify(asked, stack, bundle, seen, engine, run.probing.image, settle=0.0)
        results = [event.result for event in events if isinstance(event, Checked)]
        # Without a healthcheck, nothing else tells when it has come up; and while it does, it may err.
        silent = any(result.outcome is Outcome.UNREACHABLE for result in results)
        over = time.monotonic() > (until if silent else until - READY_WITHIN + _MAY_ERR)
        if all(result.holds for result in results) or over or described.health:
            yield from results
            return
        time.sleep(_EVERY)
