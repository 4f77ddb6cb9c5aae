"""A small hand-written stack on the real Engine: a socket proxy, Traefik and whoami."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from stackctl.checks import checks
from stackctl.engine import Engine
from stackctl.events import Checked, Event
from stackctl.model import (
    Bundle,
    Check,
    Edge,
    Fingerprint,
    Kind,
    Observation,
    Outcome,
    Result,
    Route,
    Spoke,
    Stack,
)
from stackctl.observe import in_full, observe
from stackctl.verify.observations import OBSERVATIONS
from stackctl.verify.runner import verify
from tests.scenarios.engine_room import REPOSITORY, EngineRoom

SOCKET = "/var/run/docker.sock"

Change = Callable[[dict[str, Any]], object]


@dataclass(frozen=True)
class ProbedStack:
    """A stack that runs."""

    room: EngineRoom
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
        return self.room.docker("compose", "-p", self.name, "-f", file, *arguments)

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

    def events(self, image: str | None = None, engine: Engine | None = None, **options: Any) -> list[Event]:
        """Everything that `verify` tells, of what runs at this moment."""
        with Engine.connect() as own:
            return list(
                verify(
                    checks(self.stack, self.bundle),
                    self.stack,
                    self.bundle,
                    observe(own, self.name),
                    engine or own,
                    self.room.image("python") if image is None else image,
                    **options,
                )
            )

    def observed(self, wanted: Sequence[Check]) -> list[tuple[Outcome, str]]:
        """What standing checks say of what runs at this moment."""
        with Engine.connect() as engine:
            seen = in_full(engine, observe(engine, self.name))
        looks = [(check, check.look) for check in wanted]
        return [
            OBSERVATIONS[look.name](seen, self.stack, self.bundle, check)
            for check, look in looks
            if isinstance(look, Observation)
        ]

    def verify(self, image: str | None = None, **options: Any) -> list[Result]:
        results = [event.result for event in self.events(image, **options) if isinstance(event, Checked)]
        assert not probers(self.room, self.name), "a prober was left behind"
        return results


def unchanged(services: dict[str, Any]) -> None:
    """No change."""


def probers(room: EngineRoom, stack: str) -> list[str]:
    return room.docker("ps", "-aq", "--filter", f"label=stackctl.prober={stack}").split()


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
def running(room: EngineRoom, folder: Path, change: Change = unchanged) -> Iterator[ProbedStack]:
    """The stack, brought up after `change` was made to its services; gone afterwards."""
    stack = _stack(room.project())
    probed = ProbedStack(room, stack, _bundle(stack), folder)
    try:
        probed.up(change)
        yield probed
    finally:
        probed.compose("--profile", "*", "down", "-v", "-t", "0", "--remove-orphans")


@contextmanager
def outsider(room: EngineRoom, *arguments: str) -> Iterator[str]:
    """A container outside every stack that does nothing; the arguments are those of `docker run`."""
    name = f"{room.project()}-outsider"
    labels = [f"--label={key}={value}" for key, value in room.labels.items()]
    idle = (room.image("python"), "-c", "import signal; signal.pause()")
    try:
        room.docker("run", "-d", "--name", name, *labels, "--entrypoint", "python3", *arguments, *idle)
        yield name
    finally:
        room.docker("rm", "-f", name, check=False)


def _image(spoke: str) -> str:
    """The image of a shipped spoke on this machine: what stands in for it, else the declared one."""
    yaml = YAML(typ="safe", pure=True)
    local = REPOSITORY / "stack.local.yaml"
    stand_ins = (yaml.load(local) or {}).get("images", {}) if local.exists() else {}
    shipped = yaml.load(REPOSITORY / "docker-compose.yml")["services"]
    return str(stand_ins.get(spoke, shipped[spoke]["image"]))


PROXY_IMAGE = _image("docker-socket-proxy")


def _stack(name: str) -> Stack:
    proxy = Spoke(
        "docker-socket-proxy",
        Kind.SOCKET_PROXY,
        {
            "image": _image("docker-socket-proxy"),
            "environment": {"CONTAINERS": "1", "POST": "0"},
            "volumes": [{"type": "bind", "source": SOCKET, "target": SOCKET, "read_only": True}],
            "tmpfs": ["/tmp", "/run"],
            "stop_signal": "SIGTERM",
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
            "image": _image("traefik"),
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
            "image": _image("whoami"),
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
