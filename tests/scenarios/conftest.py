from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.engine_room import EngineRoom, engine_room
from tests.scenarios.shipped import ShippedStack, ship


@pytest.fixture(scope="session")
def room() -> Iterator[EngineRoom]:
    """This test run's place on the Engine; all that stands in it is removed at the end."""
    with engine_room() as room:
        yield room


@pytest.fixture(scope="module")
def shipped(room: EngineRoom, tmp_path_factory: pytest.TempPathFactory) -> ShippedStack:
    """The shipped stack, shared by the tests of a module."""
    return ship(tmp_path_factory.mktemp("shipped"), room.project())


@pytest.fixture
def shipped_apart(room: EngineRoom, tmp_path: Path) -> ShippedStack:
    """The shipped stack for one test alone."""
    return ship(tmp_path, room.project())
