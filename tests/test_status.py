"""`status --check` says yes only where all that should run does, as its files declare it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stackctl.commands.status import lacks
from stackctl.commands.story import ABSENT, SpokeStatus, StatusAnswer
from stackctl.model import Spoke, Stack, State
from tests.planned import spoke

FINE = SpokeStatus("app", "app", (), "running", 0, "", State.PROVED, True, "")


def told(row: SpokeStatus, *spokes: Spoke, profiles: tuple[str, ...] = ()) -> list[str]:
    stack = Stack("home", spokes or (spoke("app"),))
    return list(lacks(StatusAnswer("home", "29", (row,)), stack, frozenset(profiles)))


@pytest.mark.parametrize("runs", ["running", "healthy", "starting", "exited (0)"])
def test_what_runs_as_declared_and_is_proved_is_fine(runs: str) -> None:
    """A job that is done has ended, and nothing is to be changed about it."""
    assert told(replace(FINE, runs=runs)) == []


@pytest.mark.parametrize(
    ("runs", "changes"),
    [(ABSENT, "create"), ("exited (137)", "start"), ("running", "recreate"), ("healthy", "reload")],
)
def test_what_up_would_change_is_not_fine_however_well_it_was_proved(runs: str, changes: str) -> None:
    (sentence,) = told(replace(FINE, runs=runs, changes=changes))
    assert f"app is not what the files declare (it is {runs}): `up` would {changes} it" == sentence
    accepted = replace(FINE, runs=runs, changes=changes, proof=State.UNTESTED, accepted="no need")
    assert told(accepted) == [sentence], "who need not be proved must run all the same"


@pytest.mark.parametrize("runs", ["restarting", "paused", "dead"])
def test_what_does_not_run_is_not_fine_though_nothing_is_to_be_changed(runs: str) -> None:
    (sentence,) = told(replace(FINE, runs=runs))
    assert f"app does not work, it is {runs}" in sentence


def test_what_is_not_proved_is_not_fine_unless_that_is_accepted() -> None:
    stale = replace(FINE, proof=State.STALE)
    assert "app is stale" in told(stale)[0]
    assert told(replace(stale, accepted="no need")) == []


@pytest.mark.parametrize(("runs", "changes"), [(ABSENT, "create"), ("exited (0)", "start")])
def test_what_rests_counts_only_where_it_is_meant(runs: str, changes: str) -> None:
    extra = spoke("app", profile="extra")
    row = replace(FINE, runs=runs, changes=changes, proof=State.UNTESTED)
    assert told(row, extra) == []
    assert told(row, extra, profiles=("extra",))
    assert told(row, extra, profiles=("*",))
    assert told(row, extra, spoke("web", needs=("app",))), "what is meant depends on it"
    assert told(replace(row, runs="running", changes="recreate"), extra), "it runs, and as something else"
