"""`stackctl records`: what was proved of which fingerprint, and of which nothing is proved now."""

from __future__ import annotations

from pathlib import Path

from stackctl import records
from stackctl.commands.opened import named, open_stack
from stackctl.commands.past import RecordsAnswer, RecordSeen, StaleSpoke
from stackctl.commands.story import Ended, Story
from stackctl.events import Said
from stackctl.model import Outcome, State


def show(root: Path, spokes: tuple[str, ...], *, stale: bool, last: int) -> Story:
    """The newest records, per spoke; with `stale`, the spokes without a pass on their current fingerprint."""
    opened = open_stack(root)
    chosen = named(opened.stack, spokes) or tuple(spoke.name for spoke in opened.stack.spokes)
    history = records.read(root)
    if history.torn:
        yield Said(history.torn, warning=True)
    own = [r for r in history.records if r.stack == opened.stack.name and r.spoke in chosen]
    if not stale:
        prints = {name: f"1.{found.digest}" for name, found in opened.bundle.fingerprints.items()}
        rows = [
            RecordSeen(
                record.at,
                record.spoke,
                record.fingerprint.partition(".")[2][:12],
                record.fingerprint == prints.get(record.spoke),
                records.held(opened.stack.spoke(record.spoke), record),
                {outcome: sum(s.outcome is outcome for s in record.results) for outcome in Outcome},
                tuple(f"{s.code} {s.title}" for s in record.results if s.outcome is not Outcome.PASSED),
            )
            for name in chosen
            for record in [r for r in own if r.spoke == name][-last:]
        ]
        return Ended(RecordsAnswer(tuple(rows)))
    states = records.states(opened.stack, opened.bundle, history.records)
    found = []
    for name in chosen:
        if states[name].state is State.PROVED:
            continue
        passed = [r for r in own if r.spoke == name and records.held(opened.stack.spoke(name), r)]
        at, on = (passed[-1].at, passed[-1].fingerprint.partition(".")[2][:12]) if passed else ("", "")
        fingerprint = opened.bundle.fingerprints[name].short
        found.append(StaleSpoke(name, states[name].state, fingerprint, at, on))
    return Ended(RecordsAnswer(stale=tuple(found)))
