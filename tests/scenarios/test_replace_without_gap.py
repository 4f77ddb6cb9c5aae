"""A replacement that nobody notices, on a real Engine and behind a real edge, while requests keep coming.

The app takes two seconds to boot and dies at once when it is told to stop: all that is asked of it is a health
test.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import textwrap
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.scenarios.engine_room import wait_for
from tests.scenarios.load import load
from tests.scenarios.shipped import ShippedStack

pytestmark = [pytest.mark.engine, pytest.mark.slow]

HOST = "app.stack.localhost"
APP = """
import http.server, os, signal, threading, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
time.sleep(2)
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = os.environ["VERSION"].encode()
        if self.path == "/slow": time.sleep(3)
        self.send_response(200 if self.path == "/health" else int(os.environ.get("STATUS", 200)))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *_): pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True
if os.environ.get("HANGS"): threading.Event().wait()
Server(("", 8000), Answer).serve_forever()
"""
TEST = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=5)"


CHECK = {"title": "it answers", "request": "http://app:8000/", "from": "proxy", "expect": {"status": 200}}


@dataclass
class Behind:
    """A stack with the app behind its edge."""

    stack: ShippedStack
    edge: str = "traefik"

    def declare(self, version: str, *, settle: str = "2s", **more: Any) -> None:
        spoke = {
            "image": "python:3.13-alpine",
            "profiles": ["core"],
            "command": ["python", "-u", "-c", textwrap.dedent(APP).replace("$", "$$")],
            "environment": {"VERSION": version, **more},
            "networks": ["proxy"],
            "route": [{"host": HOST, "port": 8000}],
            "checks": [CHECK],
            "settle": settle,
            "depends_on": {self.edge: {"condition": "service_started"}},
            "healthcheck": {
                "test": ["CMD", "python", "-c", TEST],
                "interval": "1s",
                "timeout": "5s",
                "retries": 8,
            },
        }
        (self.stack.root / "spokes" / "app.yaml").write_text(json.dumps(spoke))

    def up(self, *more: str) -> Any:
        return self.stack.run("up", "--profile", "core", "--yes", "--no-verify", *more)

    @property
    def port(self) -> int:
        id = self.stack.container(self.edge)
        return int(self.stack.docker("port", id, "80/tcp").splitlines()[0].rpartition(":")[2])

    def answer(self) -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/", headers={"Host": HOST})
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return str(response.read().decode())
        except OSError:
            return ""

    def slow_answers(self, until: threading.Event) -> list[str]:
        """What requests get that take three seconds, one begun every fifth of a second."""

        def ask() -> str:
            request = urllib.request.Request(f"http://127.0.0.1:{port}/slow", headers={"Host": HOST})
            try:
                with urllib.request.urlopen(request, timeout=20) as response:
                    return str(response.read().decode())
            except OSError as error:
                return f"failed: {error}"

        port, asked = self.port, []
        with ThreadPoolExecutor(32) as pool:
            while not until.wait(0.2):
                asked.append(pool.submit(ask))
            return [one.result() for one in asked]

    def names(self) -> list[str]:
        listed = self.stack.docker(
            *("ps", "-a", "--format", "{{.Names}}"),
            *("--filter", f"label=com.docker.compose.project={self.stack.name}"),
            *("--filter", "label=com.docker.compose.service=app"),
        )
        return sorted(listed.split())

    def errors(self) -> str:
        """What the edge says of requests that it could not hand on."""
        id = self.stack.container(self.edge)
        done = subprocess.run(["docker", "logs", id], capture_output=True, text=True, check=True)
        return "\n".join([line for line in (done.stdout + done.stderr).splitlines() if "error" in line][-9:])

    def health_of_newest(self) -> str:
        """Its state, and its health, once there is a second one."""
        names = self.names()
        form = "{{.State.Status}} {{.State.Health.Status}}"
        try:
            return self.stack.docker("inspect", "--format", form, names[-1]) if len(names) == 2 else ""
        except subprocess.CalledProcessError:
            # Listed a moment before it is made.
            return ""

    def ids(self) -> dict[str, str]:
        return self.stack.container_ids()


@pytest.fixture(params=["traefik by labels", "traefik by files", "caddy by files"])
def behind(shipped_apart: ShippedStack, request: pytest.FixtureRequest) -> Behind:
    edge, _, routes = request.param.split()
    stack = shipped_apart.root / "stack.yaml"
    declared = f"edge: {{name: {edge}, routes: {routes}}}"
    stack.write_text(stack.read_text().replace("edge: traefik", declared))
    local = json.loads((shipped_apart.root / "stack.local.yaml").read_text())
    if python := local.get("prober_image"):
        local.setdefault("images", {})["app"] = python
    (shipped_apart.root / "stack.local.yaml").write_text(json.dumps(local))
    found = Behind(shipped_apart, edge)
    found.declare("one")
    done = found.up()
    assert done.returncode == 0, done.stderr
    wait_for(lambda: found.answer() == "one")
    return found


def test_no_request_is_lost(behind: Behind) -> None:
    [old] = behind.names()
    before = behind.ids()
    with load(behind.port, HOST, 36.0) as seen:
        for version in ("two", "three"):
            behind.declare(version)
            done = behind.up()
            assert done.returncode == 0, done.stdout + done.stderr
            assert behind.answer() == version
    print({kind: (one["sent"], one["slowest"]) for kind, one in seen.of.items()})
    assert seen.failed == [], behind.errors()
    assert seen.closed == 0, "nor is a connection that a client keeps"
    assert seen.sent >= 4000
    assert seen.versions == {"one", "two", "three"}
    [new] = behind.names()
    assert new != old
    after = behind.ids()
    assert {name: id for name, id in after.items() if name != "app"} == {
        name: id for name, id in before.items() if name != "app"
    }

    assert behind.stack.run("plan", "--profile", "core", "--check").returncode == 0
    assert behind.stack.run("render", "--check").returncode == 0
    compose = ["compose", "--project-directory", str(behind.stack.root), "--profile", "core", "up", "-d"]
    behind.stack.docker(*compose)
    assert behind.ids() == after, "Compose alone finds nothing to do"
    assert behind.stack.run("render").returncode == 0
    behind.stack.docker(*compose)
    assert behind.ids() == after, "nor after a render, which does not ask the Engine"

    behind.declare("four")
    proved = behind.stack.run("up", "--profile", "core", "--yes")
    assert proved.returncode == 0, "what took the old one's place holds: " + proved.stdout + proved.stderr


def test_compose_is_told_how_many_there_are_and_never_to_choose_one(
    behind: Behind, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("path")
    log, docker = folder / "log", shutil.which("docker")
    (folder / "docker").write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {docker} "$@"\n')
    (folder / "docker").chmod(0o755)
    old = behind.stack.container("app")
    behind.declare("two")
    environ = {"PATH": f"{folder}:{os.environ['PATH']}"}
    done = behind.stack.run("up", "--profile", "core", "--yes", "--no-verify", environ=environ)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in log.read_text().splitlines()]
    changing = [words for words in lines if words[0] == "compose" and {"up", "create"} & {*words}]
    assert changing
    for words in changing:
        assert "app=2" in words, "a plain call would choose by itself which of them stays"
        assert words[-1] == "app", "it names whom it is about"
    assert [words for words in lines if old in words and "rm" in words], "the old one goes by its id"


def test_requests_in_flight_get_the_time_that_is_declared(behind: Behind) -> None:
    behind.declare("two", settle="5s")
    done = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        seen = pool.submit(behind.slow_answers, done)
        try:
            ran = behind.up()
        finally:
            done.set()
        answers = seen.result()
    assert ran.returncode == 0, ran.stderr
    assert {*answers} == {"one", "two"}, behind.errors()
    assert answers.count("one") >= 15, "whoever was asked before the route moved answered"


def test_a_replacement_that_never_gets_healthy_loses_nothing_and_goes(behind: Behind) -> None:
    before, [name] = behind.ids(), behind.names()
    behind.declare("two", HANGS="1")
    with load(behind.port, HOST, 30.0) as seen:
        done = behind.up()
        assert done.returncode != 0
        assert "app is unhealthy" in done.stderr
        assert behind.answer() == "one"
    assert seen.failed == [], behind.errors()
    assert seen.versions == {"one"}
    assert behind.ids() == before
    assert behind.names() == [name]


@pytest.mark.parametrize("behind", ["traefik by files", "caddy by files"], indirect=True)
def test_what_is_healthy_and_does_not_pass_its_checks_gets_no_request(behind: Behind) -> None:
    before, [name] = behind.ids(), behind.names()
    behind.declare("two", STATUS="500")
    with load(behind.port, HOST, 36.0) as seen:
        done = behind.stack.run("up", "--profile", "core", "--yes")
        assert done.returncode == 5, done.stdout + done.stderr
        assert "is healthy, and does not pass CK401 it answers" in " ".join(done.stderr.split())
    assert seen.failed == [], behind.errors()
    assert seen.versions == {"one"}
    assert behind.ids() == before
    assert behind.names() == [name]


@pytest.mark.parametrize("behind", ["traefik by labels", "caddy by files"], indirect=True)
@pytest.mark.parametrize(("wait", "stays"), [("healthy", "two"), ("starting", "one")])
def test_a_replacement_that_was_killed_is_ended_by_the_next_run(
    behind: Behind, wait: str, stays: str
) -> None:
    behind.declare("two", **({"HANGS": "1"} if stays == "one" else {}))
    run = behind.stack.start("up", "--profile", "core", "--yes", "--no-verify")
    try:
        # The second container is there, and the first has not gone yet.
        wait_for(lambda: behind.health_of_newest().endswith(f" {wait}"), deadline=60)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
    assert len(behind.names()) == 2
    with load(behind.port, HOST, 20.0) as seen:
        done = behind.stack.run("up", "--profile", "core", "--no-verify")
    assert "cut short" in done.stderr
    assert len(behind.names()) == 1
    assert behind.answer() == stays
    assert seen.failed == [], behind.errors()
