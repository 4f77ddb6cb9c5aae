"""What a document shows: its fenced blocks in order, and the command lines in those of a shell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^(`{3,})(\w*)\n(.*?)^\1$\n?(?:\n*Expected: `([^`]*)`)?", re.MULTILINE | re.DOTALL)
_FIRST = re.compile(r"^- \*\*Before the first start:\*\* `(.*)`$", re.MULTILINE)
_EXITS = re.compile(r"#\s*exits (\d+)")


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    expected: str = ""
    """What the page says below it that the answer holds."""


@dataclass(frozen=True)
class Shown:
    """One command line, its words, the exit code that its comment states, and what it must show."""

    line: str
    words: tuple[str, ...]
    exits: int
    expected: str = ""


def blocks(page: Path) -> list[Block]:
    """A longer fence holds shorter ones as its text."""
    return [Block(found[2], found[3], found[4] or "") for found in _FENCE.finditer(page.read_text())]


def before_the_first_start(page: Path) -> list[str]:
    """Lines for a shell that stand in running text."""
    return _FIRST.findall(page.read_text())


def commands(block: Block) -> Iterator[Shown]:
    if block.language not in ("bash", "sh", "console"):
        return
    for line in block.text.replace("\\\n", " ").splitlines():
        words = tuple(shlex.split(line, comments=True))
        stated = _EXITS.search(line)
        if words:
            yield Shown(line, words, int(stated[1]) if stated else 0, block.expected)


def mentioned(page: Path) -> Iterator[tuple[str, ...]]:
    """The words of every `stackctl` command line, in shell blocks and in running text."""
    text = page.read_text()
    for block in blocks(page):
        inner = [block] if block.language != "markdown" else []
        yield from (shown.words[1:] for b in inner for shown in commands(b) if shown.words[0] == "stackctl")
    for line in re.findall(r"`stackctl ([a-z][^`]*)`", _FENCE.sub("", text)):
        yield tuple(line.split())
