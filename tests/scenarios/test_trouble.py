"""Operations that fail through no fault of the files: one sentence, a way out, and with --verbose the evidence."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.scenarios.engine_room import EngineRoom, wait_for
from tests.scenarios.shipped import ShippedStack

pytestmark = [pytest.mark.engine, pytest.mark.slow]

SOCKET = "/var/run/docker.sock"


@pytest.fixture
def stack(room: EngineRoom, tmp_path: Path) -> Iterator[ShippedStack]:
    """One service that sleeps."""
    yield (made := make(tmp_path / "stack", room))
    made.run("down", "--yes")


def make(root: Path, room: EngineRoom, **service: object) -> ShippedStack:
    (root / "spokes").mkdir(parents=True)
    settings = {"name": room.project(), "prober_image": room.image("python")}
    (root / "stack.yaml").write_text(json.dumps(settings))
    whole = {"image": room.image("python"), "command": ["sleep", "1000"], "init": True, **service}
    (root / "spokes" / "web.yaml").write_text(json.dumps(whole))
    return ShippedStack(root, settings["name"])


def change(stack: ShippedStack, **service: object) -> None:
    path = stack.root / "spokes" / "web.yaml"
    path.write_text(json.dumps({**json.loads(path.read_text()), **service}))


def fails(done: subprocess.CompletedProcess[str], *said: str, code: int = 1) -> None:
    """One error with a hint, no traceback; in the order of `said`."""
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr.count("error: ") == 1, done.stderr
    assert done.stderr.count("hint: ") == 1, done.stderr
    assert "Traceback" not in done.stderr
    at = 0
    for words in said:
        assert words in done.stderr[at:], (words, done.stderr)
        at = done.stderr.index(words, at)


@pytest.mark.parametrize(
    "command", ["plan", "up --yes", "status", "verify", "down --yes", "fingerprint --applied"]
)
@pytest.mark.parametrize("where", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:1"])
def test_no_engine(stack: ShippedStack, command: str, where: str) -> None:
    done = stack.run(*command.split(), "--verbose", environ={"DOCKER_HOST": where})
    fails(done, f"no Docker Engine answers at {where}", "DOCKER_HOST", "Error: [Errno")


def test_no_permission_on_the_socket(stack: ShippedStack, way: type[Severed]) -> None:
    through = way()
    # Without write permission not even the owner may connect; of root, the rights are taken away, so that it
    # stays the same user and Python finds its modules wherever they lie.
    os.chmod(through.path, 0)
    bare = [] if os.geteuid() else ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    for command in (["plan"], ["up", "--yes"]):
        done = subprocess.run(
            [*bare, sys.executable, "-m", "stackctl", *command, "--verbose"],
            cwd=stack.root,
            env={**os.environ, **through.host},
            capture_output=True,
            text=True,
        )
        fails(done, "no permission to use the Docker Engine", "group that owns the socket", "PermissionError")


def test_a_port_that_somebody_holds(stack: ShippedStack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        change(stack, ports=[f"127.0.0.1:{port}:80"])
        done = stack.run("up", "--yes", "--verbose")
    fails(
        done,
        f"web: the port 127.0.0.1:{port} is already taken",
        "ss -ltnp",
        "$ docker container start",
        "exit code 1",
        "address already in use",
    )


def test_an_image_that_is_not_to_be_had(stack: ShippedStack) -> None:
    change(stack, image="127.0.0.1:1/nothing/here:1")
    done = stack.run("up", "--yes", "--verbose")
    fails(
        done,
        "web: the registry 127.0.0.1:1 cannot be reached",
        "name a mirror, or an image that is here, in stack.local.yaml",
        "$ docker compose",
        "exit code",
    )
    change(stack, image="stackctl.local/never-built:1")
    fails(
        stack.run("up", "--yes"), "stackctl.local/never-built:1 is not on this Engine", "build the stand-ins"
    )
    assert stack.container_ids() == {}


def compose_that_says(folder: Path, *lines: str) -> dict[str, str]:
    """The environment in which `docker` finds this plugin first."""
    plugin = folder / "cli-plugins" / "docker-compose"
    plugin.parent.mkdir(parents=True)
    about = json.dumps(
        {"SchemaVersion": "0.1.0", "Vendor": "a", "Version": "v2.19.0", "ShortDescription": "b"}
    )
    plugin.write_text(
        f"#!/bin/sh\n[ \"$1\" = docker-cli-plugin-metadata ] && {{ echo '{about}'; exit; }}\n"
        + "\n".join(lines)
        + "\n"
    )
    plugin.chmod(0o755)
    return {"DOCKER_CONFIG": str(folder)}


@pytest.fixture(scope="module")
def running(room: EngineRoom, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShippedStack]:
    """A service that runs, and whose files have changed since."""
    made = make(tmp_path_factory.mktemp("running") / "stack", room)
    done = made.run("up", "--yes", "--no-verify")
    assert done.returncode == 0, done.stderr
    change(made, command=["sleep", "2000"])
    yield made
    made.run("down", "--yes")


@pytest.mark.parametrize("command", ["up --yes", "logs web"])
def test_compose_is_too_old(running: ShippedStack, tmp_path: Path, command: str) -> None:
    before = running.container_ids()
    old = compose_that_says(tmp_path / "config", '[ "$2" = version ] && { echo 2.19.0; exit; }', "exit 17")
    done = running.run(*command.split(), "--verbose", environ=old)
    fails(done, "version 2.19.0, which is too old", "2.26 or newer", "$ docker compose version")
    assert running.container_ids() == before


@pytest.mark.parametrize("command", ["up --yes", "logs web"])
def test_compose_is_missing(running: ShippedStack, tmp_path: Path, command: str) -> None:
    # Compose may be installed for every user. A plugin that is none hides it, and `docker` says the same.
    hidden = compose_that_says(tmp_path)
    (tmp_path / "cli-plugins" / "docker-compose").write_text("#!/bin/sh\nexit 1\n")
    before = running.container_ids()
    done = running.run(*command.split(), "--verbose", environ=hidden)
    fails(done, "Docker has no Compose plugin here", "2.26 or newer", "$ docker compose version")
    assert running.container_ids() == before


@pytest.mark.parametrize("command", ["up --yes", "logs web"])
def test_the_docker_command_is_missing(running: ShippedStack, tmp_path: Path, command: str) -> None:
    before = running.container_ids()
    done = running.run(*command.split(), "--verbose", environ={"PATH": str(tmp_path)})
    fails(done, "the program `docker` is not there", "PATH", "docker compose")
    assert running.container_ids() == before


def test_a_full_disk_under_the_stacks_folder(room: EngineRoom, tmp_path: Path) -> None:
    root = tmp_path / "small"
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(root)], check=True)
    try:
        stack = make(root / "stack", room)
        assert stack.run("render").returncode == 0
        before = {path: path.read_bytes() for path in root.rglob("docker-compose*")}
        with suppress(OSError), (root / "filling").open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 512)
        manifest = root / "stack" / "spokes" / "web.yaml"
        manifest.write_text(manifest.read_text().replace("1000", "1001"))
        done = stack.run("up", "--yes", "--verbose")
        fails(done, "the disk is full", "make room", "Errno 28")
        assert {path: path.read_bytes() for path in root.rglob("docker-compose*")} == before
        assert stack.container_ids() == {}
        assert sorted(p.name for p in stack.root.iterdir()) == sorted(
            {".stackctl", "spokes", "stack.yaml", *(p.name for p in before)}
        )
    finally:
        subprocess.run(["umount", str(root)], check=True)


# ---- the Engine goes away


class Severed:
    """A way to the Engine that can be cut: by hand, or by the request that names `at`."""

    def __init__(self, path: str, at: bytes = b"") -> None:
        self.path = path
        self.host = {"DOCKER_HOST": f"unix://{path}"}
        self._at = at
        self._open: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self.path)
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                engine = socket.socket(socket.AF_UNIX)
                engine.connect(SOCKET)
                self._open += [client, engine]
                for pair in ((client, engine), (engine, client)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self._at and self._at in data.split(b"\r\n")[0]:
                    self.cut()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@pytest.fixture
def way() -> Iterator[type[Severed]]:
    """Ways to the Engine, under paths that are short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="s") as folder:
        made: list[Severed] = []

        class Here(Severed):
            def __init__(self, at: bytes = b"") -> None:
                super().__init__(f"{folder}/{len(made)}", at)
                made.append(self)

        yield Here  # type: ignore[misc]
        for one in made:
            one.cut()


