"""Edits of a page's declared fields."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from stackctl.edit import Edit, Raw
from stackctl.errors import StackctlError
from stackctl.findings import Location
from stackctl.read.blocks import Heading, Line, read_blocks
from stackctl.read.page_outline import words
from stackctl.read.page_values import is_none, items, split_field, without_comment
from stackctl.read.text import Source, read_text

_TOGETHER = ({"smoke test", "last pass", "artifacts"}, {"last updated", "last change fingerprint"})
"""Recorded fields that stand side by side."""

_SECTIONS_WITH_FIELDS = ("", "configuration", "access")


def set_field(raw: Raw, key: str, value: str) -> tuple[Edit, ...]:
    """`**Key:** value` with another value; the comment behind it stays. A missing field joins the others.

    Raises:
        StackctlError: The field is a list of bullets, which has no one value.
    """
    _expect_one_line(value)
    source, _ = read_text(raw.file, raw.data)
    blocks = read_blocks(source.text)
    fields = list(_fields(blocks))
    for number, found in enumerate(fields):
        if _same(found.key, key):
            following = fields[number + 1].line.line if number + 1 < len(fields) else None
            if not found.value and _has_bullets(blocks, found.line.line, following):
                raise StackctlError(
                    f"{source.at(found.line.line)}: `{key}` is a list of several", "change it by hand"
                )
            return (_value_edit(raw, source, found, value),)
    head = [found.line.line for found in fields if not found.section]
    title = [block.line for block in blocks if isinstance(block, Heading) and block.level == 1]
    if head:
        return (insert_after(raw, head[-1] + 1, f"**{key}:** {value}"),)
    if title:
        return (insert_after(raw, title[0] + 1, f"{raw.newline}**{key}:** {value}"),)
    return (Edit(Location(raw.file), "", f"**{key}:** {value}{raw.newline}{raw.newline}"),)


def set_recorded(raw: Raw, key: str, value: str, *, ticks: bool = False) -> tuple[Edit, ...]:
    """What a page records of its own past, wherever it stands; a missing field joins the footer.

    `Status` is a field of the head, and joins that.
    """
    _expect_one_line(value)
    if _same(key, "status"):
        return set_field(raw, key, value)
    source, _ = read_text(raw.file, raw.data)
    last = 0
    for block in read_blocks(source.text):
        if isinstance(block, Line) and (parts := split_field(block.text)):
            word, old, column = parts
            if words(word) == key.lower():
                found = _Field(word, old, block.column + column, block, "")
                if ticks or not old:
                    return (_value_edit(raw, source, found, value, ticks=ticks),)
                # What is no single word has no comment behind it either: all of it is what was recorded.
                at = source.at(block.line, found.column)
                return (Edit(at, rest_of_line(raw, at), value),)
            together = any({words(word), key.lower()} <= group for group in _TOGETHER)
            last = block.line + 1 if together else last
    written = f"**{key}:** {f'`{value}`' if ticks else value}"
    if last:
        return (insert_after(raw, last, written),)
    end = len([line for line in range(1, len(raw.starts) + 1) if raw.line(line) or raw.whole_line(line)])
    return (insert_after(raw, max(end, 1), raw.newline.join(("", "---", "", written))),)


def set_digest(raw: Raw, reference: str) -> tuple[Edit, ...]:
    """The digest bullet under Fingerprint Inputs; a page without that heading gets it behind its image.

    `reference` is `repository@sha256:…`.
    """
    _expect_one_line(reference)
    source, _ = read_text(raw.file, raw.data)
    under = False
    heading = 0
    for block in read_blocks(source.text):
        if isinstance(block, Heading):
            under = words(block.text) == "fingerprint inputs"
            heading = block.line + 1 if under else heading
        elif under and isinstance(block, Line) and (parts := split_field(block.text, plain=True)):
            word, value, column = parts
            if words(word) == "image digest":
                found = _Field(word, value, block.column + column, block, "")
                return (_value_edit(raw, source, found, reference, ticks=True),)
    if heading:
        return (insert_after(raw, heading, f"{raw.newline}- Image digest: `{reference}`"),)
    for found in _fields(read_blocks(source.text)):
        if _same(found.key, "image") and not is_none(found.value):
            image = items(found.value)[0].text.partition("@")[0]
            return (_value_edit(raw, source, found, f"{image}@{reference.partition('@')[2]}"),)
    raise StackctlError(f"{raw.file} states no image, so there is nothing to pin")


def retitle(raw: Raw, old: str, new: str) -> tuple[Edit, ...]:
    """The title of a spoke's page, where it is the spoke's name and nothing more."""
    source, _ = read_text(raw.file, raw.data)
    for block in read_blocks(source.text):
        if isinstance(block, Heading) and block.level == 1:
            written = re.match(r"#\s+(?P<name>.+?)(?=\s+[-–—]|\s*\Z)", raw.line(block.line + 1))
            if written and _plain(written["name"]) == _plain(old):
                at = Location(raw.file, block.line + 1, written.start("name") + 1)
                return (Edit(at, written["name"], re.sub(r"[-_]", " ", new).title()),)
            break
    return ()


def insert_after(raw: Raw, line: int, text: str) -> Edit:
    """A new line below that one, counted from 1."""
    if raw.whole_line(line) != raw.line(line):
        return Edit(Location(raw.file, line + 1), "", text + raw.newline)
    return Edit(Location(raw.file, line, len(raw.line(line)) + 1), "", raw.newline + text)


def rest_of_line(raw: Raw, at: Location) -> str:
    """From a place to the end of its line, as it stands in the file, without blanks behind it."""
    return raw.line(at.line)[at.column - 1 :].rstrip()


@dataclass(frozen=True)
class _Field:
    key: str
    value: str
    column: int
    """Where the value begins in its line."""
    line: Line
    section: str


def _fields(blocks: tuple[object, ...]) -> Iterator[_Field]:
    section = ""
    for block in blocks:
        if isinstance(block, Heading) and block.level == 2:
            section = words(block.text)
        elif isinstance(block, Line) and section in _SECTIONS_WITH_FIELDS and (p := split_field(block.text)):
            yield _Field(p[0], p[1], block.column + p[2], block, section)


def _has_bullets(blocks: tuple[object, ...], line: int, following: int | None) -> bool:
    after = (block for block in blocks if isinstance(block, Line | Heading) and block.line > line)
    first = next(after, None)
    return isinstance(first, Line) and first.bullet and (following is None or first.line < following)


def _value_edit(raw: Raw, source: Source, found: _Field, value: str, *, ticks: bool = False) -> Edit:
    """From one value to another, within its backticks where it has some and keeps them."""
    if not found.value:
        at = Location(raw.file, found.line.line + 1, len(raw.line(found.line.line + 1)) + 1)
        return Edit(at, "", f" {value}")
    start, text = found.column, found.value
    if is_none(value) or is_none(found.value):
        new = f"`{value}`" if ticks and not is_none(value) else value
    else:
        text = without_comment(found.value)
        inside = found.value.startswith("`")
        start += found.value.index(text)
        new = value if inside or not ticks else f"`{value}`"
    at, end = source.at(found.line.line, start), source.at(found.line.line, start + len(text))
    return Edit(at, raw.text[raw.offset(at) : raw.offset(end)], new)


def _expect_one_line(value: str) -> None:
    if not value.strip() or re.search(r"[\r\n]", value):
        raise StackctlError("a field of a page has one line, and is never empty", "write `None` for none")


def _same(one: str, other: str) -> bool:
    return words(one).rstrip("s") == words(other).rstrip("s")


def _plain(text: str) -> str:
    return re.sub(r"[-_\s]+", " ", text).strip().lower()
