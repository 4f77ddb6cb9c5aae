"""What a snapshot of a real Engine owes: the project in full, all others in outline, in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from stackctl.engine import Engine
from stackctl.model import Mount
from stackctl.observe import observe
from tests.scenarios.engine_room import LABEL, REPOSITORY, EngineRoom, wait_for
from tests.scenarios.small import SmallStack

pytestmark = pytest.mark.engine

STAYS = {"command": ["python", "-c", "import signal; signal.pause()"], "init": True}


def test_the_project_is_seen_in_full_and_in_order_and_the_others_in_outline(small: SmallStack) -> None:
    mount = {"type": "bind", "source": "/etc/hostname", "target": "/in", "read_only": True}
    volume = {"type": "volume", "source": "data", "target": "/data"}
    small.set(b={**STAYS, "volumes": [volume, mount]}, a=STAYS)
    small.up()
    labels = [f"--label={LABEL}={small.room.run}"]
    code = ("python", "-c", "raise SystemExit(7)")
    stranger = small.room.docker("create", *labels, "-v", "/etc:/etc2:ro", small.room.image("python"), *code)
    small.room.docker("start", "--attach", stranger, check=False)
    small.room.docker(
        *("compose", "--project-name", small.project, "--file", f"{small.directory}/docker-compose.yml"),
        *("run", "--detach", "--no-deps", "a", "python", "-c", "pass"),
    )

    seen = small.observe()
    assert [c.spoke for c in seen.containers] == ["a", "b"], "what `compose run` made is no spoke"
    b = seen.of_spoke("b")[0]
    assert b.mounts == (
        Mount("volume", f"{small.project}_data", "/data"),
        Mount("bind", "/etc/hostname", "/in", True),
    )
    assert list(b.networks) == [f"{small.project}_proxy"]
    assert b.networks[f"{small.project}_proxy"]
    assert b.image_id == seen.image_id(small.room.image("python")) != ""
    assert seen.image_defaults.keys() == {b.image_id}
    assert seen.engine_version[0].isdigit()
    assert f"{small.project}_proxy" in seen.networks

    other = next(c for c in seen.others if c.id == stranger)
    assert (other.state, other.exit_code, other.inspect) == ("exited", 7, {})
    assert other.mounts == (Mount("bind", "/etc", "/etc2", True),)
    assert other.labels[LABEL] == small.room.run


def test_a_snapshot_takes_four_lists_and_one_look_at_each_container_and_image(
    small: SmallStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.set(a=STAYS, b=STAYS)
    small.up()
    asked: list[str] = []
    get_bytes = Engine.get_bytes

    def counted(self: Engine, path: str, **query: Any) -> bytes:
        asked.append(path.split("/")[1])
        return get_bytes(self, path, **query)

    monkeypatch.setattr(Engine, "get_bytes", counted)
    small.observe()
    assert sorted(asked) == [*["containers"] * 3, "images", "images", "networks", "volumes"]


def test_two_snapshots_of_the_same_state_are_the_same(small: SmallStack) -> None:
    small.set(a=STAYS, b=STAYS)
    small.up()
    first, second = (observe(small.engine, small.project).containers for _ in range(2))
    assert first == second


def test_what_a_killed_test_run_made_is_removed(room: EngineRoom) -> None:
    code = (
        "import sys\nfrom tests.scenarios.engine_room import engine_room\n"
        "with engine_room() as room:\n"
        " room.docker('create', '--label', f'stackctl.test={room.run}', room.image('python'))\n"
        " project = room.project()\n"
        " room.docker('network', 'create', '--label', f'com.docker.compose.project={project}', project)\n"
        " print(room.run, flush=True)\n sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        run = child.stdout.readline().strip()

        def left() -> str:
            filters = ("--filter", f"label={LABEL}={run}")
            networks = room.docker("network", "ls", "-q", "--filter", f"name={run}")
            return room.docker("ps", "-aq", *filters) + networks

        assert left()
        os.kill(child.pid, signal.SIGKILL)
    wait_for(lambda: not left())
