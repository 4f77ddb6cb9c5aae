"""One run at a time changes a stack, and whoever has to go names the one that acts."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.engine_room import EngineRoom, wait_for
from tests.scenarios.written import WrittenStack, health, python

pytestmark = [pytest.mark.engine, pytest.mark.slow]


def waiting_for(signal_file: Path) -> dict[str, Any]:
    """An app that becomes healthy when this file is there, so that its run lasts until then."""
    signal_file.parent.mkdir()
    signal_file.parent.chmod(0o755)
    mount = {"type": "bind", "source": str(signal_file.parent), "target": "/sign", "read_only": True}
    test = ["CMD", "python", "-c", f"open('/sign/{signal_file.name}')"]
    check = {**health(), "test": test, "start_period": "300s"}
    return python(healthcheck=check, volumes=[mount])


def ended(run: subprocess.Popen[str]) -> int:
    run.communicate(timeout=120)
    return run.returncode


@pytest.mark.slow
def test_of_twenty_at_once_one_acts_and_the_others_name_it(
    own: WrittenStack, room: EngineRoom, tmp_path: Path
) -> None:
    go = tmp_path / "sign" / "go"
    own.write(room, other=python(healthcheck=health()))
    assert own.run("up", "--yes", "--no-verify").returncode == 0
    before = own.container_ids()
    own.write(room, app=waiting_for(go))
    runs = [own.start("up", "--yes", "--no-verify") for _ in range(20)]
    wait_for(lambda: sum(run.poll() is not None for run in runs) >= 19, 240)
    (acting,) = [run for run in runs if run.poll() is None]
    go.touch()
    for run in runs:
        _, said = run.communicate(timeout=120)
        if run is not acting:
            assert run.returncode == 4
            assert "another run is changing this stack: `stackctl up` by " in said
            assert f"process {acting.pid}" in " ".join(said.split())
    assert acting.returncode == 0
    after = own.container_ids()
    assert sorted(after) == ["app", "other"]
    assert after["other"] == before["other"], "nobody's containers are hurt"
    assert own.run("plan", "--check").returncode == 0


def test_a_run_beside_another_exits_4_waits_if_told_to_and_readers_never_wait(
    own: WrittenStack, room: EngineRoom, tmp_path: Path
) -> None:
    go = tmp_path / "sign" / "go"
    own.write(room, app=waiting_for(go))
    run = own.start("up", "--yes", "--no-verify")
    wait_for(lambda: "app" in own.container_ids(), 120)
    try:
        for command in (
            ["up", "--yes"],
            ["down", "--yes"],
            ["stop", "app"],
            ["restart", "app"],
            ["render"],
            ["pull"],
            ["pin"],
            ["docs", "sync"],
            ["new", "other", "--image", "a:1"],
        ):
            document = own.json(*command)
            assert document["exit"] == 4, (command, document)
            assert f"process {run.pid}" in document["error"]["message"]
        for command in (
            ["status"],
            ["plan"],
            ["lint"],
            ["fingerprint"],
            ["render", "--check"],
            ["docs", "sync", "--check"],
            ["show", "app"],
        ):
            assert own.run(*command).returncode == 0, command
        second = own.start("up", "--yes", "--no-verify", "--lock-wait", "60")
        assert second.stderr is not None
        assert "another run" in second.stderr.readline()
    finally:
        go.touch()
        assert ended(run) == 0
    _, said = second.communicate(timeout=120)
    assert (second.returncode, "nothing to do" in said) == (0, True)


def test_what_a_killed_run_left_at_work_is_waited_for(own: WrittenStack, room: EngineRoom) -> None:
    """A stop is under way when the run is killed: the next one must not start in the midst of it."""
    code = (
        "import signal, time\nsignal.signal(signal.SIGTERM, lambda *_: print('asked to stop', flush=True))\n"
        "while True: time.sleep(600)"
    )
    own.write(room, app={**python(code), "init": False, "stop_grace_period": "8s"})
    assert own.run("up", "--yes", "--no-verify").returncode == 0
    app = own.container("app")
    run = own.start("stop", "app")
    wait_for(lambda: "asked to stop" in room.docker("logs", app), 60)
    os.kill(run.pid, signal.SIGKILL)
    ended(run)
    done = own.run("restart", "app")
    assert done.returncode == 0, done.stderr
    assert "it was killed, and what it had started is still at work; waiting up to 30 s" in done.stderr
    assert room.docker("inspect", "-f", "{{.State.Status}}", app) == "running"
