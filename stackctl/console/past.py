"""How it looks what was done and proved before."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stackctl.commands.past import HistoryAnswer, RecordsAnswer
from stackctl.model import State

_CAME = {"applied": "green", "failed, restored": "yellow", "interrupted": "yellow", "killed": "yellow"}


def history(answer: HistoryAnswer) -> RenderableType:
    """A row per run, the newest last, as a log is read."""
    if not answer.runs:
        return Text("nothing was done here yet")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("when (UTC)", "by", "what", "came of it", "state"):
        table.add_column(column, overflow="fold")
    for run in answer.runs:
        done = ", ".join(f"{verb} {spoke}" for spoke, verb in sorted(run.changes.items()))
        came = Text(run.came.value, _CAME.get(run.came.value, "red"))
        if run.why:
            came.append(f": {run.why}", "dim")
        kept = str(run.good) if run.good in answer.kept else "gone" if run.good else "-"
        table.add_row(_when(run.at), run.by, f"{run.command}: {done or 'nothing'}", came, kept)
    if not answer.kept:
        return table
    numbers = ", ".join(map(str, sorted(answer.kept)))
    return Group(table, Text(f"`stackctl rollback --to N` goes back to a good state: {numbers}", "dim"))


def records(answer: RecordsAnswer) -> RenderableType:
    """A row per record, or per spoke of which nothing is proved now."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    if answer.stale is not None:
        if not answer.stale:
            return Text("every spoke has a pass on its current fingerprint", "green")
        for column in ("spoke", "proof", "fingerprint", "last pass (UTC)", "on"):
            table.add_column(column, overflow="fold")
        for stale in answer.stale:
            table.add_row(
                stale.spoke,
                Text(stale.state.value, "yellow"),
                stale.fingerprint,
                _when(stale.passed_at) or "never",
                stale.passed_on or "-",
            )
        if any((row.state, row.passed_on) == (State.STALE, row.fingerprint) for row in answer.stale):
            same = "stale on the same fingerprint: what it depends on, or what is checked, has changed since"
            return Group(table, Text(same, "dim"))
        return table
    if not answer.records:
        return Text("nothing was checked here yet: `stackctl verify`")
    for column in ("spoke", "when (UTC)", "fingerprint", "", "checks"):
        table.add_column(column, overflow="fold", no_wrap=column == "spoke")
    for seen in answer.records:
        # What failed and is held against nobody was an exposure, as `verify` calls it.
        words = {"failed": "stated as exposure"} if seen.held else {}
        told = ", ".join(f"{count} {words.get(word, word)}" for word, count in seen.outcomes.items() if count)
        table.add_row(
            seen.spoke,
            _when(seen.at),
            seen.fingerprint,
            Text("current", "green") if seen.current else Text("earlier", "dim"),
            Text(
                told if seen.held else f"{told}: {'; '.join(seen.against)}", "green" if seen.held else "red"
            ),
        )
    return table


def _when(at: str) -> str:
    return at.replace("T", " ").removesuffix("+00:00")
