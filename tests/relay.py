"""A way to the real Engine that writes down what is asked on it, and refuses every write."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from socketserver import StreamRequestHandler, ThreadingTCPServer

ENGINE = "/var/run/docker.sock"
REFUSAL = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Length: 21\r\nConnection: close\r\n\r\n" + b'{"message": "reads"}\n'
)


@dataclass
class Asked:
    """What arrived: per connection, the methods and paths in their order."""

    url: str = ""
    connections: list[list[tuple[str, str]]] = field(default_factory=list)

    @property
    def requests(self) -> list[tuple[str, str]]:
        return [request for connection in self.connections for request in connection]


class _Server(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    asked: Asked


class _Relaying(StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        seen: list[tuple[str, str]] = []
        self.server.asked.connections.append(seen)
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(ENGINE)
            threading.Thread(target=self._answers, args=(engine,), daemon=True).start()
            while head := self._head():
                method, target, _ = head.decode("latin-1").split(" ", 2)
                seen.append((method, re.sub(r"\A/v[0-9.]+(?=/)", "", target.partition("?")[0])))
                if method not in ("GET", "HEAD"):
                    self.connection.sendall(REFUSAL)
                    return
                engine.sendall(head)

    def _head(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            lines.append(line)
        return b"".join(lines) + b"\r\n" if lines else b""

    def _answers(self, engine: socket.socket) -> None:
        try:
            while chunk := engine.recv(65536):
                self.connection.sendall(chunk)
        except OSError:
            return


@contextmanager
def relay() -> Iterator[Asked]:
    with _Server(("127.0.0.1", 0), _Relaying) as server:
        server.asked = Asked(f"tcp://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.asked
        finally:
            server.shutdown()
