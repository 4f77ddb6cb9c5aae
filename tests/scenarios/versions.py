"""A stack that goes from one version to the next, with a spoke of each kind that a change treats differently."""

from __future__ import annotations

import http.client
import socket
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from stackctl.engine import Engine
from stackctl.model import Container
from stackctl.observe import PROJECT_LABEL, observe
from tests.scenarios.edged import IMAGES
from tests.scenarios.engine_room import EngineRoom, wait_for
from tests.scenarios.forked import Fork
from tests.scenarios.written import WrittenStack, python, written

HOST = "app.stack.localhost"
SERVES = """
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["VERSION"].encode())
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", 8000), Answer).serve_forever()
"""
EDGE = {"image": IMAGES["traefik"], "kind": "edge", "ports": ["127.0.0.1::80"]}
BACKUP = {"command": ["echo", "kept"], "restore": ["cat"]}
TOKEN = {"token": {"file": "token"}}
WORDS = ("up", "--yes", "--no-verify")
CHANGING = ("app", "fixed", "migrate")


State = tuple[set[tuple[str, str]], dict[Path, bytes]]
"""Containers by id and what they do, and files with what stands in them."""


class Versions:
    """Every version changes each spoke but one; odd ones have one more, on a network of its own.

    `app` is replaced beside itself, `fixed` stops first, `other` never changes. A `full` one has an edge that never
    changes either and moves the route of `app`, a job `migrate`, and of `fixed` a backup and a secret.
    """

    def __init__(self, root: Path, room: EngineRoom, engine: Engine, *, full: bool = False) -> None:
        self.own: WrittenStack = written(root, room)
        self.version = -1
        self.full = full
        self._room = room
        self._engine = engine
        self._token = root / "token"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        self.port = {"target": 8000, "host_ip": "127.0.0.1", "protocol": "tcp", "published": port}

    def next(self) -> None:
        """Writes the files of the next version."""
        self.version += 1
        own, room, odd = self.own, self._room, self.version % 2
        of = {"environment": {"VERSION": str(self.version)}}
        settings: dict[str, Any] = {"networks": {"more": {}}} if odd else {}
        fixed = {**of, "ports": [self.port]}
        route: dict[str, Any] = {}
        if self.full:
            self._token.write_text(f"token of version {self.version}\n")
            settings |= {"edge": {"name": "traefik", "routes": "files"}, "secret_sources": TOKEN}
            fixed |= {"volumes": ["data:/data"], "secrets": ["token"], "backup": BACKUP}
            route = {"route": [{"host": HOST, "port": 8000}]}
            own.write(room, traefik=EDGE, migrate={"kind": "job", "command": ["true"], "restart": "no", **of})
        own.settings(room, **settings)
        own.write(room, app=app(**of, **route), fixed=python(**fixed), other=python())
        if odd:
            own.write(room, more=python(networks=["more"]))
        else:
            (own.root / "spokes" / "more.yaml").unlink(missing_ok=True)

    def up(self, **how: Any) -> tuple[int, str]:
        return Fork(self.own.root, WORDS, **how).ended()

    def recover(self) -> str:
        """The run after the one that was killed; what it said."""
        code, said = self.up()
        assert code == 0, said
        return said

    def versions(self) -> set[str]:
        """Those that there are containers of, running or not."""
        return {
            variable
            for container in observe(self._engine, self.own.name).containers
            if container.spoke in CHANGING
            for variable in container.inspect["Config"]["Env"]
            if variable.startswith("VERSION=")
        }

    def answer(self) -> str:
        """What the edge gives of `app`; empty where nobody answers."""
        with suppress(OSError, http.client.HTTPException, ValueError):
            address, port = self.own.docker("port", self.own.container("traefik"), "80/tcp").split(":")
            with closing(http.client.HTTPConnection(address, int(port), timeout=5)) as edge:
                edge.request("GET", "/", headers={"Host": HOST})
                answer = edge.getresponse()
                return answer.read().decode() if answer.status == 200 else ""
        return ""

    def state(self) -> State:
        """Which containers there are, and the files that are made for them."""
        root = self.own.root
        made = [root / "docker-compose.yml", root / "docker-compose.override.yml"]
        made += [*(root / "rendered").rglob("*"), *(root / ".stackctl" / "secrets").rglob("*")]
        files = {path: path.read_bytes() for path in made if path.is_file()}
        containers = observe(self._engine, self.own.name).containers
        return {(container.id, container.state) for container in containers}, files

    def expect_whole(self, said: str, version: int | None = None) -> None:
        """Everything is as declared, or as it was in that version again, and nothing is there that is not.

        After going back, a spoke that was new is stopped and kept to look at, with its network.
        """
        own, went_back = self.own, version is not None
        version = self.version if version is None else version
        odd = version % 2
        observed = observe(self._engine, own.name)
        new = [c for c in observed.containers if went_back and not odd and c.spoke == "more"]
        assert not any(container.running for container in new), said
        there = [container for container in observed.containers if container not in new]
        spokes = [
            "app",
            "fixed",
            "other",
            *(["migrate", "traefik"] if self.full else []),
            *(["more"] if odd else []),
        ]
        assert [c.spoke for c in there] == sorted(spokes), said
        assert [told(c) for c in there if not _well(c)] == [], said
        assert all(c.name.startswith(f"{own.name}-{c.spoke}-") for c in there), said
        networks = {
            name
            for name, network in observed.networks.items()
            if (network.get("Labels") or {}).get(PROJECT_LABEL) == own.name
        }
        assert networks == {f"{own.name}_proxy", *([f"{own.name}_more"] if odd or new else [])}, said
        assert self.versions() == {f"VERSION={version}"}, said
        if self.full:
            secret = own.docker("exec", own.container("fixed"), "cat", "/run/secrets/token")
            assert secret == f"token of version {version}", said
            wait_for(lambda: self.answer() == str(version))
        assert not journal(own), said
        assert (own.root / ".stackctl" / "lock").read_text() == ""
        assert not list((own.root / ".stackctl" / "good").glob(".new*")), said


def app(*, good: bool = True, **more: Any) -> dict[str, Any]:
    """Healthy as soon as anybody looks, or sick; nothing that costs a busy machine much."""
    test = ["CMD", "true" if good else "false"]
    check = {"test": test, "interval": "1s", "timeout": "30s", "retries": 1}
    return python(SERVES, healthcheck=check, settle="0s", **more)


def journal(own: WrittenStack) -> str:
    path: Path = own.root / ".stackctl" / "journal"
    return path.read_text() if path.exists() else ""


def told(container: Container) -> str:
    return f"{container.name} {container.state} {container.health}"


def _well(container: Container) -> bool:
    if container.spoke == "migrate":
        return container.state == "exited" and container.inspect["State"]["ExitCode"] == 0
    return container.running and container.health in ("", "healthy")
