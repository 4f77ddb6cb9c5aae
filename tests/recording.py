"""A stand-in for the Docker Engine that writes down what reached it, and proxies in front of it."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingMixIn, UnixStreamServer
from typing import Any

import docker

from stackctl.haproxy import CONFIG_DIR, CONFIG_FILE, SOCKET_GROUP, stanza

IMAGE = "stackctl.local/docker-socket-proxy:v0.4.2"
LABEL = "stackctl.test"
GROUP = 4242
"""Owns the stand-in's socket, so that only a proxy with that group reaches it."""


@dataclass(frozen=True)
class Arrived:
    method: str
    target: str
    headers: Mapping[str, str]

    @property
    def agent(self) -> str:
        return self.headers.get("user-agent", "")


class Recorder(ThreadingMixIn, UnixStreamServer):
    """Answers everything with 200, grants every upgrade, and keeps what arrived."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, path: Path) -> None:
        self.arrived: list[Arrived] = []
        self.speaks = threading.Event()
        """Until then, streams that were asked to be silent are."""
        super().__init__(str(path), _Recording)
        os.chown(path, 0, GROUP)
        path.chmod(0o660)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A proxy that closes first is no error."""

    def by_agent(self) -> dict[str, list[Arrived]]:
        found: dict[str, list[Arrived]] = {}
        for request in list(self.arrived):
            found.setdefault(request.agent, []).append(request)
        return found


class _Recording(StreamRequestHandler):
    server: Recorder

    def handle(self) -> None:
        while line := self.rfile.readline():
            method, target, _ = line.decode("latin-1").split(" ", 2)
            headers = {}
            while header := self.rfile.readline().strip():
                name, _, value = header.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            if headers.get("user-agent") != "stackctl-health":
                self.server.arrived.append(Arrived(method, target, headers))
            if length := int(headers.get("content-length", 0)):
                self.rfile.read(length)
            if "chunked" in headers.get("transfer-encoding", ""):
                while size := int(self.rfile.readline(), 16):
                    self.rfile.read(size + 2)
                self.rfile.readline()
            if protocol := headers.get("upgrade"):
                self._upgrade(protocol, headers.get("sec-websocket-key", ""))
                return
            if target.endswith("silent=1"):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
                if self.server.speaks.wait(timeout=60):
                    self.wfile.write(b"3\r\nbye\r\n0\r\n\r\n")
                continue
            body = b"" if method == "HEAD" else b"recorded"
            self.wfile.write(b"HTTP/1.1 200 OK\r\nServer: Recorder\r\nContent-Length: 8\r\n\r\n" + body)

    def _upgrade(self, protocol: str, key: str) -> None:
        answer = f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n"
        if key:
            # RFC 6455, 4.2.2: HAProxy looks at it.
            accept = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
            answer += f"Sec-WebSocket-Accept: {base64.b64encode(accept).decode()}\r\n"
        self.wfile.write(f"{answer}\r\n".encode())
        self.wfile.write(b"echo " + self.rfile.readline())


@contextmanager
def recorder(path: Path) -> Iterator[Recorder]:
    with Recorder(path) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()


