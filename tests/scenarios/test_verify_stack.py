"""verify against a running stack: each claim holds on a right stack, and is noticed when it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from verify_room import Room, outcomes, running

from stackctl.model import Outcome

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with running(tmp_path_factory.mktemp("right")) as room:
        yield room


def test_everything_passes_on_a_right_stack(right: Room) -> None:
    results = right.verify()
    red = [(r.check.code, r.check.title, r.outcome, r.saw) for r in results if not r.holds]
    assert not red
    for r in results:
        print(r.check.code, r.check.spoke, r.check.title, r.outcome, r.saw, sep=" | ")


def test_a_stopped_proxy_refuses_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as room:
        room.compose("stop", "-t", "0", "docker-socket-proxy")
        results = room.verify()
        for r in results:
            print(r.check.code, r.check.spoke, r.check.title, r.outcome, r.saw, sep=" | ")
        assert outcomes(results, "CK201") == {Outcome.UNREACHABLE}
