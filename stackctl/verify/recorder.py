"""Stands in for the Engine behind a copy of a socket proxy, and asks that copy; or asks a proxy that runs.

One file, standard library only, Python 3.8 or newer: its text is sent to a Python inside a container. It
writes down what arrived and what was answered, and decides nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from socketserver import StreamRequestHandler, ThreadingMixIn, UnixStreamServer
from typing import Any, Iterator  # noqa: UP035  (Python 3.8 has no other)

AT_ONCE = 4
"""Connections over which requests are sent side by side; more only wait for each other."""
TRICKS_AT_ONCE = 16
HEALTH_AGENT = "stackctl-health"
# Every control finds its word in it.
BODY = b'{"ApiVersion": "OK", "recorded": true}'
_HEAD = b"HTTP/1.1 %d OK\r\nServer: Docker/recorder\r\n"
_ANSWER = _HEAD + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_PAUSES = "pause="


class Recorder(ThreadingMixIn, UnixStreamServer):
    """Answers everything with one status, grants every upgrade, and keeps what arrived."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, path: str, body: bytes, status: int = 200) -> None:
        self.body = body
        self.status = status
        self.arrived: list[tuple[str, str]] = []
        super().__init__(path, _Recording)
        # Which user the proxy runs as is not what is asked here.
        os.chmod(path, 0o666)  # noqa: S103

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A proxy that closes first is no error."""


class _Recording(StreamRequestHandler):
    server: Recorder

    def handle(self) -> None:
        while self._one():
            pass

    def _one(self) -> bool:
        line = self.rfile.readline(65536)
        if not line.strip():
            return bool(line)
        method, _, rest = line.decode("latin-1").strip().partition(" ")
        target = rest.rpartition(" ")[0]
        headers: dict[str, str] = {}
        while True:
            header = self.rfile.readline(65536)
            if not header.strip():
                break
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        agent = headers.get("user-agent", "")
        if agent != HEALTH_AGENT:
            self.server.arrived.append((agent, method + " " + target))
        self.rfile.read(int(headers.get("content-length") or 0))
        if "chunked" in headers.get("transfer-encoding", ""):
            while True:
                size = int(self.rfile.readline() or b"0", 16)
                self.rfile.read(size + 2)
                if not size:
                    break
        if "upgrade" in headers:
            self._upgrade(headers)
            return False
        if _PAUSES in target:
            self._pause(float(target.rpartition(_PAUSES)[2]))
            return False
        body = self.server.body
        self.wfile.write(_ANSWER % (self.server.status, len(body)) + (b"" if method == "HEAD" else body))
        return True

    def _upgrade(self, headers: dict[str, str]) -> None:
        answer = (
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
            + headers["upgrade"]
            + "\r\n"
        )
        key = headers.get("sec-websocket-key")
        if key:
            # RFC 6455, 4.2.2: a proxy may look at it.
            accept = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()  # noqa: S324
            answer += "Sec-WebSocket-Accept: " + base64.b64encode(accept).decode() + "\r\n"
        self.wfile.write((answer + "\r\n").encode())
        self.wfile.write(b"echo " + self.rfile.readline(4096))

    def _pause(self, seconds: float) -> None:
        self.wfile.write(
            b"HTTP/1.1 200 OK\r\nServer: Docker/recorder\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"
        )
        time.sleep(seconds)
        self.wfile.write(b"3\r\nbye\r\n0\r\n\r\n")


class Connection:
    """One connection to the proxy; it opens again where the other side closed it."""

    def __init__(self, place: list[Any], patience: float) -> None:
        self.place = place
        self.patience = patience
        self.peer: socket.socket | None = None
        self.rest = b""

    def ask(self, raw: bytes, method: str, max_body: int) -> tuple[int, str, bytes]:
        """Status, server and body of one answer; asks again where an idle connection was closed."""
        fresh = self.peer is None
        try:
            self.send(raw)
            return self.receive(method, max_body)
        except ConnectionError:
            self.close()
            if fresh:
                raise
            self.send(raw)
            return self.receive(method, max_body)

    def send(self, raw: bytes) -> None:
        if self.peer is None:
            self.peer = connect(self.place, self.patience)
        self.peer.sendall(raw)

    def receive(self, method: str = "GET", max_body: int = 65536) -> tuple[int, str, bytes]:
        until = time.monotonic() + self.patience
        while b"\r\n\r\n" not in self.rest:
            self._more(until)
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        fields = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines[1:])}
        server = fields.get("server", "")
        if status == 101:
            return status, server, b""
        body = b""
        whole = True
        if method != "HEAD" and status not in (204, 304):
            body, whole = self._body(fields, max_body, until)
        keeps = lines[0].startswith("HTTP/1.1") and fields.get("connection", "").lower() != "close"
        if not (whole and keeps):
            self.close()
        return status, server, body

    def _body(self, fields: dict[str, str], max_body: int, until: float) -> tuple[bytes, bool]:
        """The body up to its cap and the time that is left, and whether the connection can be used again."""
        length = fields.get("content-length")
        try:
            if length is not None:
                wanted = min(int(length), max_body)
                while len(self.rest) < wanted:
                    self._more(until)
                body, self.rest = self.rest[:wanted], self.rest[wanted:]
                return body, wanted == int(length)
            chunked = "chunked" in fields.get("transfer-encoding", "")
            while len(self.rest) < max_body and not (chunked and self.rest.endswith(b"0\r\n\r\n")):
                self._more(until)
        except OSError:
            pass
        # What is framed in chunks is searched as it is: no marker is longer than a piece.
        body, self.rest = self.rest[:max_body], b""
        return body, chunked and body.endswith(b"0\r\n\r\n")

    def _more(self, until: float) -> None:
        assert self.peer
        self.peer.settimeout(max(0.001, until - time.monotonic()))
        chunk = self.peer.recv(65536)
        if not chunk:
            raise ConnectionResetError("closed")
        self.rest += chunk

    def close(self) -> None:
        if self.peer is not None:
            self.peer.close()
        self.peer, self.rest = None, b""


def connect(place: list[Any], patience: float) -> socket.socket:
    """`place` is a host and a port, or the path of a unix socket."""
    if len(place) == 1:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        peer.settimeout(patience)
        peer.connect(place[0])
        return peer
    peer = socket.create_connection((place[0], place[1]), patience)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def wait_for(place: list[Any], seconds: float) -> None:
    """Returns when somebody listens there."""
    until = time.monotonic() + seconds
    while True:
        try:
            return connect(place, 1.0).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.005)


def ask_all(place: list[Any], probes: list[dict[str, Any]], patience: float) -> list[dict[str, Any]]:
    """Requests that are whole in themselves, over a few connections that stay open."""
    connection = Connection(place, patience)
    replies = []
    for probe in probes:
        reply: dict[str, Any] = {"id": probe["id"], "statuses": []}
        try:
            status, server, body = connection.ask(probe["raw"], probe["method"], probe.get("max_body", 65536))
            reply["statuses"] = [status]
            if probe.get("keep"):
                reply["server"] = server
                reply["body"] = body.decode("utf-8", "replace")
            if status == 101:
                connection.close()
        except (OSError, ValueError, IndexError) as error:
            reply["error"] = str(error) or type(error).__name__
            connection.close()
        replies.append(reply)
    connection.close()
    return replies


def try_trick(place: list[Any], probe: dict[str, Any], silence: float) -> dict[str, Any]:
    """One connection for one trick: as many answers as come before it is closed or falls silent."""
    statuses: list[int] = []
    connection = Connection(place, silence)
    try:
        connection.send(probe["raw"])
        while len(statuses) < probe["answers"]:
            statuses.append(connection.receive()[0])
    except (OSError, ValueError, IndexError, AssertionError):
        pass
    finally:
        connection.close()
    return {"id": probe["id"], "statuses": statuses}


def hold(place: list[Any], probe: dict[str, Any], patience: float) -> dict[str, Any]:
    """A stream that falls silent for a while: whether its end arrives."""
    try:
        peer = connect(place, patience)
        with peer:
            peer.sendall(probe["raw"])
            data = b""
            while b"bye" not in data:
                part = peer.recv(65536)
                if not part:
                    break
                data += part
    except OSError as error:
        return {"id": probe["id"], "statuses": [], "error": str(error)}
    words = data.split(b" ", 2)
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    return {"id": probe["id"], "statuses": [status], "body": "bye" if b"bye" in data else "cut"}


def run(work: dict[str, Any], recorder: Recorder | None) -> dict[str, Any]:
    """All of it: replies, what arrived, and how long the asking took."""
    place, patience = work["place"], work["patience"]
    wait_for(place, work["seconds"])
    for kind in ("whole", "tricks", "held"):
        for probe in work[kind]:
            probe["raw"] = probe["raw"].encode("latin-1")
    whole = work["whole"]
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool, ThreadPoolExecutor(TRICKS_AT_ONCE) as tricky:
        asking = [pool.submit(ask_all, place, whole[n::AT_ONCE], patience) for n in range(AT_ONCE)]
        trying = [tricky.submit(try_trick, place, probe, work["silence"]) for probe in work["tricks"]]
        trying += [tricky.submit(hold, place, probe, patience) for probe in work["held"]]
        replies = [reply for done in asking for reply in done.result()]
        replies += [done.result() for done in trying]
    took = time.monotonic() - began
    # One more request behind all others: whatever a trick smuggled in has arrived before it does.
    ask_all(place, whole[:1], patience)
    return {"replies": replies, "arrived": recorder.arrived if recorder else [], "took": took}


def _end_with(stdin: int) -> Iterator[None]:
    while os.read(stdin, 4096):
        pass
    os._exit(1)


def main() -> None:
    """Reads one line of work from standard input; says when it listens, and then what it saw."""
    work = json.loads(sys.stdin.buffer.readline())
    # Whoever asked holds standard input open: when he is gone, nobody wants the answers any more.
    threading.Thread(target=lambda: list(_end_with(0)), daemon=True).start()
    recorder = None
    if work["engine"]:
        folder = os.path.dirname(work["engine"])
        for name, text in work["files"].items():
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            with open(os.path.join(folder, name), "w") as file:
                file.write(text)
        os.mkdir(os.path.join(folder, "listen"))
        os.chmod(os.path.join(folder, "listen"), 0o777)  # noqa: S103
        recorder = Recorder(work["engine"], BODY + work["body"].encode(), work.get("status", 200))
        threading.Thread(target=recorder.serve_forever, args=(0.05,), daemon=True).start()
    # By the clock that its events have; and a word for those who read what it says.
    sys.stdout.write(f"ready {time.time():.6f} {work.get('says', '')}\n")
    sys.stdout.flush()
    try:
        seen = run(work, recorder)
    except OSError as error:
        seen = {"error": str(error) or type(error).__name__}
    sys.stdout.write(json.dumps(seen) + "\n")
    sys.stdout.flush()
    while work.get("stays"):
        time.sleep(60)
    # A daemon thread that blocks in a read would abort an ordinary exit.
    os._exit(0)


if __name__ == "__main__":
    main()
