"""Breaks what standing checks look at: somebody is there who should not be, or is not what he was."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace

from stackctl.model import Beside, Bundle, Check, Container, InItsPlace, Observation, Observed, Stack, Warned
from stackctl.observe import container as container_of
from stackctl.verify.copies import NotAsked
from stackctl.verify.decide import Verdict
from stackctl.verify.observations import OBSERVATIONS
from stackctl.verify.throwaway import Engine, Run, created, program, python, started

IDLE = b"import sys; sys.stdin.read()"
_ILL_WITHIN = 30.0


@dataclass(frozen=True)
class World:
    run: Run
    stack: Stack
    bundle: Bundle
    observed: Observed
    engine: Engine
    complete: Callable[[Observed], Observed]
    """Adds to what was observed what follows from it on this host alone."""
    ca: str = ""
    """Whom TLS trusts, as PEM; empty for whoever this host trusts."""


def beside(world: World, check: Check) -> Verdict:
    broken = check.broken_by
    assert isinstance(broken, Beside)
    host = dict(broken.host)
    mode, _, shared = str(host.get("NetworkMode", "")).partition(":")
    if shared:
        host["NetworkMode"] = f"{mode}:{_running(world, shared).id}"
    if "VolumesFrom" in host:
        host["VolumesFrom"] = [_running(world, spoke).id for spoke in host["VolumesFrom"]]
    config = {"Image": world.run.probing.image, "Entrypoint": ["true"], "HostConfig": host}
    with created(world.run, config) as id:
        described = world.run.probing.sdk.api.inspect_container(id)
    # It was never started; what is looked at is what it would be.
    labels = {"stackctl.spoke": broken.spoke} if broken.spoke else {}
    intruder = replace(container_of(described), state="running", labels=labels)
    seen = world.observed
    if broken.spoke:
        seen = replace(seen, containers=(*seen.containers, intruder))
    else:
        seen = replace(seen, others=(*seen.others, intruder))
    return _observed(world, check, seen)


def in_its_place(world: World, check: Check) -> Verdict:
    broken, api = check.broken_by, world.run.probing.sdk.api
    assert isinstance(broken, InItsPlace)
    labels: Mapping[str, str] = {"stackctl.spoke": check.spoke}
    with ExitStack() as held:
        if broken.how == "disguised":
            labels = _running(world, check.spoke).labels
            id = held.enter_context(created(world.run, _doing(world, "true")))
        elif broken.how == "ended":
            id = held.enter_context(created(world.run, _doing(world, "python3", "-c", "raise SystemExit(1)")))
            api.start(id)
            api.wait(id, timeout=int(_ILL_WITHIN))
        else:
            fails = {"Test": ["CMD", "python3", "-c", "raise SystemExit(1)"], "Interval": 10**8, "Retries": 1}
            config = {**python(world.run, "none"), "Healthcheck": fails}
            id = held.enter_context(created(world.run, config))
            held.enter_context(started(world.run, id, _ILL_WITHIN)).send(program(IDLE, b""))
            _wait_until_ill(world, id)
        found = container_of(api.inspect_container(id))
    other = replace(found, labels=labels, state="running" if broken.how == "disguised" else found.state)
    others = tuple(c for c in world.observed.containers if c.spoke != check.spoke)
    return _observed(world, check, replace(world.observed, containers=(*others, other)))


def _doing(world: World, *words: str) -> dict[str, object]:
    return {"Image": world.run.probing.image, "Entrypoint": [*words], "HostConfig": {"NetworkMode": "none"}}


def _wait_until_ill(world: World, id: str) -> None:
    until = time.monotonic() + _ILL_WITHIN
    while container_of(world.run.probing.sdk.api.inspect_container(id)).health != "unhealthy":
        if time.monotonic() > until or world.run.stop.wait(0.05):
            raise NotAsked("the Engine did not run the healthcheck of a throw-away container in time")


def _running(world: World, spoke: str) -> Container:
    container = world.observed.running(spoke)
    if container is None:
        raise NotAsked(f"{spoke} does not run")
    return container


def warned(world: World, check: Check) -> Verdict:
    assert isinstance(check.broken_by, Warned)
    return _observed(world, check, replace(world.observed, engine_warnings=(check.broken_by.text,)))


def widened(world: World, check: Check) -> Verdict:
    networks = {name: {**how, "Internal": False} for name, how in world.observed.networks.items()}
    return _observed(world, check, replace(world.observed, networks=networks))


def _observed(world: World, check: Check, seen: Observed) -> Verdict:
    assert isinstance(check.look, Observation)
    return OBSERVATIONS[check.look.name](world.complete(seen), world.stack, world.bundle, check)
