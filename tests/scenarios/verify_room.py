"""A small hand-written stack on the real Engine: a socket proxy, Traefik and whoami."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stackctl.checks import checks
from stackctl.engine import Engine
from stackctl.events import Checked, Event
from stackctl.model import (
    Bundle,
    Edge,
    Fingerprint,
    Kind,
    Outcome,
    Result,
    Route,
    Spoke,
    Stack,
)
from stackctl.observe import observe
from stackctl.verify.runner import verify

PROXY_IMAGE = "stackctl.local/docker-socket-proxy:v0.4.2"
TRAEFIK_IMAGE = "stackctl.local/traefik:v3.7"
WHOAMI_IMAGE = "stackctl.local/whoami:v1.11.0"
PYTHON_IMAGE = "stackctl.local/python:3.13-alpine"
SOCKET = "/var/run/docker.sock"
_PREFIX = "svfy"
_numbers = itertools.count(1)

Change = Callable[[dict[str, Any]], object]


@dataclass(frozen=True)
class Room:
    """A stack that runs."""

    stack: Stack
    bundle: Bundle
    folder: Path

    @property
    def name(self) -> str:
        return self.stack.name

    def container(self, spoke: str) -> str:
        return f"{self.name}-{spoke}-1"

    def network(self, name: str) -> str:
        return self.stack.network_name(name)

    def compose(self, *arguments: str) -> str:
        file = str(self.folder / "compose.json")
        return command("docker", "compose", "-p", self.name, "-f", file, *arguments)

    def up(self, change: Change) -> None:
        services = json.loads(json.dumps(self.bundle.compose["services"]))
        change(services)
        (self.folder / "compose.json").write_text(json.dumps({**self.bundle.compose, "services": services}))
        self.compose("up", "-d", "--wait")

    @contextmanager
    def changed(self, change: Change) -> Iterator[None]:
        """What runs differs from what is declared, for a while."""
        try:
            self.up(change)
            yield
        finally:
            self.up(unchanged)

    def events(self, image: str = PYTHON_IMAGE, engine: Engine | None = None, **options: Any) -> list[Event]:
        """Everything that `verify` tells, of what runs at this moment."""
        with Engine.connect() as own:
            return list(
                verify(
                    checks(self.stack, self.bundle),
                    self.stack,
                    self.bundle,
                    observe(own, self.name),
                    engine or own,
                    image,
                    **options,
                )
            )

    def verify(self, image: str = PYTHON_IMAGE, **options: Any) -> list[Result]:
        results = [event.result for event in self.events(image, **options) if isinstance(event, Checked)]
        assert not probers(self.name), "a prober was left behind"
        return results


def unchanged(services: dict[str, Any]) -> None:
    """No change."""


def probers(stack: str) -> list[str]:
    return command("docker", "ps", "-aq", "--filter", f"label=stackctl.prober={stack}").split()


def wait_until(true: Callable[[], object], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.05)


def not_held(results: list[Result]) -> dict[str, Outcome]:
    """What speaks against the stack, by code and spoke."""
    return {f"{r.check.code} {r.check.spoke}": r.outcome for r in results if not r.holds}


def of(results: list[Result], code: str, spoke: str = "") -> list[tuple[Outcome, str]]:
    found = [r for r in results if r.check.code == code and spoke in ("", r.check.spoke)]
    assert found, f"no result of {code}"
    return [(r.outcome, r.saw) for r in found]


def outcomes(results: list[Result], code: str, spoke: str = "") -> set[Outcome]:
    return {outcome for outcome, _ in of(results, code, spoke)}


@contextmanager
def running(folder: Path, change: Change = unchanged, **declared: Any) -> Iterator[Room]:
    """The stack, brought up after `change` was made to its services; gone afterwards."""
    sweep()
    name = f"{_PREFIX}-{os.getpid()}-{next(_numbers)}"
    stack = replace(_stack(name), **declared)
    room = Room(stack, _bundle(stack), folder)
    try:
        room.up(change)
        yield room
    finally:
        room.compose("--profile", "*", "down", "-v", "-t", "0", "--remove-orphans")


@contextmanager
def outsider(*arguments: str) -> Iterator[str]:
    """A container outside every stack that does nothing; the arguments are those of `docker run`."""
    name = f"{_PREFIX}-{os.getpid()}-outsider-{next(_numbers)}"
    idle = (PYTHON_IMAGE, "-c", "import signal; signal.pause()")
    try:
        command("docker", "run", "-d", "--name", name, "--entrypoint", "python3", *arguments, *idle)
        yield name
    finally:
        command("docker", "rm", "-f", name)


def sweep() -> None:
    """Removes what test runs that were killed left behind: their process number stands in every name."""
    for name in command("docker", "ps", "-a", "--format", "{{.Names}}").split():
        if _left_behind(name):
            command("docker", "rm", "-f", "-v", name)
    for name in command("docker", "network", "ls", "--format", "{{.Name}}").split():
        if _left_behind(name):
            command("docker", "network", "rm", name)


def _left_behind(name: str) -> bool:
    match = re.match(rf"{_PREFIX}-(\d+)[-_]", name)
    return match is not None and not Path(f"/proc/{match[1]}").exists()


def command(*arguments: str) -> str:
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.stderr}"
    return done.stdout


def _stack(name: str) -> Stack:
    proxy = Spoke(
        "docker-socket-proxy",
        Kind.SOCKET_PROXY,
        {
            "image": PROXY_IMAGE,
            "environment": {"CONTAINERS": "1", "POST": "0"},
            "volumes": [{"type": "bind", "source": SOCKET, "target": SOCKET, "read_only": True}],
            "tmpfs": ["/tmp", "/run"],
            "networks": {"socket": None},
            "healthcheck": {
                "test": ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:2375/_ping"],
                "interval": "1s",
                "timeout": "3s",
            },
        },
    )
    traefik = Spoke(
        "traefik",
        Kind.EDGE,
        {
            "image": TRAEFIK_IMAGE,
            "command": [
                "--entrypoints.web.address=:80",
                "--providers.docker=true",
                "--providers.docker.endpoint=tcp://docker-socket-proxy:2375",
                "--providers.docker.exposedbydefault=false",
                f"--providers.docker.network={name}_proxy",
                f"--providers.docker.constraints=Label(`com.docker.compose.project`, `{name}`)",
                "--providers.providersthrottleduration=200ms",
            ],
            "ports": [{"target": 80, "published": "", "host_ip": "127.0.0.1", "protocol": "tcp"}],
            "networks": {"proxy": None, "socket": None},
            "depends_on": {"docker-socket-proxy": {"condition": "service_healthy"}},
        },
    )
    whoami = Spoke(
        "whoami",
        Kind.APP,
        {
            "image": WHOAMI_IMAGE,
            "networks": {"proxy": None},
            "labels": {
                "traefik.enable": "true",
                f"traefik.http.routers.{name}-whoami.rule": f"Host(`whoami.{name}.localhost`)",
                f"traefik.http.services.{name}-whoami.loadbalancer.server.port": "80",
            },
        },
        routes=(Route((f"whoami.{name}.localhost",), 80),),
    )
    return Stack(
        name,
        (proxy, traefik, whoami),
        domain=f"{name}.localhost",
        edge=Edge.TRAEFIK,
        networks={"proxy": {"name": f"{name}_proxy"}, "socket": {"name": f"{name}_socket", "internal": True}},
    )


def _bundle(stack: Stack) -> Bundle:
    services = {}
    for spoke in stack.spokes:
        own = {"stackctl.spoke": spoke.name, "stackctl.fingerprint": f"1.{spoke.name:x<64}"}
        services[spoke.name] = {**spoke.service, "labels": {**spoke.service.get("labels", {}), **own}}
    networks = {name: dict(network) for name, network in stack.networks.items()}
    prints = {spoke.name: Fingerprint(f"{spoke.name:x<64}", {}) for spoke in stack.spokes}
    return Bundle({"name": stack.name, "services": services, "networks": networks}, {}, prints)
