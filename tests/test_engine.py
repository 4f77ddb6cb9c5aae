"""Reaching an Engine, and what is said when that does not work. The Engines here are sockets of the test."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stackctl.api import operation
from stackctl.endpoint import DEFAULT, Endpoint, endpoint
from stackctl.engine import Engine, NotThere
from stackctl.errors import EngineUnavailable, Exit, StackctlError, UsageError
from stackctl.log_stream import demultiplexed

Answer = Callable[[socket.socket, str], bool]
"""Answers one request on a connection; False closes it."""


class FakeEngine:
    """A server on a Unix socket that answers each request as the test says, and remembers the targets."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self.url = f"unix://{path}"
        self.asked: list[str] = []
        self.connections = 0
        self._answer = answer
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            while line := lines.readline():
                target = line.split()[1].decode()
                while lines.readline().strip():
                    pass
                self.asked.append(target)
                if not self._answer(connection, target):
                    connection.shutdown(socket.SHUT_RDWR)
                    return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()
        self._thread.join(5)


def reply(
    connection: socket.socket,
    body: object,
    status: str = "200 OK",
    headers: str = "",
    server: str = "Docker/27.1 (linux)",
) -> bool:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nServer: {server}\r\n{headers}Content-Length: {len(data)}\r\n\r\n"
    connection.sendall(head.encode() + data)
    return True


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Callable[[Answer], FakeEngine]]:
    made: list[FakeEngine] = []

    def make(answer: Answer) -> FakeEngine:
        made.append(FakeEngine(tmp_path / f"engine{len(made)}.sock", answer))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


def connect(fake: FakeEngine) -> Engine:
    return Engine.connect({"DOCKER_HOST": fake.url})


# ---- where it is


def context(home: Path, name: str, host: str) -> Path:
    folder = home / ".docker" / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))
    return folder


def test_the_endpoint_follows_the_rules_of_the_docker_command(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    assert endpoint(home) == Endpoint(DEFAULT)
    context(tmp_path, "far", "tcp://10.0.0.1:2375")
    context(tmp_path, "near", "unix:///run/user/1/docker.sock")
    (tmp_path / ".docker" / "config.json").write_text('{"currentContext": "near"}')
    assert endpoint(home) == Endpoint("unix:///run/user/1/docker.sock")
    assert endpoint({**home, "DOCKER_CONTEXT": "far"}) == Endpoint("tcp://10.0.0.1:2375")
    assert endpoint({**home, "DOCKER_CONTEXT": "default"}) == Endpoint(DEFAULT)
    given = {**home, "DOCKER_CONTEXT": "far", "DOCKER_HOST": "unix:///given.sock"}
    assert endpoint(given) == Endpoint("unix:///given.sock")
    assert endpoint({"DOCKER_CONFIG": str(tmp_path / ".docker")}).socket == "/run/user/1/docker.sock"


def test_tls_comes_from_the_environment_or_the_context(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "DOCKER_HOST": "tcp://h:2376", "DOCKER_TLS_VERIFY": "1"}
    assert endpoint(environ).tls == tmp_path / ".docker"
    assert endpoint({**environ, "DOCKER_CERT_PATH": "/certs"}).tls == Path("/certs")
    folder = context(tmp_path, "safe", "tcp://h:2376")
    keys = tmp_path / ".docker" / "contexts" / "tls" / folder.name / "docker"
    keys.mkdir(parents=True)
    assert endpoint({"HOME": str(tmp_path), "DOCKER_CONTEXT": "safe"}).tls == keys


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("unix:///x.sock", True),
        ("tcp://127.0.0.1:2375", True),
        ("tcp://localhost:2375", True),
        ("tcp://[::1]:2375", True),
        ("tcp://10.0.0.1:2375", False),
        ("tcp://127.example.org:2375", False),
    ],
)
def test_only_an_engine_on_this_host_is_local(url: str, local: bool) -> None:
    assert Endpoint(url).is_local is local


@pytest.mark.parametrize(
    ("environ", "error", "says"),
    [
        ({"DOCKER_HOST": "ssh://me@far"}, EngineUnavailable, "SSH"),
        ({"DOCKER_HOST": "npipe:////./pipe/docker"}, UsageError, "not understood"),
        ({"DOCKER_HOST": "/var/run/docker.sock"}, UsageError, "not understood"),
        ({"DOCKER_CONTEXT": "nowhere"}, UsageError, "`nowhere` does not exist"),
    ],
)
def test_an_endpoint_that_cannot_be_used_says_what_to_do(
    tmp_path: Path, environ: dict[str, str], error: type[StackctlError], says: str
) -> None:
    with pytest.raises(error, match=says) as failure:
        endpoint({"HOME": str(tmp_path), **environ})
    assert failure.value.hint


