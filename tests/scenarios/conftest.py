from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.scenarios.engine_room import EngineRoom, engine_room


@pytest.fixture(scope="session")
def room() -> Iterator[EngineRoom]:
    """This test run's place on the Engine; all that stands in it is removed at the end."""
    with engine_room() as room:
        yield room
