"""A way to the real Engine that writes down what is asked on it, and lets a write through only where it is told to."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socketserver import StreamRequestHandler, ThreadingTCPServer

ENGINE = "/var/run/docker.sock"
REFUSAL = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Length: 21\r\nConnection: close\r\n\r\n" + b'{"message": "reads"}\n'
)
_PIECE = 65536


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    """Without the version of the API."""
    agent: str
    """What the client calls itself; empty for stackctl's own connection."""

    @property
    def reads(self) -> bool:
        return self.method in ("GET", "HEAD")


@dataclass
class Asked:
    """What arrived: per connection, the requests in their order."""

    url: str = ""
    connections: list[list[Request]] = field(default_factory=list)

    @property
    def requests(self) -> list[Request]:
        return [request for connection in self.connections for request in connection]


class _Server(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    asked: Asked
    writes: bool


class _Relaying(StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        seen: list[Request] = []
        self.server.asked.connections.append(seen)
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(ENGINE)
            answers = threading.Thread(target=self._answers, args=(engine,), daemon=True)
            answers.start()
            while head := self._head():
                request, headers = _read(head)
                seen.append(request)
                if not (request.reads or self.server.writes):
                    self.connection.sendall(REFUSAL)
                    return
                engine.sendall(b"".join(head) + b"\r\n")
                if "upgrade" in headers:
                    # From here on it is a stream that each side ends for itself.
                    self._rest(engine)
                    answers.join()
                    return
                self._body(headers, engine)

    def _head(self) -> list[bytes]:
        lines = []
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            lines.append(line)
        return lines

    def _body(self, headers: Mapping[str, str], engine: socket.socket) -> None:
        if "chunked" in headers.get("transfer-encoding", ""):
            size = 1
            while size:
                line = self.rfile.readline()
                size = int(line, 16)
                engine.sendall(line + self.rfile.read(size + len(b"\r\n")))
        left = int(headers.get("content-length", 0))
        while left:
            piece = self.rfile.read(min(left, _PIECE))
            engine.sendall(piece)
            left -= len(piece)

    def _rest(self, engine: socket.socket) -> None:
        with suppress(OSError):
            while piece := self.rfile.read1(_PIECE):
                engine.sendall(piece)
            engine.shutdown(socket.SHUT_WR)

    def _answers(self, engine: socket.socket) -> None:
        with suppress(OSError):
            while piece := engine.recv(_PIECE):
                self.connection.sendall(piece)
            self.connection.shutdown(socket.SHUT_WR)


def _read(head: list[bytes]) -> tuple[Request, dict[str, str]]:
    first, *lines = (line.decode("latin-1").strip() for line in head)
    method, target, _ = first.split(" ", 2)
    fields = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in fields}
    path = re.sub(r"\A/v[0-9.]+(?=/)", "", target.partition("?")[0])
    return Request(method, path, headers.get("user-agent", "")), headers


@contextmanager
def relay(*, writes: bool = False) -> Iterator[Asked]:
    with _Server(("127.0.0.1", 0), _Relaying) as server:
        server.asked = Asked(f"tcp://127.0.0.1:{server.server_address[1]}")
        server.writes = writes
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.asked
        finally:
            server.shutdown()
