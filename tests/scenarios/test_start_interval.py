"""`start_interval` owes on every Engine: who waits begins when its dependency says that it works.

Where none is stated, it is five seconds, as on the Engines that know it.
"""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.shipped import ShippedStack
from tests.scenarios.written import WrittenStack, python, written

pytestmark = pytest.mark.engine

OFTEN = {"interval": "4s", "timeout": "5s", "start_period": "60s", "start_interval": "200ms"}
WORKS = {**OFTEN, "test": ["CMD", "python", "-c", "print('fine')"]}


@pytest.fixture
def stack(room: EngineRoom, tmp_path: Path) -> Iterator[WrittenStack]:
    stack = written(tmp_path, room)
    yield stack
    stack.run("down", "--yes")


def state(stack: ShippedStack, spoke: str) -> dict[str, Any]:
    return dict(json.loads(stack.docker("inspect", "--format", "{{json .State}}", stack.container(spoke))))


UNSTATED = {key: value for key, value in WORKS.items() if key != "start_interval"} | {"interval": "8s"}
BY_VARIABLE = {**WORKS, "start_interval": "${OFTEN:-300ms}"}


@pytest.mark.parametrize("check", [WORKS, BY_VARIABLE, UNSTATED], ids=["stated", "by variable", "unstated"])
def test_a_chain_does_not_wait_for_the_engine_to_ask_each_of_its_links(
    stack: WrittenStack, room: EngineRoom, check: dict[str, Any]
) -> None:
    links = [f"link{n}" for n in range(3)]
    needs: dict[str, Any] = {"link1": {"link0": {"condition": "service_healthy"}}}
    needs["link2"] = {"link1": {"condition": "service_healthy"}}
    stack.write(room, **{name: python(healthcheck=check, depends_on=needs.get(name, {})) for name in links})
    done = stack.run("up", "--yes", "--no-verify")
    assert done.returncode == 0, done.stderr

    states = [state(stack, name) for name in links]
    assert [s["Health"]["Status"] for s in states] == ["healthy"] * 3, "up ends when the Engine says so"
    for earlier, later in itertools.pairwise(states):
        assert later["StartedAt"] < earlier["Health"]["Log"][0]["Start"], "it began before the Engine asked"

    before = stack.container_ids()
    assert stack.run("plan", "--check").returncode == 0
    subprocess.run(["docker", "compose", "up", "-d"], cwd=stack.root, check=True, capture_output=True)
    assert stack.container_ids() == before, "Compose alone leaves it as it is"


def test_who_says_no_holds_back_who_waits_for_it(stack: WrittenStack, room: EngineRoom) -> None:
    sick = {**WORKS, "interval": "1s", "retries": 2, "start_period": "3s", "test": ["CMD", "false"]}
    stack.write(
        room,
        db=python(healthcheck=sick),
        app=python(depends_on={"db": {"condition": "service_healthy"}}),
    )
    done = stack.run("up", "--yes", "--no-verify")
    assert done.returncode == 1
    assert "is unhealthy" in done.stderr
    assert "app" not in stack.container_ids()


def test_a_dependency_that_another_run_or_a_hand_started_is_waited_for_as_well(
    stack: WrittenStack, room: EngineRoom
) -> None:
    slow = {**UNSTATED, "start_period": "0s", "interval": "4s"}
    stack.write(
        room,
        db=python(healthcheck=slow),
        app=python(depends_on={"db": {"condition": "service_healthy"}}),
    )
    assert stack.run("up", "--yes", "--no-verify").returncode == 0
    stack.docker("rm", "--force", stack.container("app"))
    stack.docker("restart", "--time", "1", stack.container("db"))
    done = stack.run("up", "--yes", "--no-verify")
    assert done.returncode == 0, done.stderr
    db, app = state(stack, "db"), state(stack, "app")
    assert app["StartedAt"] > db["Health"]["Log"][0]["End"], "it began once the other one worked"