@dataclass(frozen=True)
class Proxy:
    """How one container is to be started; `options` are those of the Docker SDK."""

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    """Path in the container -> file."""
    volumes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Path in the container -> options of the volume that is made for it."""
    image: str = IMAGE
    options: Mapping[str, Any] = field(default_factory=dict)


def strict(name: str, path: Path, volumes: Mapping[str, Mapping[str, Any]] | None = None) -> Proxy:
    """A proxy with the configuration that stackctl writes, as it is rendered."""
    wanted = stanza("proxy")
    return Proxy(
        name,
        files={f"{CONFIG_DIR}/{CONFIG_FILE}": path},
        volumes=volumes or {},
        options={
            "entrypoint": wanted["entrypoint"],
            "user": wanted["user"].replace(SOCKET_GROUP, str(GROUP)),
            "cap_drop": wanted["cap_drop"],
            "security_opt": wanted["security_opt"],
            "mem_limit": wanted["mem_limit"],
            "pids_limit": wanted["pids_limit"],
        },
    )


@contextmanager
def running(proxies: Sequence[Proxy], engine_socket: Path) -> Iterator[dict[str, Any]]:
    """The containers by name, each of them answering; they are gone at the end."""
    client = docker.from_env(timeout=30)
    run = f"policy-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        _sweep(client)
        with ThreadPoolExecutor(4) as pool:
            started = list(pool.map(lambda proxy: _start(client, proxy, engine_socket, run), proxies))
        yield {proxy.name: container for proxy, container in zip(proxies, started, strict=True)}
    finally:
        found = client.containers.list(all=True, filters={"label": f"{LABEL}={run}"})
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda container: container.remove(force=True, v=True), found))
        for volume in client.volumes.list(filters={"label": f"{LABEL}={run}"}):
            volume.remove()
        client.close()


def _start(client: Any, proxy: Proxy, engine_socket: Path, run: str) -> Any:
    mounts = [
        docker.types.Mount(target, str(source), type="bind", read_only=True)
        for target, source in {"/var/run/docker.sock": engine_socket, **proxy.files}.items()
    ]
    for target, options in proxy.volumes.items():
        volume = client.volumes.create(f"{run}-{proxy.name}", labels={LABEL: run}, **options)
        mounts.append(docker.types.Mount(target, volume.name, type="volume"))
    container = client.containers.run(
        proxy.image,
        name=f"{run}-{proxy.name}",
        detach=True,
        labels={LABEL: run},
        environment=dict(proxy.environment),
        mounts=mounts,
        read_only=True,
        tmpfs={"/tmp": "", "/run": ""},
        **proxy.options,
    )
    container.reload()
    if proxy.volumes:
        return container
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection((address(container), 2375), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return container
    raise AssertionError(f"{proxy.name} does not answer: {container.logs().decode()}")


def _sweep(client: Any) -> None:
    """Removes what killed runs of these tests left behind, and nothing of a run that lives."""
    for container in client.containers.list(all=True, filters={"label": LABEL}):
        if _is_left_over(container.labels[LABEL]):
            container.remove(force=True, v=True)
    for volume in client.volumes.list(filters={"label": LABEL}):
        if _is_left_over(volume.attrs["Labels"][LABEL]):
            volume.remove()


def _is_left_over(run: str) -> bool:
    owner = run.split("-")
    return owner[0] == "policy" and len(owner) == 3 and not Path(f"/proc/{owner[1]}").exists()


def address(container: Any) -> str:
    """Its own address, so that no other listener can answer in its place."""
    return str(next(iter(container.attrs["NetworkSettings"]["Networks"].values()))["IPAddress"])


@dataclass(frozen=True)
class Answer:
    status: int
    headers: bytes = b""
    body: bytes = b""


class Connection:
    """One client connection; it opens again where the other side closed it."""

    def __init__(self, host: str, port: int = 2375) -> None:
        self.place = (host, port)
        self.socket: socket.socket | None = None
        self.rest = b""

    def ask(self, method: str, target: str, agent: str, headers: Iterable[str] = ()) -> Answer:
        lines = "".join(f"{header}\r\n" for header in headers)
        return self.send(
            f"{method} {target} HTTP/1.1\r\nHost: docker\r\nUser-Agent: {agent}\r\n{lines}\r\n".encode(),
            method,
        )

    def send(self, raw: bytes, method: str = "GET") -> Answer:
        for attempt in (1, 2):
            if self.socket is None:
                self.socket = socket.create_connection(self.place, 5)
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self.socket.sendall(raw)
                return self.receive(method)
            except ConnectionError:
                self.close()
                if attempt == 2:
                    raise
        raise AssertionError

    def receive(self, method: str = "GET") -> Answer:
        """One answer.

        Raises:
            ConnectionError: The other side closed before a whole head arrived.
        """
        while b"\r\n\r\n" not in self.rest:
            self._more()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        fields = head.lower()
        body = b""
        if method != "HEAD" and b"content-length:" in fields:
            length = int(fields.split(b"content-length:")[1].split(b"\r\n")[0])
            while len(self.rest) < length:
                self._more()
            body, self.rest = self.rest[:length], self.rest[length:]
        elif status in (400, 403) and method != "HEAD":
            self._drain()
        if b"connection: close" in fields:
            self.close()
        return Answer(status, head, body)

    def _more(self) -> None:
        assert self.socket
        chunk = self.socket.recv(65536)
        if not chunk:
            raise ConnectionResetError("closed")
        self.rest += chunk

    def _drain(self) -> None:
        try:
            while True:
                self._more()
        except OSError:
            self.close()

    def close(self) -> None:
        if self.socket:
            self.socket.close()
        self.socket, self.rest = None, b""