def test_a_broken_configuration_is_not_read_as_none(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UsageError, match=r"config\.json cannot be read"):
        endpoint({"DOCKER_CONFIG": str(tmp_path)})


# ---- reads


def test_all_reads_share_one_connection_and_tell_the_version(fake: Callable[[Answer], FakeEngine]) -> None:
    server = fake(lambda c, _: reply(c, {"Id": "x"}))
    with connect(server) as engine:
        assert engine.version == "27.1"
        for _ in range(3):
            assert engine.get("/containers/json", all=True, filters={"label": ["a=b"]}, limit=2) == {
                "Id": "x"
            }
    assert server.connections == 1
    assert server.asked[1] == "/containers/json?all=1&filters=%7B%22label%22%3A+%5B%22a%3Db%22%5D%7D&limit=2"


def test_an_image_is_asked_for_as_the_patterns_of_a_strict_proxy_know_it(
    fake: Callable[[Answer], FakeEngine],
) -> None:
    server = fake(lambda c, _: reply(c, {}))
    name = f"registry.lan:5000/a/b:1@sha256:{'0' * 64}"
    with connect(server) as engine:
        engine.image(name)
        engine.tag(f"sha256:{'0' * 64}", "a:1")
        engine.remove_image(name)
    paths = [target.partition("?")[0] for target in server.asked[1:]]
    operations = ("GET /images/{name}/json", "POST /images/{name}/tag", "DELETE /images/{name}")
    for path, text in zip(paths, operations, strict=True):
        known = operation(text)
        assert known is not None
        assert known.matches(known.method, path), path


@pytest.mark.parametrize("answers", [True, False])
def test_where_a_proxy_keeps_the_version_the_engine_is_asked_for_it(
    fake: Callable[[Answer], FakeEngine], answers: bool
) -> None:
    def without_header(connection: socket.socket, target: str) -> bool:
        if target == "/version" and not answers:
            return reply(connection, {"message": "forbidden"}, status="403 Forbidden", server="haproxy")
        return reply(connection, {"Version": "20.10.24"}, server="haproxy")

    with connect(fake(without_header)) as engine:
        assert engine.version == ("20.10.24" if answers else "")


def test_an_idle_connection_that_was_closed_is_opened_again(fake: Callable[[Answer], FakeEngine]) -> None:
    def once(connection: socket.socket, target: str) -> bool:
        return reply(connection, target) and False

    server = fake(once)
    with connect(server) as engine:
        assert engine.get("/a") == "/a"
        assert engine.get("/b") == "/b"
    assert server.connections == 3


