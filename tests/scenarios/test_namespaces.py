"""Who lives in another's namespace owes to be where that other one is, whatever happens to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.written import WrittenStack, python, written

pytestmark = pytest.mark.engine


def writes(stack: WrittenStack, room: EngineRoom, generation: str) -> None:
    stack.write(
        room,
        app=python(environment={"GENERATION": generation}),
        after=python(depends_on={"app": {"condition": "service_started", "restart": True}}),
        indifferent=python(depends_on={"app": {"condition": "service_started"}}),
    )


@pytest.fixture
def stack(room: EngineRoom, tmp_path: Path) -> Iterator[WrittenStack]:
    """`inside` and the job live in the network of `app`; only `after` asks to be made anew with it."""
    stack = written(tmp_path, room)
    writes(stack, room, "1")
    lives_in: dict[str, Any] = {"image": room.image("python"), "network_mode": "service:app"}
    manifests = {
        "inside": {**lives_in, **python()},
        "job": {**lives_in, **python("print('done')"), "kind": "job", "restart": "no"},
    }
    for name, manifest in manifests.items():
        (stack.root / "spokes" / f"{name}.yaml").write_text(json.dumps(manifest))
    done = stack.run("up", "--yes", "--no-verify")
    assert done.returncode == 0, done.stderr
    yield stack
    stack.run("down", "--yes")


def shares_the_network(stack: WrittenStack) -> bool:
    """Whether `inside` is in the network of `app`."""
    return shares(stack, "app", "inside")


def shares(stack: WrittenStack, *spokes: str) -> bool:
    """Whether these two have the same interfaces: what is left behind has its loopback alone."""
    seen = [stack.docker("exec", stack.container(name), "cat", "/proc/net/dev") for name in spokes]
    interfaces = [[line.split(":")[0].strip() for line in said.splitlines()[2:]] for said in seen]
    return interfaces[0] == interfaces[1] and len(interfaces[0]) > 1


def planned(stack: WrittenStack, *words: str) -> dict[str, str]:
    actions = json.loads(stack.run("plan", "--json", *words).stdout)["plan"]["actions"]
    return {action["spoke"]: action["verb"] for action in actions if action["verb"] != "nothing"}


def test_it_starts_after_the_other_one_and_a_job_beside_it_too(stack: WrittenStack) -> None:
    assert shares_the_network(stack)
    assert stack.run("plan", "--check").returncode == 0


@pytest.mark.parametrize("named", [[], ["app"]])
def test_it_is_made_anew_with_the_other_one_and_with_it_only_who_asked_for_that(
    stack: WrittenStack, room: EngineRoom, named: list[str]
) -> None:
    before = stack.container_ids()
    writes(stack, room, "2")
    anew = {"app", "inside"} if named else {"app", "inside", "after"}
    assert planned(stack, *named) == dict.fromkeys(anew, "recreate")
    done = stack.run("up", "--yes", "--no-verify", *named)
    assert done.returncode == 0, done.stderr
    after = stack.container_ids()
    assert {name for name in before if before[name] != after[name]} == anew
    assert shares_the_network(stack)
    assert stack.run("plan", "--check").returncode == 0


def test_whoever_stops_and_starts_the_other_one_by_hand_leaves_it_behind_and_that_is_told(
    stack: WrittenStack,
) -> None:
    stack.docker("restart", "--time", "1", stack.container("app"))
    assert not shares_the_network(stack)
    assert planned(stack) == {"inside": "recreate"}
    assert "that is gone" in stack.run("plan").stdout
    assert stack.run("up", "--yes", "--no-verify").returncode == 0
    assert shares_the_network(stack)
    assert stack.run("plan", "--check").returncode == 0


def test_who_stopped_while_the_other_one_was_made_anew_starts_again(
    stack: WrittenStack, room: EngineRoom
) -> None:
    assert stack.run("stop", "inside").returncode == 0
    writes(stack, room, "2")
    assert stack.run("up", "--yes", "--no-verify", "app").returncode == 0
    done = stack.run("up", "--yes", "--no-verify")
    assert done.returncode == 0, done.stderr
    assert shares_the_network(stack)


@pytest.mark.parametrize("named", [["app"], ["inside", "app"]])
def test_a_restart_of_the_other_one_takes_it_along(stack: WrittenStack, named: list[str]) -> None:
    before = stack.container_ids()
    done = stack.run("restart", *named)
    assert done.returncode == 0, done.stderr
    assert stack.container_ids() == before
    assert shares_the_network(stack)
    assert stack.run("plan", "--check").returncode == 0


def test_a_restart_of_what_dies_again_is_none(stack: WrittenStack, room: EngineRoom) -> None:
    once = "import os, signal; os.mkdir('/data/once'); signal.pause()"
    stack.write(room, loop=python(once, restart="always", volumes=["once:/data"], user="0:0"))
    assert stack.run("up", "loop", "--yes", "--no-verify").returncode == 0
    done = stack.run("restart", "loop")
    assert done.returncode == 1, done.stderr
    assert "loop exited with code 1" in " ".join(done.stderr.split())


def test_after_a_change_that_fails_it_is_where_the_other_one_is_again(
    stack: WrittenStack, room: EngineRoom
) -> None:
    assert stack.run("up", "--yes").returncode == 0
    stack.write(room, app=python("raise SystemExit(3)", environment={"GENERATION": "bad"}))
    done = stack.run("up", "--yes", "--no-verify")
    assert done.returncode == 5, done.stderr
    assert shares_the_network(stack)


def test_what_has_written_to_its_data_is_not_replaced_with_whom_it_followed_before(
    own: WrittenStack, room: EngineRoom
) -> None:
    """Going back would make `app` anew, and with it an old image of `keeps` on what the new one has written."""
    data = {"volumes": ["data:/data"]}
    keeps = {"image": room.image("python"), "network_mode": "service:app", **python(**data)}
    (own.root / "spokes" / "keeps.yaml").write_text(json.dumps(keeps))
    own.write(room, app=python(environment={"GENERATION": "1"}))
    done = own.run("up", "--yes", "--no-verify")
    assert done.returncode == 0, done.stderr
    newer = own.newer_image(room)
    own.write(
        room,
        keeps=python(image=newer, **data),
        app=python("raise SystemExit(3)", environment={"GENERATION": "bad"}, depends_on=["keeps"]),
    )
    done = own.run("up", "--yes", "--no-verify")
    said = " ".join(done.stderr.split())
    assert done.returncode == 6, said
    assert "keeps stays as it is: its new version has written to its data already" in said
    assert "keeps would be replaced with what it follows, and has written to its data already" in said
    assert "`stackctl rollback` does it after a yes" in said
    assert own.docker("inspect", "-f", "{{.Config.Image}}", own.container("keeps")) == newer
    done = own.run("rollback", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert own.docker("inspect", "-f", "{{.Config.Image}}", own.container("keeps")) == room.image("python")
    assert shares(own, "app", "keeps")
