"""A full disk, an Engine that goes away, a person who stops it: nothing is lost, and the next run knows."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from stackctl.endpoint import endpoint
from tests.scenarios.engine_room import EngineRoom, wait_for
from tests.scenarios.forked import fill
from tests.scenarios.test_going_back import GOOD, levels, serving, state, up
from tests.scenarios.test_lock import waiting_for
from tests.scenarios.written import WrittenStack, dying, health, python, written

pytestmark = [pytest.mark.engine, pytest.mark.slow]

BAD = {**GOOD, "environment": {"LEVEL": "bad"}, "healthcheck": {**health(good=False), "retries": 1}}
WORDS = ("up", "--yes", "--no-verify")


def journal(own: WrittenStack) -> Path:
    return own.root / ".stackctl" / "journal"


# ---- a full disk


@pytest.fixture
def tight(room: EngineRoom, tmp_path: Path) -> Iterator[WrittenStack]:
    """A stack on a disk of its own, of two megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=755", "tmpfs", str(disk)], check=True)
    try:
        own = written(disk, room)
        yield own
        (disk / "fill").unlink(missing_ok=True)
        own.run("down", "--yes")
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_disk_that_is_full_before_anything_is_done_changes_nothing(
    tight: WrittenStack, room: EngineRoom
) -> None:
    tight.write(room, app=GOOD)
    assert up(tight).returncode == 0
    before = tight.container("app")
    tight.write(room, app=BAD)
    fill(tight.root)
    done = up(tight)
    assert done.returncode == 1, done.stderr
    assert tight.container("app") == before


def test_a_disk_that_fills_up_in_the_middle_does_not_hinder_going_back(
    tight: WrittenStack, room: EngineRoom
) -> None:
    (tight.root / "data").mkdir()
    data = {"type": "bind", "source": "./data", "target": "/data"}
    fills = (
        "f = open('/data/fill', 'ab', buffering=0)\n"
        "for size in (1 << 16, 1 << 9):\n"
        " try:\n"
        "  while True: f.write(b'x' * size)\n"
        " except OSError: pass\n"
    )
    tight.write(room, app=GOOD, other={**GOOD, "volumes": [data]})
    assert up(tight).returncode == 0
    later = {"depends_on": ["other"]}
    tight.write(
        room,
        other=dying(28, fills, volumes=[data], restart="no"),
        app={**GOOD, **later, "environment": {"LEVEL": "new"}},
    )
    done = up(tight)
    assert done.returncode == 5, done.stderr
    assert "other exited with code 28" in done.stderr
    assert (levels(tight), state(tight, "other")) == (["LEVEL=info"], "running healthy")
    assert not journal(tight).exists()
    (tight.root / "data" / "fill").unlink()


# ---- the Engine goes away


class Forwarder:
    """A way to the Engine that can be cut."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sockets: list[socket.socket] = []
        self.open()

    def open(self) -> None:
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(self.path))
        self._server.listen(64)
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def cut(self) -> None:
        self.path.unlink()
        for sock in (self._server, *self._sockets):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        self._sockets.clear()

    def _accept(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                ours, _ = server.accept()
                theirs = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                theirs.connect(endpoint(os.environ).socket)
                self._sockets += [ours, theirs]
                for one, other in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=_copy, args=(one, other), daemon=True).start()


def _copy(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(1 << 16):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)


@pytest.fixture
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forwarder]:
    forwarder = Forwarder(tmp_path_factory.mktemp("way") / "docker.sock")
    yield forwarder
    with suppress(OSError):
        forwarder.cut()


def through(own: WrittenStack, way: Forwarder) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "stackctl", *WORDS],
        cwd=own.root,
        env={**os.environ, "DOCKER_HOST": f"unix://{way.path}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def begun(own: WrittenStack, spoke: str, before: str) -> Callable[[], bool]:
    """Whether a new container of the spoke is there."""
    filter = [f"label=com.docker.compose.project={own.name}", f"label=com.docker.compose.service={spoke}"]
    words = ("ps", "-aq", "--no-trunc", *(f"--filter={f}" for f in filter), "--filter=status=running")
    return lambda: any(id != before for id in own.docker(*words).split())


@pytest.mark.parametrize("for_long", [False, True], ids=["for a moment", "for long"])
def test_the_engine_gone_in_the_middle(
    own: WrittenStack, room: EngineRoom, way: Forwarder, for_long: bool
) -> None:
    own.write(room, app=GOOD)
    assert up(own).returncode == 0
    before = own.container("app")
    own.write(room, app={**BAD, "healthcheck": {**health(good=False), "start_period": "60s"}})
    run = through(own, way)
    wait_for(begun(own, "app", before), 120)
    way.cut()
    if not for_long:
        # stackctl looks for a few seconds whether it comes back.
        way.open()
    said, _ = run.communicate(timeout=120)
    told = " ".join(said.split())
    if for_long:
        assert run.returncode == 6, said
        assert "going back failed" in told
        assert "then `stackctl up` goes on going back" in told
        assert journal(own).exists()
        done = up(own)
        assert done.returncode == 5, done.stderr
        assert "goes on going back" in " ".join(done.stderr.split())
    else:
        assert run.returncode == 5, said
    assert (levels(own), state(own)) == (["LEVEL=info"], "running healthy")
    assert len(own.container_ids()) == 1
    assert not journal(own).exists()


# ---- a person stops it


def interrupted(run: subprocess.Popen[str], times: int = 1) -> str:
    for _ in range(times):
        run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=120)
    assert run.returncode == 130, out + err
    return " ".join((out + err).split())


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
def test_stopped_while_it_waits_it_says_what_is_done_and_the_next_run_finishes(
    own: WrittenStack, room: EngineRoom, tmp_path: Path, times: int
) -> None:
    go = tmp_path / "sign" / "go"
    slow: dict[str, Any] = waiting_for(go)
    own.write(room, first=python(), app={**slow, "depends_on": ["first"]})
    run = own.start(*WORDS)
    wait_for(lambda: "app" in own.container_ids() and state(own).startswith("running"), 120)
    said = interrupted(run, times)
    if times == 1:
        assert "interrupted; applied: first" in said
    assert journal(own).exists()
    go.touch()
    done = up(own)
    assert done.returncode == 0, done.stderr
    assert "this run finishes what `stackctl up` by " in " ".join(done.stderr.split())
    assert not journal(own).exists()


def test_stopped_during_its_checks_it_says_what_was_applied_and_the_next_run_proves_it(
    own: WrittenStack, room: EngineRoom
) -> None:
    own.write(room, app=serving(200))
    run = own.start("up", "--yes")
    wait_for(lambda: journal(own).exists() and '"phase": "checks"' in journal(own).read_text(), 120)
    said = interrupted(run)
    assert "app (create)" in said, "what was applied stays, and is named"
    assert journal(own).exists()
    done = own.run("up", "--yes")
    assert done.returncode == 0, done.stderr
    assert "this run finishes what `stackctl up` by " in " ".join(done.stderr.split())
    assert not journal(own).exists()
    assert own.json("records", "app")["records"][-1]["held"]


def test_stopped_before_anything_is_done_nothing_was_changed(own: WrittenStack, room: EngineRoom) -> None:
    own.write(room, app={**GOOD, "image": "203.0.113.1:9/nowhere:1"})
    run = own.start(*WORDS)
    wait_for(lambda: journal(own).exists(), 120)
    assert "nothing was changed" in interrupted(run)
    assert not journal(own).exists()
    assert own.container_ids() == {}
