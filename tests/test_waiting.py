"""What waiting on events owes: the state that is found counts, and an early yes only for this run of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from stackctl.apply.wait import Verdict, Waiting
from stackctl.engine import Engine
from stackctl.event_stream import EventStream
from stackctl.model import Kind
from stackctl.observe import container

SEEN: dict[str, Any] = json.loads((Path(__file__).parent / "observed" / "full.json").read_text())["inspect"]


def inspect(health: str, run: str = "t0", status: str = "running") -> dict[str, Any]:
    found = copy.deepcopy(SEEN)
    found["Config"]["Healthcheck"] = {"Test": ["CMD", "probe"], "StartPeriod": 60 * 10**9}
    found["RestartCount"] = 0
    found["State"] = {"Status": status, "StartedAt": run, "ExitCode": 0, "Health": {"Status": health}}
    return found


def event(action: str, *, then: dict[str, Any] | None = None, **told: str) -> dict[str, Any]:
    """`then` is what the container is found to be after it."""
    changed = {"then": then} if then else {}
    return {"Action": action, "Actor": {"ID": SEEN["Id"], "Attributes": told}, "timeNano": 0, **changed}


class World:
    """An Engine, its events and the clock: what a container is found to be, and what happens at which second."""

    def __init__(self, found: dict[str, Any], *happens: tuple[float, dict[str, Any]]) -> None:
        self.now = 100.0
        self.found = found
        self.asked_at: list[float] = []
        self._happens = list(happens)

    def monotonic(self) -> float:
        return self.now

    def get(self, path: str) -> dict[str, Any]:
        return self.found

    def start_inside(self, container: str, argv: Sequence[str]) -> str:
        self.asked_at.append(round(self.now, 3))
        return f"exec{len(self.asked_at)}"

    def until(self, deadline: float) -> Iterator[Mapping[str, Any]]:
        while self._happens and self._happens[0][0] <= deadline:
            at, told = self._happens.pop(0)
            self.now = max(self.now, at)
            self.found = told.get("then", self.found)
            yield told
        self.now = max(self.now, deadline)


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Callable[[World], Waiting]:
    def begin(world: World) -> Waiting:
        monkeypatch.setattr("stackctl.apply.wait.time", world)
        found = Waiting(cast(Engine, world), cast(EventStream, world))
        found.add(container(inspect("starting")), Kind.APP, often=0.5)
        return found

    return begin


Begin = Callable[[World], Waiting]


def told(verdicts: Sequence[Verdict]) -> list[tuple[bool, str, bool]]:
    return [(verdict.ok, verdict.detail, verdict.early) for verdict in verdicts]


def test_an_early_yes_comes_first_and_the_wait_for_the_engine_goes_on(waiting: Begin) -> None:
    yes = event("exec_die", execID="exec1", exitCode="0")
    healthy = event("health_status: healthy", then=inspect("healthy"))
    wait = waiting(World(inspect("starting"), (100.6, yes), (108.0, healthy)))
    assert told(wait.verdicts()) == [(True, "healthy", True)]
    assert told(wait.verdicts()) == [(True, "healthy", False)]
    assert not wait


def test_after_a_no_it_is_asked_again_in_time(waiting: Begin) -> None:
    no = event("exec_die", execID="exec1", exitCode="1")
    yes = event("exec_die", execID="exec2", exitCode="0")
    world = World(inspect("starting"), (100.7, no), (101.3, yes))
    assert told(waiting(world).verdicts()) == [(True, "healthy", True)]
    assert world.asked_at == [100.5, 101.2]


def test_a_yes_of_a_run_that_ended_is_forgotten_and_the_next_run_is_asked_anew(waiting: Begin) -> None:
    again = inspect("starting", run="t1")
    world = World(
        inspect("starting"),
        (100.6, event("exec_die", execID="exec1", exitCode="0")),
        (100.6, event("die", then=inspect("starting", status="restarting"))),
        (101.0, event("start", then=again)),
        (101.6, event("exec_die", execID="exec2", exitCode="0")),
    )
    assert told(waiting(world).verdicts()) == [(True, "healthy", True)]
    assert (world.now, world.asked_at) == (101.6, [100.5, 101.5])


def test_a_yes_that_was_told_already_is_taken_back_once_the_container_dies(waiting: Begin) -> None:
    world = World(
        inspect("starting"),
        (100.6, event("exec_die", execID="exec1", exitCode="0")),
        (103.0, event("die", then=inspect("starting", status="restarting"))),
        (104.0, event("start", then=inspect("starting", run="t1"))),
        (104.6, event("exec_die", execID="exec2", exitCode="1")),
        (108.0, event("health_status: healthy", then=inspect("healthy", run="t1"))),
    )
    wait = waiting(world)
    assert told(wait.verdicts()) == [(True, "healthy", True)]
    assert wait.said_yes == {SEEN["Id"]}
    assert told(wait.verdicts()) == [(True, "healthy", False)]
    assert wait.said_yes == set()


def test_who_said_yes_and_died_for_good_does_not_work(waiting: Begin) -> None:
    gone = inspect("starting", status="exited")
    world = World(
        inspect("starting"),
        (100.6, event("exec_die", execID="exec1", exitCode="0")),
        (100.6, event("die", then=gone)),
    )
    assert told(waiting(world).verdicts()) == [(False, "exited with code 0", False)]


def test_where_the_engine_says_healthy_in_the_same_moment_its_word_ends_the_wait(waiting: Begin) -> None:
    world = World(
        inspect("starting"),
        (100.6, event("exec_die", execID="exec1", exitCode="0")),
        (100.6, event("health_status: healthy", then=inspect("healthy"))),
    )
    wait = waiting(world)
    assert told(wait.verdicts())[0] == (True, "healthy", False)
    assert not wait
