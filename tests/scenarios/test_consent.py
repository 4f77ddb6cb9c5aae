"""What a plan would open is asked about on its own, and a saved plan is applied as it stands or not at all."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.shipped import ShippedStack
from tests.scenarios.written import write

SLEEPS = {
    "entrypoint": ["python", "-c", "import signal; signal.pause()"],
    "stop_signal": "SIGKILL",
    "environment": {"PASSWORD": {"secret": "pw"}},
}


pytestmark = pytest.mark.slow
SECRET = "correct horse"
UP = ("up", "--yes", "--no-verify")


@pytest.fixture
def stack(room: EngineRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ShippedStack]:
    monkeypatch.setenv("CONSENT_PW", SECRET)
    stack = of(room, tmp_path, room.project())
    yield stack
    stack.run("down", "--yes")


def of(room: EngineRoom, root: Path, name: str, **more: Any) -> ShippedStack:
    spokes = {"app": {"image": room.image("python"), "networks": ["proxy"], **SLEEPS, **more}}
    return write(root, name, spokes, secret_sources={"pw": {"env": "CONSENT_PW"}})


def test_what_would_be_open_needs_a_yes_of_its_own(stack: ShippedStack, room: EngineRoom) -> None:
    first = stack.run(*UP)
    assert first.returncode == 0, first.stderr
    before = stack.container("app")

    port = {"ports": ["127.0.0.1::8080"]}
    of(room, stack.root, stack.name, **port)
    shown = stack.run("plan")
    assert "app publishes 8080/tcp as any port on 127.0.0.1" in " ".join(shown.stdout.split())
    refused = stack.run(*UP)
    assert refused.returncode == 2
    assert "app publishes 8080/tcp" in refused.stderr
    assert "--allow-exposure" in refused.stderr
    declined = stack.at_a_terminal("n\n", "up", "--no-verify")
    assert declined.returncode == 1
    assert "declined what it would open" in declined.stdout
    assert stack.container("app") == before

    of(room, stack.root, stack.name, image="stackctl.invalid/nobody/has:this", **port)
    assert stack.run(*UP, "--allow-exposure").returncode == 1, "its image cannot be had"
    of(room, stack.root, stack.name, **port)
    assert stack.run(*UP).returncode == 2, "what never came about was not said yes to"
    of(room, stack.root, stack.name, entrypoint=["python", "-c", "raise SystemExit(3)"], **port)
    assert stack.run(*UP, "--allow-exposure").returncode == 5, "it does not stay up"
    of(room, stack.root, stack.name, **port)
    assert stack.run(*UP).returncode == 2, "a yes to what was gone back on is asked again"

    accepted = {"accept": [{"code": "SC750", "reason": "the family uses it"}]}
    of(room, stack.root, stack.name, **port, **accepted)
    shown = stack.run("plan")
    assert "accepted: the family uses it" in shown.stdout
    of(room, stack.root, stack.name, **port)
    assert stack.run(*UP, "--allow-exposure").returncode == 0
    assert stack.container("app") != before

    room.docker("rm", "--force", stack.container("app"))
    again = stack.run(*UP)
    assert again.returncode == 0, "what was allowed before is not asked again for being put back"


def test_a_first_run_that_came_to_nothing_leaves_the_next_one_the_first(
    stack: ShippedStack, room: EngineRoom
) -> None:
    port = {"ports": ["127.0.0.1::8080"]}
    of(room, stack.root, stack.name, image="stackctl.invalid/nobody/has:this", **port)
    failed = stack.run(*UP)
    assert failed.returncode == 1, failed.stderr
    of(room, stack.root, stack.name, **port)
    done = stack.run(*UP)
    assert done.returncode == 0, done.stderr


def test_a_saved_plan_is_refused_once_files_host_or_engine_moved(
    stack: ShippedStack, room: EngineRoom
) -> None:
    def refused() -> str:
        done = stack.run(*UP, "--plan", "next.plan")
        assert done.returncode == 1, done.stderr
        return " ".join(done.stderr.split())

    assert stack.run(*UP).returncode == 0
    of(room, stack.root, stack.name, mem_limit="100m")
    assert stack.run("plan", "--out", "next.plan").returncode == 0
    assert stat.S_IMODE((stack.root / "next.plan").stat().st_mode) == 0o600
    assert SECRET not in (stack.root / "next.plan").read_text()
    of(room, stack.root, stack.name, mem_limit="101m")
    assert "the files of app changed" in refused()
    of(room, stack.root, stack.name, mem_limit="100m")
    room.docker("stop", "--time", "0", stack.container("app"))
    assert "the containers of app" in refused()
    room.docker("start", stack.container("app"))
    other = stack.run(*UP, "--plan", "next.plan", environ={"CONSENT_PW": "battery staple"})
    assert other.returncode == 1
    assert "secrets" in other.stderr
    done = stack.run(*UP, "--plan", "next.plan")
    assert done.returncode == 0, "where nothing moved, it is applied"
    assert stack.run("plan", "--check").returncode == 0


def test_what_is_no_saved_plan_is_told_apart(stack: ShippedStack) -> None:
    (stack.root / "none.plan").write_text("{}")
    for name in ("none.plan", "not-there.plan", "stack.yaml"):
        done = stack.run(*UP, "--plan", name)
        assert done.returncode == 2
        assert name in done.stderr
    assert stack.run(*UP, "--plan", "none.plan", "app").returncode == 2
