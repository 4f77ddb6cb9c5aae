"""The list of misconfigurations in the documents, held against the registry and the rules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stackctl.codes import CODES

TEXT = (Path(__file__).parent.parent / "docs" / "misconfigurations.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT.splitlines()
    if re.match(r"\| \d+ \|", line)
]
REASONS = set(re.findall(r"^- ([¹²³⁴⁵]) ", TEXT, re.MULTILINE))


def codes(cell: str) -> set[str]:
    return set(re.findall(r"\b(?:SC|CK)\d{3}\b", cell))


def test_every_row_is_there_once() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, 59))
    assert len({row[1] for row in ROWS}) == 58


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0]))
def test_a_row_names_what_finds_it_or_why_nothing_does(row: list[str]) -> None:
    _, wrong, seen, lint, running = row
    assert wrong
    assert seen
    assert codes(lint) | codes(running)
    for cell, start in ((lint, "SC"), (running, "CK")):
        assert codes(cell) <= CODES.keys()
        assert all(code.startswith(start) for code in codes(cell))
        assert codes(cell) or cell.lstrip("—") in REASONS


def test_every_rule_about_labels_and_edges_is_on_the_list() -> None:
    listed = codes(TEXT)
    of_edges = {code for code in CODES if re.match(r"SC3[1-7]", code)}
    # Beyond the list: settings that nobody reads, directives that do not exist, templates in labels.
    assert of_edges - listed == {"SC366", "SC365", "SC367"}


def test_what_no_scenario_breaks_is_told_with_its_reason() -> None:
    seen, _, rest = TEXT.partition("## Seen on a real Engine")[2].partition("Not broken there")
    told = {
        int(number)
        for number in re.findall(r"\b\d+\b", re.sub(r"\([^)]*\)|`[^`]*`|CK\d+|Docker 29", "", seen + rest))
    }
    assert told | {30, 31, 32} == set(range(1, 59))
