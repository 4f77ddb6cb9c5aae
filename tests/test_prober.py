"""The prober against a real server on loopback: it sends what it is given, and always comes back."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from stackctl.verify import prober
from stackctl.verify.throwaway import BOOTSTRAP, program
from stackctl.verify.vantage import Job, work

Serve = Callable[[socket.socket, bytes], None]


@contextmanager
def server(serve: Serve, connections: int = 1) -> Iterator[tuple[int, list[bytes]]]:
    """Reads the head of each request and leaves the rest to `serve`; gives its port and what it read."""
    read: list[bytes] = []

    def run() -> None:
        for _ in range(connections):
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                head = b""
                while b"\r\n\r\n" not in head and (part := peer.recv(65536)):
                    head += part
                read.append(head)
                with suppress(OSError):
                    serve(peer, head)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield listener.getsockname()[1], read
        finally:
            # Closing alone does not wake a thread that accepts.
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(15)


def answering(text: str) -> Serve:
    return lambda peer, _: peer.sendall(text.encode())


def job(port: int, **fields: Any) -> dict[str, Any]:
    default = {
        "id": "1",
        "chain": "1",
        "method": "GET",
        "address": "127.0.0.1",
        "port": port,
        "path": "/",
        "host": "",
        "timeout": 5.0,
        "max_body": 1000,
    }
    return {**default, **fields}


def test_an_answer() -> None:
    text = (
        "HTTP/1.1 403 Forbidden\r\nServer: X\r\nX-Two-Words: a b\r\nContent-Length: 5\r\n\r\nhello and more"
    )
    with server(answering(text)) as (port, _):
        reply = prober.ask(job(port))
    assert (reply["kind"], reply["status"], reply["body"]) == ("answer", 403, "hello")
    assert reply["headers"]["x-two-words"] == "a b"
    assert reply["peer"] == "127.0.0.1"


def test_what_is_sent_is_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with server(answering("HTTP/1.1 204 No\r\n\r\n")) as (port, read):
        more = {"headers": {"X-Real-Ip": "10.0.0.1"}}
        prober.ask({**job(port, method="POST", path="/a/../%2e//b?c=d&e", host="web.home"), **more})
    head = read[0].decode().split("\r\n")
    assert head[0] == "POST /a/../%2e//b?c=d&e HTTP/1.1"
    assert "Host: web.home" in head
    assert "X-Real-Ip: 10.0.0.1" in head
    assert "Content-Length: 0" in head
    with server(answering("HTTP/1.1 204 No\r\n\r\n")) as (port, read):
        prober.ask(job(port))
    assert f"Host: 127.0.0.1:{port}" in read[0].decode()
    assert "Content-Length" not in read[0].decode()


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    with server(answering("HTTP/1.1 302 F\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"), 2) as (port, read):
        assert prober.ask(job(port))["status"] == 302
    assert len(read) == 1


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde"),
        ("HTTP/1.0 200 OK\r\n\r\nuntil the end", "until the end"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut", "cut"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + "x" * 2000, "x" * 1000),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny", "y"),
    ],
)
def test_bodies(text: str, body: str) -> None:
    with server(answering(text)) as (port, _):
        reply = prober.ask(job(port))
    assert (reply["status"], reply["body"]) == (200, body)


def test_a_head_has_no_body() -> None:
    with server(answering("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")) as (port, _):
        assert prober.ask(job(port, method="HEAD"))["kind"] == "answer"


@pytest.mark.parametrize("text", ["", "SSH-2.0-OpenSSH_9.2\r\n", "\r\n\r\n", "HTTP/1.1 abc\r\n\r\n"])
def test_what_does_not_speak_http_was_reached_all_the_same(text: str) -> None:
    with server(answering(text)) as (port, _):
        reply = prober.ask(job(port))
    assert reply["kind"] == "closed"
    assert reply["peer"] == "127.0.0.1"


def test_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    reply = prober.ask(job(port))
    assert (reply["kind"], reply["peer"]) == ("refused", "")


def test_a_unix_socket_is_asked_by_its_path(tmp_path: Path) -> None:
    path = str(tmp_path / "docker.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        received: list[bytes] = []

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                received.append(peer.recv(4096))
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

        serving = threading.Thread(target=serve)
        serving.start()
        reply = prober.ask({**job(0, address=path), "host": "docker"})
        serving.join()
    assert (reply["kind"], reply["body"], reply["peer"]) == ("answer", "hi", path)
    assert b"Host: docker\r\n" in received[0]
    assert prober.ask(job(0, address=str(tmp_path / "gone.sock")))["kind"] == "error"


def test_a_name_that_nobody_has() -> None:
    reply = prober.ask(job(80, address="no-such-name.invalid", timeout=3.0))
    assert (reply["kind"], reply["peer"]) == ("unresolved", "")


def drip(peer: socket.socket, _: bytes) -> None:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        peer.sendall(b"H")
        time.sleep(0.02)


@pytest.mark.parametrize("serve", [drip, lambda peer, _: peer.recv(1)])
def test_a_slow_peer_does_not_hold_on(serve: Serve) -> None:
    with server(serve) as (port, _):
        began = time.monotonic()
        reply = prober.ask(job(port, timeout=0.3))
        assert time.monotonic() - began < 2
    assert reply["kind"] in ("timeout", "closed")
    assert reply["peer"], "a connection was made"


def test_an_endless_body_ends_with_the_time() -> None:
    def stream(peer: socket.socket, _: bytes) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        end = time.monotonic() + 5
        while time.monotonic() < end:
            peer.sendall(b"1\r\nx\r\n")
            time.sleep(0.02)

    with server(stream) as (port, _):
        began = time.monotonic()
        reply = prober.ask(job(port, timeout=0.4))
        assert time.monotonic() - began < 2
    assert (reply["kind"], reply["status"]) == ("answer", 200)
    assert reply["body"].startswith("x")


def test_a_chain_keeps_its_order_and_chains_do_not_wait_for_each_other() -> None:
    with server(answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), 3) as (port, read):
        chain = [job(port, id=f"a.{n}", chain="a", path=f"/{n}") for n in range(3)]
        slow = job(80, id="b.0", chain="b", address="192.0.2.1", timeout=0.5)
        replies = list(prober.run([slow, *chain], 10.0))
    assert [head.split()[1] for head in read] == [b"/0", b"/1", b"/2"]
    assert {reply["id"] for reply in replies} == {"a.0", "a.1", "a.2", "b.0"}


def test_what_the_time_does_not_suffice_for_is_said() -> None:
    (reply,) = prober.run([job(1)], 0.0)
    assert reply["kind"] == "error"
    assert "no time" in reply["detail"]


def sent(job: Job) -> bytes:
    with open(prober.__file__, "rb") as file:
        return program(file.read(), work([job]))


def test_as_a_program_it_is_given_everything_on_standard_input() -> None:
    with server(answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) as (port, _):
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", BOOTSTRAP], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdin
        assert process.stdout
        process.stdin.write(sent(Job("7.0", "7", "GET", "127.0.0.1", port, "/", "", 5.0)))
        process.stdin.flush()
        reply = json.loads(process.stdout.readline())
        assert (reply["id"], reply["status"], reply["body"]) == ("7.0", 200, "ok")
        assert process.wait(10) == 0
        process.stdin.close()
        process.stdout.close()


def test_as_a_program_it_ends_when_nobody_listens_any_more() -> None:
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", BOOTSTRAP], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert process.stdin
    process.stdin.write(sent(Job("7.0", "7", "GET", "192.0.2.1", 9, "/", "", 25.0)))
    process.stdin.close()
    assert process.wait(10) == 1


def test_it_is_one_file_for_older_pythons() -> None:
    source = (os.path.dirname(prober.__file__) or ".") + "/prober.py"
    with open(source) as file:
        text = file.read()
    compile(text, source, "exec")
    import ast

    tree = ast.parse(text, feature_version=(3, 8))
    imported = {n.names[0].name for n in ast.walk(tree) if isinstance(n, ast.Import)}
    imported |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert all(name.split(".")[0] in sys.stdlib_module_names for name in imported)
