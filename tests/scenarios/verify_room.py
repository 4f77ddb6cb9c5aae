"""A small hand-written stack on the real Engine: a socket proxy, Traefik and whoami."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
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
    Check,
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
    """A stack that runs; `services` is what was given to Compose."""

    stack: Stack
    bundle: Bundle
    folder: Path

    @property
    def name(self) -> str:
        return self.stack.name

    def compose(self, *arguments: str) -> str:
        command = ["docker", "compose", "-p", self.name, "-f", str(self.folder / "compose.json"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def container(self, spoke: str) -> str:
        return f"{self.name}-{spoke}-1"

    def checks(self) -> tuple[Check, ...]:
        return checks(self.stack, self.bundle)

    def events(self, image: str = PYTHON_IMAGE, **options: Any) -> list[Event]:
        with Engine.connect() as engine:
            observed = observe(engine, self.name)
            return list(verify(self.checks(), self.stack, self.bundle, observed, engine, image, **options))

    def verify(self, image: str = PYTHON_IMAGE, **options: Any) -> list[Result]:
        return [event.result for event in self.events(image, **options) if isinstance(event, Checked)]


def of(results: list[Result], code: str, spoke: str = "") -> list[tuple[Outcome, str]]:
    found = [r for r in results if r.check.code == code and spoke in ("", r.check.spoke)]
    assert found, f"no result of {code}"
    return [(r.outcome, r.saw) for r in found]


def outcomes(results: list[Result], code: str, spoke: str = "") -> set[Outcome]:
    return {outcome for outcome, _ in of(results, code, spoke)}


@contextmanager
def running(folder: Path, change: Change = lambda services: None, **stack: Any) -> Iterator[Room]:
    """The stack, brought up after `change` was made to its services; gone afterwards."""
    sweep()
    name = f"{_PREFIX}-{os.getpid()}-{next(_numbers)}"
    declared = replace(_stack(name), **stack)
    bundle = _bundle(declared)
    services = json.loads(json.dumps(bundle.compose["services"]))
    change(services)
    document = {**bundle.compose, "services": services}
    (folder / "compose.json").write_text(json.dumps(document))
    room = Room(declared, bundle, folder)
    try:
        room.compose("up", "-d", "--wait")
        yield room
    finally:
        room.compose("--profile", "*", "down", "-v", "-t", "0", "--remove-orphans")


@contextmanager
def outsider(name: str, *arguments: str) -> Iterator[str]:
    """A container outside every stack that does nothing."""
    try:
        _docker(
            "run",
            "-d",
            "--name",
            name,
            "--label",
            f"{_PREFIX}=1",
            *arguments,
            "--init",
            "--entrypoint",
            "python3",
            PYTHON_IMAGE,
            "-c",
            "import signal; signal.pause()",
        )
        yield name
    finally:
        _docker("rm", "-f", name)


def sweep() -> None:
    """Removes what test runs that were killed left behind."""
    for kind, remove in (("container", ("rm", "-f", "-v")), ("network", ("rm",))):
        listing = (kind, "ls", *(("-a",) if kind == "container" else ()))
        names = _docker(*listing, "--format", "{{.Name}}" if kind == "network" else "{{.Names}}").split()
        for name in names:
            prefix, _, rest = name.partition("-")
            pid = rest.partition("-")[0].partition("_")[0]
            if prefix == _PREFIX and pid.isdigit() and not Path(f"/proc/{pid}").exists():
                _docker(kind, *remove, name)


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=60)
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