def test_no_engine_is_one_sentence_with_the_place_and_a_hint(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable) as failure:
        Engine.connect({"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    assert failure.value.message == f"no Docker Engine answers at unix://{tmp_path}/none.sock"
    assert "systemctl start docker" in failure.value.hint
    assert failure.value.exit_code is Exit.FAILED


def test_a_socket_that_nobody_listens_on_is_no_engine(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "left.sock"))
    with pytest.raises(EngineUnavailable, match="no Docker Engine answers"):
        Engine.connect({"DOCKER_HOST": f"unix://{tmp_path}/left.sock"})


def test_no_permission_on_the_socket_names_the_group(
    fake: Callable[[Answer], FakeEngine], tmp_path: Path
) -> None:
    server = fake(lambda c, _: reply(c, "OK"))
    os.chmod(server.url.removeprefix("unix://"), 0)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        os.chmod(folder, 0o755)
    became_nobody = os.geteuid() == 0
    if became_nobody:  # The kernel refuses root nothing.
        os.seteuid(65534)
    try:
        with pytest.raises(EngineUnavailable, match="no permission") as failure:
            connect(server)
    finally:
        if became_nobody:
            os.seteuid(0)
    assert "group" in failure.value.hint


@pytest.mark.parametrize(
    "half", [b"", b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"half":'], ids=["at once", "half-way"]
)
def test_an_engine_that_goes_away_in_the_middle_is_told(
    half: bytes, fake: Callable[[Answer], FakeEngine]
) -> None:
    def answer(connection: socket.socket, target: str) -> bool:
        if target == "/_ping":
            return reply(connection, "OK")
        connection.sendall(half)
        return False

    with connect(fake(answer)) as engine, pytest.raises(EngineUnavailable, match="broke off") as failure:
        engine.get("/containers/json")
    assert failure.value.hint


def test_an_engine_that_is_silent_is_given_up(
    fake: Callable[[Answer], FakeEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stackctl.engine._TIMEOUT", 0.1)
    with pytest.raises(EngineUnavailable, match="did not answer in time"):
        connect(fake(lambda *_: True))


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        ("404 Not Found", NotThere, "no such thing"),
        ("403 Forbidden", StackctlError, "refuses GET /networks"),
        ("500 Server Error", StackctlError, "could not answer GET /networks: no such thing"),
    ],
)
def test_a_refused_read_says_which_and_why(
    status: str, error: type[StackctlError], says: str, fake: Callable[[Answer], FakeEngine]
) -> None:
    def answer(connection: socket.socket, target: str) -> bool:
        return reply(connection, {"message": "no such thing"}, "200 OK" if target == "/_ping" else status)

    with connect(fake(answer)) as engine, pytest.raises(error, match=says):
        engine.get("/networks")


# ---- events


def chunk(connection: socket.socket, data: bytes) -> None:
    connection.sendall(f"{len(data):x}\r\n".encode() + data + b"\r\n")


STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_events_come_as_they_happen_and_waiting_ends_at_the_deadline(
    fake: Callable[[Answer], FakeEngine],
) -> None:
    go, done = threading.Event(), threading.Event()

    def answer(connection: socket.socket, target: str) -> bool:
        if target == "/_ping":
            return reply(connection, "OK")
        connection.sendall(STREAM)
        chunk(connection, b'{"Action": "start"}\n{"Action":')
        go.wait(10)
        chunk(connection, b' "die"}\n')
        done.wait(10)
        return False

    with connect(fake(answer)) as engine, engine.events({"type": ["container"]}) as events:
        began = time.monotonic()
        assert [e["Action"] for e in events.until(began + 0.2)] == ["start"]
        assert time.monotonic() - began < 5
        go.set()
        assert next(events.until(time.monotonic() + 10))["Action"] == "die"
        done.set()


def test_a_stream_that_breaks_off_is_an_engine_that_went_away(fake: Callable[[Answer], FakeEngine]) -> None:
    def answer(connection: socket.socket, target: str) -> bool:
        if target == "/_ping":
            return reply(connection, "OK")
        connection.sendall(STREAM)
        chunk(connection, b'{"Action": "start"}\n')
        return False

    with connect(fake(answer)) as engine, engine.events({}) as events:
        stream = events.until(time.monotonic() + 10)
        assert next(stream)["Action"] == "start"
        with pytest.raises(EngineUnavailable, match="broke off"):
            next(stream)
        with pytest.raises(EngineUnavailable, match="broke off"):
            next(events.until(time.monotonic() + 10))


def test_a_stream_that_is_refused_is_told(fake: Callable[[Answer], FakeEngine]) -> None:
    def answer(connection: socket.socket, target: str) -> bool:
        return reply(connection, {"message": "no"}, "200 OK" if target == "/_ping" else "403 Forbidden")

    with connect(fake(answer)) as engine, pytest.raises(StackctlError, match="refuses GET /events"):
        engine.events({})


# ---- logs


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", b""),
        (b"plain text of a terminal\r\n", b"plain text of a terminal\r\n"),
        (b"\1\0\0\0\0\0\0\4out\n\2\0\0\0\0\0\0\4err\n", b"out\nerr\n"),
        (b"\1\0\0\0\0\0\0\4out\n\1\0\0", b"out\n\1\0\0"),
    ],
)
def test_both_streams_of_a_log_become_one_text(raw: bytes, text: bytes) -> None:
    assert demultiplexed(raw) == text


@pytest.mark.parametrize(
    ("stream", "why"),
    [(b'{"status": "Pulling"}\r\n{"error": "no space left"}\r\n', "no space left"), (b'{"status": "Pul', "")],
    ids=["an error in it", "broken off"],
)
def test_a_pull_that_comes_to_nothing_is_told(
    fake: Callable[[Answer], FakeEngine], stream: bytes, why: str
) -> None:
    def answer(connection: socket.socket, target: str) -> bool:
        if "/images/create" not in target:
            return reply(connection, {"ApiVersion": "1.41", "Version": "20.10"})
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(stream), stream))
        return True

    with Engine(endpoint({"DOCKER_HOST": fake(answer).url})) as engine, pytest.raises(StackctlError) as error:
        engine.pull("app:1")
    assert error.value.message == "`app:1` could not be pulled"
    assert why in error.value.detail
