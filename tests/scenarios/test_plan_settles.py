"""After `up`, a plan is empty: of generated stacks, on the Engine itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.generated import services
from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.small import SmallStack

pytestmark = pytest.mark.slow


def test_after_up_a_plan_is_empty_on_the_engine_too(small: SmallStack, room: EngineRoom) -> None:
    of_this_host = services(room.image("python"))
    stacks = st.dictionaries(st.sampled_from("abcdefgh"), of_this_host, min_size=4, max_size=6)

    # Each of few stacks is many services: what takes time is the Engine.
    @settings(
        max_examples=4,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(stacks)
    def settles(stack: dict[str, dict[str, Any]]) -> None:
        small.set(**stack)
        small.up()
        assert set(small.verbs().values()) == {"nothing"}, small.plan()

    settles()
