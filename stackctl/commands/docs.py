"""`stackctl docs sync`: writes into the pages what follows from the files, and looks at their links."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from stackctl import files, records
from stackctl.commands.opened import Opened, open_stack
from stackctl.commands.story import DocsAnswer, Ended, Story
from stackctl.edit import Raw, index, write
from stackctl.edit.facts import Evidence, with_evidence, with_facts
from stackctl.edit.mend import meaning
from stackctl.errors import Exit, StackctlError
from stackctl.events import Found, Said
from stackctl.lint.links import broken
from stackctl.model import Recorded, Stack, State
from stackctl.read.stack import read_stack

_STATUS = {
    State.PROVED: "🟢 Proved",
    State.STALE: "🟡 Stale",
    State.FAILING: "🔴 Failing",
    State.UNTESTED: "⚪ Untested",
}


def sync(root: Path, *, check: bool, evidence: bool) -> Story:
    opened = open_stack(root)
    before = _texts(root)
    after = _synced(opened, before)
    if evidence:
        history = records.read(root)
        if history.torn:
            yield Said(history.torn, warning=True)
        after |= dict(_with_evidence(opened, after, history))
    _expect_same_meaning(opened.stack, {**before, **after})
    changed = tuple(sorted(file for file, data in after.items() if before.get(file) != data))
    if not check:
        for file in changed:
            if file in before:
                write(root, file, before[file], after[file])
            else:
                files.write_atomically(root / file, after[file])
    wrong = tuple(broken({**before, **after}, lambda path: (root / path).exists()))
    yield from (Found(finding) for finding in wrong)
    if any(finding.blocks for finding in wrong):
        return Ended(DocsAnswer(changed, check, wrong), Exit.INVALID_FILES)
    return Ended(DocsAnswer(changed, check, wrong), Exit.PENDING if check and changed else Exit.DONE)


def _texts(root: Path) -> dict[str, bytes]:
    return {**files.load(root), **files.decisions(root)}


def _synced(opened: Opened, before: dict[str, bytes]) -> dict[str, bytes]:
    """Every file that carries facts, as it should be."""
    pages = {spoke.page: spoke for spoke in opened.stack.spokes if spoke.page}
    after = {
        file: with_facts(Raw(file, before[file]), opened.stack, opened.bundle, spoke)
        for file, spoke in pages.items()
    }
    if pages:
        after[index.SPOKES_FILE] = index.with_spokes(before.get(index.SPOKES_FILE), opened.stack)
    decisions = {file: data for file, data in before.items() if file.startswith("adr/")}
    if decisions.keys() - {index.DECISIONS_FILE}:
        after[index.DECISIONS_FILE] = index.with_decisions(before.get(index.DECISIONS_FILE), decisions)
    return after


def _with_evidence(
    opened: Opened, pages: dict[str, bytes], history: records.History
) -> Iterator[tuple[str, bytes]]:
    standings = records.states(opened.stack, opened.bundle, history.records)
    for spoke in opened.stack.spokes:
        own = [r for r in history.records if (r.stack, r.spoke) == (opened.stack.name, spoke.name)]
        held = [record for record in own if records.held(spoke, record)]
        last = held[-1] if held else None
        told = Evidence(
            _STATUS[standings[spoke.name].state],
            f"{last.at[:16].replace('T', ' ')} UTC, on `{_digits(last.fingerprint)}`" if last else "",
            f"`{records.FILE}` on the host that ran it ({len(last.results)} results)" if last else "",
        )
        if spoke.page:
            yield spoke.page, with_evidence(Raw(spoke.page, pages[spoke.page]), told)


def _digits(label: str) -> str:
    return label.partition(".")[2][:12]


def _expect_same_meaning(stack: Stack, texts: dict[str, bytes]) -> None:
    """Facts are never declarations: a page that would mean something else with them is not written."""
    again = read_stack(texts).stack
    before, after = (_declared(one) if one else None for one in (stack, again))
    if before != after:
        raise StackctlError(
            "the pages would declare something else with these facts; nothing was written",
            "this is a bug in stackctl: please report it with the pages",
        )


def _declared(stack: Stack) -> object:
    spokes = tuple(replace(spoke, recorded=Recorded(), status="") for spoke in stack.spokes)
    return meaning(replace(stack, spokes=spokes, files={}))
