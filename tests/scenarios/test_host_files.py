"""What only this host knows: a changed file is a cause of a plan, and no value of a variable is shown."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.shipped import ShippedStack

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PASSWORD = "canary-4711-canary"
STAYS = ["python", "-c", "import signal; signal.sigwait([signal.SIGTERM])", "--pw=${DB_PASSWORD}"]
LOUD = ["python", "-c", "import sys; print(sys.argv); sys.exit(3)", "--pw=${DB_PASSWORD}"]


def manifest(stack: ShippedStack, image: str, **changed: Any) -> None:
    service = {
        "image": image,
        "command": STAYS,
        "env_file": ["app.env"],
        "user": "1000:1000",
        "accept": [{"code": "SC202", "reason": "made for this test"}],
        **changed,
    }
    (stack.root / "spokes" / "app.yaml").write_text(json.dumps(service))


@pytest.fixture
def stack(room: EngineRoom, tmp_path: Path) -> Iterator[ShippedStack]:
    found = ShippedStack(tmp_path, room.project())
    (tmp_path / "spokes").mkdir()
    (tmp_path / "stack.yaml").write_text(f"name: {found.name}\n")
    (tmp_path / ".env.example").write_text("DB_PASSWORD=\n")
    (tmp_path / ".env").write_text(f"DB_PASSWORD={PASSWORD}\n")
    (tmp_path / "app.env").write_text("A=1\n")
    manifest(found, room.image("python"))
    yield found
    found.run("down", "--yes")
    shutil.rmtree(tmp_path / ".stackctl", ignore_errors=True)


def test_a_changed_env_file_and_variable_are_causes_and_show_no_value(stack: ShippedStack) -> None:
    done = stack.run("up", "--yes", "--no-verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert stack.run("plan", "--check").returncode == 0
    (stack.root / "app.env").write_text("A=2\n")
    plan = stack.run("plan", "--check")
    assert plan.returncode != 0
    assert "content of env_file changed" in plan.stdout
    assert stack.run("up", "--yes", "--no-verify").returncode == 0
    assert "A=2" in stack.docker("exec", stack.container("app"), "env")
    assert stack.run("plan", "--check").returncode == 0
    (stack.root / ".env").write_text(f"DB_PASSWORD={PASSWORD}-new\n")
    for words in (("plan",), ("plan", "--json")):
        said = stack.run(*words)
        assert "(changed)" in said.stdout
        assert PASSWORD not in said.stdout + said.stderr


def test_the_last_words_of_a_failing_container_hold_no_value_of_a_variable(
    stack: ShippedStack, room: EngineRoom
) -> None:
    manifest(stack, room.image("python"), command=LOUD, restart="no")
    for words in (("up", "--yes", "--no-verify"), ("up", "--yes", "--no-verify", "--json")):
        done = stack.run(*words)
        assert done.returncode == 1
        assert "--pw=[redacted]" in done.stdout + done.stderr
        assert PASSWORD not in done.stdout + done.stderr