GONE = (
    "the connection to the Docker Engine",
    "the Docker Engine does not answer",
    "no Docker Engine answers",
)


def gone(done: subprocess.CompletedProcess[str], *said: str, code: int = 1) -> None:
    fails(done, *said, code=code)
    assert any(words in done.stderr for words in GONE), done.stderr


@pytest.mark.parametrize("at", [b"/containers/json", b"/events"])
def test_the_engine_goes_away_before_up_has_begun_anything(
    stack: ShippedStack, way: type[Severed], at: bytes
) -> None:
    gone(stack.run("up", "--yes", "--no-verify", "--verbose", environ=way(at).host))  # type: ignore[arg-type]
    assert stack.container_ids() == {}
    assert not (stack.root / ".stackctl" / "journal").exists()


@pytest.mark.parametrize("at", [b"/networks/create", b"/containers/create", b"/start"])
def test_the_engine_goes_away_at_a_request_of_up(stack: ShippedStack, way: type[Severed], at: bytes) -> None:
    """Nothing ran before, and what was begun cannot be stopped: the screen says what to do by hand."""
    done = stack.run("up", "--yes", "--no-verify", "--verbose", environ=way(at).host)  # type: ignore[arg-type]
    gone(done, "could not be stopped", "then `stackctl up` again", code=6)
    assert (stack.root / ".stackctl" / "journal").exists()
    done = stack.run("up", "--yes", "--no-verify")
    assert done.returncode == 0, done.stderr
    assert "this run finishes what `stackctl up` by " in " ".join(done.stderr.split())
    assert list(stack.container_ids()) == ["web"]
    assert not (stack.root / ".stackctl" / "journal").exists()


