"""A new stackctl that renders the same files differently recreates nothing by itself."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stackctl.templates import packaged_dir
from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.shipped import ShippedStack

pytestmark = [pytest.mark.engine, pytest.mark.slow]

# The command line of another version: the same program with other packaged templates.
UPGRADED = """
import sys
from pathlib import Path
from stackctl import templates
from stackctl.cli import main
folder = Path(sys.argv.pop(1))
templates.packaged_dir = lambda: folder
main()
"""


@pytest.fixture
def stack(room: EngineRoom, tmp_path: Path) -> Iterator[ShippedStack]:
    """One app that runs, as the version of today applied it."""
    root = tmp_path / "stack"
    (root / "spokes").mkdir(parents=True)
    (root / "stack.yaml").write_text(f"name: {room.project()}\n")
    (root / "spokes" / "web.yaml").write_text(f"image: {room.image('whoami')}\nnetworks: [proxy]\n")
    name = (root / "stack.yaml").read_text().split()[1]
    stack = ShippedStack(root, name)
    assert stack.run("up", "--yes", "--no-verify").returncode == 0
    yield stack
    stack.run("down", "--yes")


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The templates of a later version: every container gets less memory and one more option."""
    folder = tmp_path / "templates"
    shutil.copytree(packaged_dir(), folder)
    common = folder / "kinds" / "common.yaml.j2"
    text = common.read_text()
    assert "mem_limit: 256m" in text
    common.write_text(text.replace("mem_limit: 256m", "mem_limit: 128m\ninit: true"))
    return folder


def upgraded(stack: ShippedStack, newer: Path, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", UPGRADED, str(newer), *words, "--json"],
        cwd=stack.root,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    assert done.stdout, done.stderr
    document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert document["exit"] == done.returncode
    return document


def actions(document: dict[str, Any]) -> dict[str, tuple[str, set[str]]]:
    """Spoke -> what is done with it, and who causes it."""
    return {
        action["spoke"]: (action["verb"], {cause["who"] for cause in action["causes"]})
        for action in document["plan"]["actions"]
    }


def test_a_new_version_is_named_but_only_refresh_acts_on_it(stack: ShippedStack, newer: Path) -> None:
    before = stack.container_ids()

    planned = upgraded(stack, newer, "plan", "--check")
    assert planned["exit"] == 0
    assert actions(planned) == {"web": ("nothing", {"stackctl"})}

    assert upgraded(stack, newer, "up", "--yes", "--no-verify")["exit"] == 0
    assert stack.container_ids() == before

    pending = upgraded(stack, newer, "plan", "--refresh", "--check")
    assert pending["exit"] == 7
    assert actions(pending) == {"web": ("recreate", {"stackctl"})}

    assert upgraded(stack, newer, "up", "--refresh", "--yes", "--no-verify")["exit"] == 0
    after = stack.container_ids()
    assert after.keys() == before.keys()
    assert after != before
    assert stack.docker("inspect", "--format", "{{.HostConfig.Memory}}", after["web"]) == str(128 << 20)

    assert actions(upgraded(stack, newer, "plan", "--refresh")) == {"web": ("nothing", set())}


def test_what_the_operator_changes_after_an_upgrade_is_the_operators_change(
    stack: ShippedStack, newer: Path
) -> None:
    manifest = stack.root / "spokes" / "web.yaml"
    manifest.write_text(manifest.read_text() + "environment: {ANSWER: '42'}\n")
    verb, who = actions(upgraded(stack, newer, "plan"))["web"]
    assert verb == "recreate"
    assert "you" in who
