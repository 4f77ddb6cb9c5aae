"""Markdown -> the few things that a spoke page is made of, each with its lines in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt


@dataclass(frozen=True)
class Heading:
    level: int
    text: str
    line: int


@dataclass(frozen=True)
class Line:
    """One line of a paragraph or of a list's item, without its bullet."""

    text: str
    line: int
    column: int
    bullet: bool = False
    """It begins an item of a list."""


@dataclass(frozen=True)
class Fence:
    """A block of code; `line` and `column` are those of its first line."""

    language: str
    content: str
    line: int
    column: int


Block = Heading | Line | Fence

_BULLET = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?")
_QUOTE = re.compile(r"\s*(?:>\s?)+")


def read_blocks(text: str) -> tuple[Block, ...]:
    """The headings, lines and code blocks of a page, in order; tables, HTML and rules are left out."""
    return tuple(_blocks(text))


@cache
def _markdown() -> MarkdownIt:
    # Imported late: it costs more than reading a small stack that has manifests only.
    from markdown_it import MarkdownIt

    # What stands inside a line is read from the line itself; parsing it would be half of all the work.
    return MarkdownIt("commonmark").disable("inline")


def _blocks(text: str) -> Iterator[Block]:
    lines = text.split("\n")
    heading = 0
    item_lines: set[int] = set()
    for token in _markdown().parse(text):
        if token.type == "heading_open":
            heading = int(token.tag[1])
        elif token.type == "heading_close":
            heading = 0
        elif token.type == "list_item_open" and token.map:
            item_lines.add(token.map[0])
        elif token.type == "fence" and token.map:
            first = token.map[0] + 1
            content_line = lines[first] if first < len(lines) else ""
            own = token.content.split("\n")[0]
            column = max(content_line.find(own), 0) if own else 0
            yield Fence(token.info.split(" ")[0].lower(), token.content, first, column)
        elif token.type == "inline" and token.map:
            first, last = token.map
            if heading:
                yield Heading(heading, token.content.strip(), first)
                continue
            for number in range(first, min(last, len(lines))):
                yield _line(lines[number], number, number in item_lines)


def _line(text: str, number: int, bullet: bool) -> Line:
    column = 0
    if quote := _QUOTE.match(text):
        column = quote.end()
    # A nested item can begin on the line of its parent: `- - x`.
    while bullet and (mark := _BULLET.match(text, column)):
        column = mark.end()
    column += len(text[column:]) - len(text[column:].lstrip())
    return Line(text[column:].rstrip(), number, column, bullet)
