"""`stackctl history`: what was done to the stack, when, by whom, and what came of it."""

from __future__ import annotations

from pathlib import Path

from stackctl import good, history
from stackctl.commands.past import HistoryAnswer
from stackctl.commands.story import Ended, Story
from stackctl.events import Said


def show(root: Path, *, last: int) -> Story:
    runs, torn = history.read(root)
    if torn:
        yield Said(torn, warning=True)
    kept = tuple(state.number for state in good.all_good(root))
    return Ended(HistoryAnswer(runs[-last:] if last else runs, kept))
