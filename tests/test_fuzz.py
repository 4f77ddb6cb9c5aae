"""No page and no manifest breaks reading or adopting; `python -m tests.fuzz 600` tries for longer."""

from __future__ import annotations

import pytest

from tests.fuzz import CRASHERS, replay, with_atheris, with_hypothesis

SECONDS = 30


def test_what_once_broke_something_does_so_no_more() -> None:
    for crasher in sorted(CRASHERS.glob("[!.]*")):
        replay(crasher)


@pytest.mark.slow
def test_half_a_minute_of_odd_pages_breaks_nothing() -> None:
    assert with_hypothesis(SECONDS) > 0


@pytest.mark.slow
def test_half_a_minute_of_pages_led_by_coverage_breaks_nothing() -> None:
    assert with_atheris(SECONDS) > 0