def test_the_engine_goes_away_while_up_waits_for_health(stack: ShippedStack, way: type[Severed]) -> None:
    change(stack, healthcheck={"test": ["CMD", "false"], "interval": "30s", "start_period": "60s"})
    through = way()  # type: ignore[call-arg]
    child = subprocess.Popen(
        [sys.executable, "-m", "stackctl", "up", "--yes", "--no-verify"],
        cwd=stack.root,
        env={**os.environ, **through.host},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    running = ("ps", "-q", "--filter", f"label=com.docker.compose.project={stack.name}")
    wait_for(lambda: stack.docker(*running), 120)
    through.cut()
    out, err = child.communicate(timeout=120)
    done = subprocess.CompletedProcess([], child.returncode, out, err)
    gone(done, "could not be stopped", "then `stackctl up` again", code=6)


def test_the_engine_goes_away_during_down_and_logs(stack: ShippedStack, way: type[Severed]) -> None:
    assert stack.run("up", "--yes", "--no-verify").returncode == 0
    gone(stack.run("down", "--yes", environ=way(b"/stop").host))  # type: ignore[arg-type]
    gone(stack.run("logs", "-f", "web", environ=way(b"/logs").host))  # type: ignore[arg-type]


def test_the_engine_goes_away_during_verify(stack: ShippedStack, way: type[Severed]) -> None:
    """What could not be asked is unreachable, and never passed."""
    assert stack.run("up", "--yes", "--no-verify").returncode == 0
    done = stack.run("verify", environ=way(b"/containers/create").host)  # type: ignore[arg-type]
    assert done.returncode in (0, 1, 8), done.stderr
    assert "bug" not in done.stderr
