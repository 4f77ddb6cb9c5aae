"""Markdown -> the few things that a spoke page is made of, each with its lines in the file."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate
from typing import Any, NamedTuple


class Heading(NamedTuple):
    level: int
    text: str
    line: int


class Line(NamedTuple):
    """One line of a paragraph or of a list's item, without its bullet."""

    text: str
    line: int
    column: int
    bullet: bool = False
    """It begins an item of a list."""


class Fence(NamedTuple):
    """A block of code; `line` and `column` are those of its first line."""

    language: str
    content: str
    line: int
    column: int


Block = Heading | Line | Fence

_BULLET = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?")
_QUOTE = re.compile(r"\s*(?:>\s?)+")


_CONTAINERS = frozenset(("Paragraph", "Heading", "BlockQuote", "CodeBlock", "HtmlBlock", "List", "Item"))


def read_blocks(text: str) -> tuple[Block, ...]:
    """The headings, lines and code blocks of a page, in order; tables, HTML and rules are left out."""
    # Imported late: a stack that has manifests only does without.
    from pyromark import events_with_range

    reader = _Reader(text)
    event: Any
    for event, place in events_with_range(text):
        if isinstance(event, str):
            # A break stands inside a paragraph, where other events tell of the lines around it.
            if event == "Rule":
                reader.flush()
            continue
        kind, of = event.popitem()
        if kind != "Start" and kind != "End":
            reader.inline(of, place)
            continue
        name = of if isinstance(of, str) else next(iter(of))
        if name not in _CONTAINERS:
            reader.inline("", place)
        elif kind == "Start":
            reader.start(name, of, place["start"])
        else:
            reader.end(name)
    return tuple(reader.blocks)


class _Reader:
    """Puts the parser's events together again: what stands inside a line is read from the line itself."""

    def __init__(self, text: str) -> None:
        self.blocks: list[Block] = []
        self.encoded = text.encode()
        self.lines = text.split("\n")
        self.starts = [0, *accumulate(len(line) + 1 for line in self.encoded.split(b"\n"))]
        self.item_lines: set[int] = set()
        self.begin, self.after = -1, 0
        """The bytes of the paragraph, heading or item that is being read; -1: of none."""
        self.level = self.line = 0
        """Of the heading that is being read; 0: none."""
        self.skipped = False
        self.language = ""
        self.code: list[str] | None = None
        """Of the fence that is being read."""

    def line_of(self, byte: int) -> int:
        return bisect_right(self.starts, byte) - 1

    def inline(self, text: str, place: Any) -> None:
        if self.code is not None:
            self.code.append(text)
        elif not self.skipped:
            if self.begin < 0:
                self.begin = place["start"]
            self.after = max(self.after, place["end"])

    def start(self, name: str, what: Any, at: int) -> None:
        self.flush()
        if name == "Item":
            self.item_lines.add(self.line_of(at))
        elif name == "Heading":
            self.level, self.line = int(what[name]["level"][1]), self.line_of(at)
        elif name == "CodeBlock" and what[name] != "Indented":
            self.line, self.code = self.line_of(at) + 1, []
            self.language = what[name]["Fenced"].split(" ")[0].lower()
        elif name in ("CodeBlock", "HtmlBlock"):
            self.skipped = True

    def end(self, name: str) -> None:
        if name == "Heading":
            text = self.encoded[self.begin : self.after].decode() if self.begin >= 0 else ""
            self.blocks.append(Heading(self.level, text.strip(), self.line))
            self.level, self.begin = 0, -1
        elif name == "CodeBlock" and self.code is not None:
            self.blocks.append(self.fence("".join(self.code)))
            self.code = None
        elif name in ("CodeBlock", "HtmlBlock"):
            self.skipped = False
        else:
            self.flush()

    def flush(self) -> None:
        """An item may hold text without a paragraph; what begins or ends around it ends it too."""
        if self.begin < 0:
            return
        for number in range(self.line_of(self.begin), self.line_of(self.after - 1) + 1):
            self.blocks.append(_line(self.lines[number], number, number in self.item_lines))
        self.begin = -1

    def fence(self, content: str) -> Fence:
        first = self.lines[self.line] if self.line < len(self.lines) else ""
        own = content.split("\n")[0]
        return Fence(self.language, content, self.line, max(first.find(own), 0) if own else 0)


def _line(text: str, number: int, bullet: bool) -> Line:
    column = 0
    if ">" in text and (quote := _QUOTE.match(text)):
        column = quote.end()
    # A nested item can begin on the line of its parent: `- - x`.
    while bullet and (mark := _BULLET.match(text, column)):
        column = mark.end()
    rest = text[column:].lstrip()
    return Line(rest.rstrip(), number, len(text) - len(rest), bullet)
