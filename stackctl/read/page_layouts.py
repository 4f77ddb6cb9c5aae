"""Other ways to lay a page out -> the lines and fields that the usual way consists of.

Front matter, tables of fields or of one service, several fields in one line, fields without bold keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from stackctl.codes import finding
from stackctl.findings import Finding
from stackctl.read.blocks import Block, Line
from stackctl.read.page_values import split_field
from stackctl.read.text import Source
from stackctl.read.yaml_nodes import load_yaml

_FRONT_MATTER = re.compile(
    r"\A---[ \t]*\n(?=[\w-]+[ \t]*:|---|#)(?P<yaml>.*?)^(?:---|\.\.\.)[ \t]*$\n?", re.DOTALL | re.MULTILINE
)
_RULE_ROW = re.compile(r"[|\s:-]+\Z")
_NEXT_FIELD = re.compile(r"\s+[|•·]\s+(?=(?:\*\*|__)[^*_:]{1,40}(?::\s*(?:\*\*|__)|(?:\*\*|__)\s*:))")
_CELL = re.compile(r"(?:\\\||`[^`]*`|[^|`]|`)*")
_MARKS = re.compile(r"\A[*_`\s]+|[*_`:\s]+\Z")


class Said(NamedTuple):
    """A field that is already taken apart: its key and value, and where both stand."""

    key: str
    value: str
    line: int
    column: int
    value_column: int


def front_matter(source: Source) -> tuple[str, list[Said | Line], list[Finding]]:
    """The text without its front matter, lines kept; what that states; and what of it cannot be read."""
    match = _FRONT_MATTER.match(source.text) if source.text[:3] == "---" else None
    if match is None:
        return source.text, [], []
    rest = "\n" * match[0].count("\n") + source.text[match.end() :]
    document = load_yaml(source, 1, 0, match["yaml"])
    if document.findings or not isinstance(document.value, Mapping):
        wrong = [
            finding("SC111", f.at, f"the front matter cannot be read: {f.message}") for f in document.findings
        ]
        return rest, [], wrong[:1]
    found: list[Said | Line] = []
    for key, value in document.value.items():
        at = document.places[(key,)]
        line, column = at.line - 1, at.column - 1
        told = value if isinstance(value, list) else None
        if isinstance(value, Mapping):
            told = [f"{name}={'' if item is None else item}" for name, item in value.items()]
        text = "" if value is None or told is not None else document.written.get((key,), str(value))
        found.append(Said(key.replace("_", " "), text, line, column, column + len(key) + 2))
        for number, item in enumerate(told or ()):
            place = document.places.get((key, str(number)), at)
            if not isinstance(item, list | Mapping):
                found.append(Line(f"`{item}`", place.line - 1, place.column - 1, bullet=True))
    return rest, found, []


def laid_out(blocks: Iterable[Block], known: Mapping[str, str]) -> Iterator[Block | Said | list[Line]]:
    """The blocks, with tables as the fields that they state; a table that is none comes as its rows.

    `known` are the words that begin a field.
    """
    rows: list[Line] = []
    for block in blocks:
        row = isinstance(block, Line) and block.text[:1] == "|"
        if rows and not (row and isinstance(block, Line) and block.line == rows[-1].line + 1):
            yield from _table(rows, known)
            rows = []
        if row and isinstance(block, Line):
            rows.append(block)
        elif isinstance(block, Line) and block.text[:1] in "*_" and _NEXT_FIELD.search(block.text):
            yield from _parted(block)
        else:
            yield block
    if rows:
        yield from _table(rows, known)


def _parted(line: Line) -> Iterator[Line]:
    begin, bullet = 0, line.bullet
    for match in _NEXT_FIELD.finditer(line.text):
        yield Line(line.text[begin : match.start()], line.line, line.column + begin, bullet)
        begin, bullet = match.end(), False
    yield Line(line.text[begin:], line.line, line.column + begin, bullet)


def _table(rows: list[Line], known: Mapping[str, str]) -> Iterator[Said | list[Line]]:
    cells = [_cells(row) for row in rows if not _RULE_ROW.match(row.text)]
    lines = [row for row in rows if not _RULE_ROW.match(row.text)]
    if not cells:
        return
    if all(len(row) == 2 for row in cells) and any(plain_key(row[0][0]) in known for row in cells):
        for line, ((key, column), (value, value_column)) in zip(lines, cells, strict=True):
            if plain_key(key) in known:
                yield Said(_MARKS.sub("", key), value, line.line, column, value_column)
        return
    heads = [plain_key(cell) for cell, _ in cells[0]]
    if not any(head in known for head in heads):
        return
    if len(cells) == 2 and len(cells[1]) == len(heads):
        for (key, _), (value, column) in zip(cells[0], cells[1], strict=True):
            if plain_key(key) in known:
                yield Said(_MARKS.sub("", key), value, lines[1].line, column, column)
    else:
        yield lines


def _cells(row: Line) -> list[tuple[str, int]]:
    """Text and column of each cell."""
    found = []
    position = 1
    while position < len(row.text):
        match = _CELL.match(row.text, position)
        end = match.end() if match else position
        text = row.text[position:end]
        column = row.column + position + len(text) - len(text.lstrip())
        found.append((text.strip(), column))
        position = end + 1
    return found


def plain_key(text: str) -> str:
    return " ".join(_MARKS.sub("", text).lower().split())


def plain_field(line: Line, known: Mapping[str, str]) -> Said | None:
    """`Image: nginx:1`, where its key is a declared one."""
    parts = split_field(line.text, plain=True)
    if parts is None or plain_key(parts[0]) not in known:
        return None
    return Said(parts[0], parts[1], line.line, line.column, line.column + parts[2])
