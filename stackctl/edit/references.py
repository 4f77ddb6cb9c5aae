"""One spoke's name in the files of all: where it means the spoke, and where it is only mentioned."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stackctl.edit import Edit, Raw
from stackctl.edit.manifest import rewrite, without
from stackctl.model import NAMESPACES, Path
from stackctl.read.blocks import Line, read_blocks
from stackctl.read.page_values import items, split_field
from stackctl.read.text import read_text

_NAMES = ("volumes_from", "links")


def rename_in_page(raw: Raw, old: str, new: str) -> tuple[Edit, ...]:
    """Dependencies, links to the page, host names in URLs, and commands that name the spoke."""
    edits = dict(_dependencies(raw, old, new))
    for pattern in (_link(old), _url(old), re.compile(rf"(?<=\bservices\.){_whole(old)}")):
        edits |= {m.start(): Edit(raw.place(m.start()), old, new) for m in pattern.finditer(raw.text)}
    for number in range(len(raw.starts)):
        line = raw.line(number + 1)
        for command in re.finditer(r"\b(?:stackctl|docker compose)\s[^`;|&]*", line):
            for word in re.finditer(rf"(?<=\s){re.escape(old)}(?=\s|\Z)", command[0]):
                start = raw.starts[number] + command.start() + word.start()
                edits[start] = Edit(raw.place(start), old, new)
    return tuple(edit for _, edit in sorted(edits.items()))


def rename_in_manifest(raw: Raw, old: str, new: str) -> tuple[Edit, ...]:
    """Dependencies, shared namespaces and volumes, links, and host names in URLs."""

    def change(path: Path, text: str, key: bool) -> str:
        if path[0] == "depends_on" and len(path) == 2:
            return new if text == old else text
        if path[0] in NAMESPACES and text == f"service:{old}":
            return f"service:{new}"
        if path[0] in _NAMES:
            return re.sub(rf"\A{re.escape(old)}(?=:|\Z)", new, text)
        return text if key else _url(old).sub(new, text)

    return tuple(rewrite(raw, change))


def rename_on_host(raw: Raw, old: str, new: str) -> tuple[Edit, ...]:
    """The spoke's entries in `stack.local.yaml`."""

    def change(path: Path, text: str, key: bool) -> str:
        return new if key and path[1:] == (old,) else text

    return tuple(rewrite(raw, change))


def remove_on_host(raw: Raw, spoke: str) -> tuple[Edit, ...]:
    """The spoke's entries in `stack.local.yaml`, taken out."""
    return tuple(without(raw, lambda path: len(path) == 2 and path[1] == spoke))


def mentions(raw: Raw, name: str) -> Iterator[int]:
    """The lines, counted from 1, that hold the name as a word."""
    for number in range(1, len(raw.starts) + 1):
        # Behind a slash it is part of an image's name, or of a path.
        if re.search(rf"(?<!/){_whole(name)}", raw.line(number)):
            yield number


def _dependencies(raw: Raw, old: str, new: str) -> Iterator[tuple[int, Edit]]:
    source, _ = read_text(raw.file, raw.data)
    listed = False
    for block in read_blocks(source.text):
        if not isinstance(block, Line):
            listed = False
            continue
        field = split_field(block.text)
        if field is not None:
            listed = field[0].lower().startswith("dependenc")
        if not listed or not (field or block.bullet):
            continue
        text, column = (field[1], field[2]) if field else (block.text, 0)
        for item in items(text, block.column + column):
            at = source.at(block.line, item.column)
            start = raw.offset(at)
            # A link keeps its words: its target is renamed like every other link.
            if item.text.lower().replace(" ", "-") == old and raw.text[start : start + 1] != "[":
                yield start, Edit(at, raw.text[start : start + len(item.text)], new)


def _link(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<=\]\(){re.escape(name)}(?=\.(?:md|ya?ml)[)#\s])")


def _url(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<=://){_whole(name)}(?!\.)")


def _whole(name: str) -> str:
    return rf"(?<![\w-]){re.escape(name)}(?![\w-])"
