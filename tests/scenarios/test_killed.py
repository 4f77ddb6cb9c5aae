"""A run that is killed at any of its steps: the next one finishes it or goes back, says so, and leaves nothing."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.engine_room import EngineRoom, wait_for
from tests.scenarios.shipped import REPOSITORY
from tests.scenarios.written import WrittenStack, health, python

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(900)]

WORDS = ("up", "--yes", "--no-verify")


def state_of(own: WrittenStack, room: EngineRoom, version: int) -> None:
    """The state number `version`: odd ones have one more spoke, on a network of its own."""
    app = python(environment={"VERSION": str(version)}, healthcheck=health())
    port = {"target": 8000, "host_ip": "127.0.0.1", "protocol": "tcp", "published": os.environ["TEST_PORT"]}
    more = python(networks=["more"])
    odd = bool(version % 2)
    own.settings(room, networks={"more": {}} if odd else {})
    own.write(room, app=app, fixed={**app, "ports": [port]}, other=python())
    path = own.root / "spokes" / "more.yaml"
    if odd:
        own.write(room, more=more)
    else:
        path.unlink(missing_ok=True)


def driven(own: WrittenStack, at: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.scenarios.killed", at, words[0], "-C", str(own.root), *words[1:]],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def versions(own: WrittenStack) -> set[str]:
    found = set()
    for spoke in ("app", "fixed"):
        env = json.loads(own.docker("inspect", "-f", "{{json .Config.Env}}", own.container(spoke)))
        found |= {value for value in env if value.startswith("VERSION=")}
    return found


def expect_whole(own: WrittenStack, version: int, said: str) -> None:
    """Everything is as declared, and nothing is there that is not."""
    form = '{{.Names}} {{.State}} {{.Label "com.docker.compose.service"}}'
    filter = ("--filter", f"label=com.docker.compose.project={own.name}")
    rows = sorted(own.docker("ps", "-a", *filter, "--format", form).splitlines())
    spokes = ["app", "fixed", *(["more"] if version % 2 else []), "other"]
    assert [row.split()[2] for row in rows] == spokes, said
    assert {row.split()[1] for row in rows} == {"running"}, (rows, said)
    assert all(row.split()[0].startswith(f"{own.name}-{row.split()[2]}-") for row in rows), rows
    networks = own.docker("network", "ls", *filter, "--format", "{{.Name}}").split()
    declared = {f"{own.name}_proxy", *([f"{own.name}_more"] if version % 2 else [])}
    assert set(networks) == declared, said
    assert versions(own) == {f"VERSION={version}"}, said
    assert not (own.root / ".stackctl" / "journal").exists()
    assert (own.root / ".stackctl" / "lock").read_text() == ""
    assert not list((own.root / ".stackctl" / "good").glob(".new*")), said


@pytest.fixture
def settled(own: WrittenStack, room: EngineRoom, monkeypatch: pytest.MonkeyPatch) -> WrittenStack:
    """A stack that runs in its state 0."""
    monkeypatch.setenv("TEST_PORT", room_port())
    state_of(own, room, 0)
    done = own.run(*WORDS)
    assert done.returncode == 0, done.stderr
    return own


def room_port() -> str:
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return str(sock.getsockname()[1])


def test_killed_at_each_step_the_next_run_finishes(
    settled: WrittenStack, room: EngineRoom, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = settled
    count = tmp_path_factory.mktemp("count") / "steps"
    steps = []
    for version in (1, 2):
        state_of(own, room, version)
        run = driven(own, str(count), *WORDS)
        said, _ = run.communicate(timeout=120)
        assert run.returncode == 0, said
        steps.append(int(count.read_text()))
        expect_whole(own, version, said)
    version, told = 2, []
    for number in range(1, max(steps) + 1):
        version += 1
        state_of(own, room, version)
        run = driven(own, str(number), *WORDS)
        first, _ = run.communicate(timeout=120)
        assert run.returncode in (0, -signal.SIGKILL), first
        left = (own.root / ".stackctl" / "journal").exists()
        done = own.run(*WORDS)
        said = f"step {number}, state {version}: {run.returncode}\n{first}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == 0, said
        if left:
            assert "this run finishes what `stackctl up` by " in " ".join(done.stderr.split()), said
        expect_whole(own, version, said)
        told.append((number, run.returncode, left))
    assert sum(code == -signal.SIGKILL for _, code, _ in told) >= min(steps)
    assert any(left for *_, left in told)
    assert "killed" in {run["came"] for run in own.json("history", "--last", "0")["runs"]}


def test_killed_at_each_event_of_the_engine_the_next_run_finishes(
    settled: WrittenStack, room: EngineRoom
) -> None:
    """In the midst of what Compose does: after each thing that happens to a container of the stack."""
    own = settled
    for number in itertools.count(1):
        state_of(own, room, number)
        if not killed_at_event(own, number):
            break
        done = own.run(*WORDS, "--lock-wait", "30")
        said = f"event {number}: {done.stdout}\n{done.stderr}"
        assert done.returncode == 0, said
        expect_whole(own, number, said)
    assert number > 10


def killed_at_event(own: WrittenStack, number: int) -> bool:
    """Whether the run was still at work when so many things had happened."""
    filters = [f"--filter=label=com.docker.compose.project={own.name}", "--filter=type=container"]
    wanted = [f"--filter=event={event}" for event in ("create", "start", "kill", "die", "destroy", "rename")]
    argv = ["docker", "events", *filters, *wanted, "--format", "{{.Action}}"]
    seen: list[str] = []
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as events:
        run = own.start(*WORDS)

        def follow() -> None:
            assert events.stdout is not None
            for line in events.stdout:
                seen.append(line)
                if len(seen) == number:
                    os.kill(run.pid, signal.SIGKILL)
                    return

        thread = threading.Thread(target=follow)
        thread.start()
        run.communicate(timeout=120)
        events.terminate()
        thread.join()
    return run.returncode == -signal.SIGKILL


def test_killed_while_going_back_the_next_run_goes_on_going_back(
    settled: WrittenStack, room: EngineRoom, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = settled
    sick = python(environment={"VERSION": "bad"}, healthcheck={**health(good=False), "retries": 1})
    count = tmp_path_factory.mktemp("count") / "steps"
    own.write(room, app=sick)
    run = driven(own, str(count), *WORDS)
    assert (run.communicate(timeout=120), run.returncode)[1] == 5
    came = []
    for number in range(1, int(count.read_text()) + 1):
        run = driven(own, str(number), *WORDS)
        first, _ = run.communicate(timeout=120)
        back = '"phase": "back"' in journal(own)
        done = own.run(*WORDS)
        said = f"step {number}: {run.returncode}\n{first}\n{done.stderr}"
        assert done.returncode == 5, said
        if back:
            assert "this run goes on going back" in " ".join(done.stderr.split()), said
        came.append(back)
        assert versions(own) == {"VERSION=0"}, said
        expect_whole(own, 0, said)
    assert any(came)


def journal(own: WrittenStack) -> str:
    path: Path = own.root / ".stackctl" / "journal"
    return path.read_text() if path.exists() else ""


def test_a_journal_that_nobody_understands_stops_everything(own: WrittenStack, room: EngineRoom) -> None:
    own.write(room, app=python())
    assert own.run(*WORDS).returncode == 0
    (own.root / ".stackctl" / "journal").write_text("not one line\n")
    done: Any = own.run(*WORDS)
    assert done.returncode == 1
    assert "cannot be understood" in done.stderr
    wait_for(lambda: own.container_ids())
