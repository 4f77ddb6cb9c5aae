from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from stackctl import process
from stackctl.engine import Engine
from tests.scenarios.engine_room import EngineRoom, engine_room, sweep_running
from tests.scenarios.shipped import ShippedStack, ship
from tests.scenarios.small import SmallStack
from tests.scenarios.written import WrittenStack, written


@pytest.fixture(scope="session")
def room() -> Iterator[EngineRoom]:
    """This test run's place on the Engine; all that stands in it is removed at the end."""
    with engine_room() as room:
        yield room


@pytest.fixture(scope="module", autouse=True)
def ended(room: EngineRoom) -> Iterator[None]:
    """What a module leaves running would slow the next ones, and take from the few networks that there are."""
    yield
    sweep_running(room.run)


@pytest.fixture(scope="module")
def shipped(room: EngineRoom, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShippedStack]:
    """The shipped stack, shared by the tests of a module."""
    stack = ship(tmp_path_factory.mktemp("shipped"), room.project())
    yield stack
    room.clear(stack.name)


@pytest.fixture
def shipped_apart(room: EngineRoom, tmp_path: Path) -> Iterator[ShippedStack]:
    """The shipped stack for one test alone."""
    stack = ship(tmp_path, room.project())
    yield stack
    room.clear(stack.name)


@pytest.fixture
def switched(room: EngineRoom, tmp_path: Path) -> Iterator[ShippedStack]:
    """The shipped stack with a socket proxy that is filtered by its image's switches."""
    stack = ship(tmp_path, room.project(), switches=True)
    yield stack
    room.clear(stack.name)


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine.connect() as engine:
        yield engine


@pytest.fixture
def small(room: EngineRoom, engine: Engine, tmp_path: Path) -> Iterator[SmallStack]:
    """An empty stack of its own, taken down after the test."""
    stack = SmallStack(room, tmp_path, room.project(), engine)
    yield stack
    if (tmp_path / "docker-compose.yml").exists():
        stack.compose().down()


@pytest.fixture
def own(room: EngineRoom, tmp_path: Path) -> Iterator[WrittenStack]:
    """A stack whose manifests the test writes, taken down after the test."""
    stack = written(tmp_path, room)
    yield stack
    stack.run("down", "--yes", "--lock-wait", "60")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The command lines of all processes that stackctl starts from here on."""
    seen: list[tuple[str, ...]] = []
    run = process.run

    def recorded(argv: Sequence[str], **how: Any) -> process.Completed:
        seen.append(tuple(argv))
        return run(argv, **how)

    monkeypatch.setattr(process, "run", recorded)
    return seen
