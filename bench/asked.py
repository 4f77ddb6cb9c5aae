"""What one plan asks of the Engine: counted on a way to it that lets nothing be changed."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from stackctl.engine import Engine

GREETING = "/_ping"
LISTS = ("/containers/json", "/images/json", "/networks", "/volumes")


@dataclass(frozen=True)
class Asked:
    containers: int
    connections: int
    requests: tuple[str, ...]
    """Method and path, as `GET /networks`."""

    @property
    def least(self) -> int:
        """A greeting, a list of each kind of object, and a look at each container."""
        return 1 + len(LISTS) + self.containers

    @property
    def looks(self) -> int:
        """How many containers were looked at."""
        once = set(self.requests)
        return sum(r.startswith("GET /containers/") and r != "GET /containers/json" for r in once)

    @property
    def holds(self) -> bool:
        """On one connection just that, which takes no write."""
        lists = {f"GET {path}" for path in (GREETING, *LISTS)}
        whole = lists <= set(self.requests) and self.looks == self.containers
        return whole and len(self.requests) == self.least and self.connections == 1


def asked_by(argv: Sequence[str], root: Path, containers: int, environ: Mapping[str, str]) -> Asked:
    """What it asks the second time, as the first fills caches."""
    with _relay() as server:
        url = f"tcp://127.0.0.1:{server.server_address[1]}"
        for _ in range(2):
            server.seen.clear()
            there = {**environ, "DOCKER_HOST": url}
            subprocess.run(argv, cwd=root, env=there, capture_output=True, timeout=120, check=True)
        requests = tuple(request for connection in server.seen for request in connection)
        return Asked(containers, len(server.seen), requests)


class _Server(ThreadingHTTPServer):
    seen: list[list[str]]
    """The requests of each connection."""


class _Reading(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.requests: list[str] = []
        self.server.seen.append(self.requests)
        self.engine = Engine.connect(os.environ)

    def finish(self) -> None:
        self.engine.close()
        super().finish()

    def do_GET(self) -> None:
        self._answer(200, self.engine.get_bytes(self.path))

    def refuse(self) -> None:
        self._answer(403, b"")

    do_POST = do_PUT = do_DELETE = do_HEAD = refuse

    def _answer(self, status: int, body: bytes) -> None:
        self.requests.append(f"{self.command} {self.path.partition('?')[0]}")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        # As the Engine calls itself, which else is asked for.
        return f"Docker/{self.engine.version}"

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _relay() -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Reading) as server:
        server.seen = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
