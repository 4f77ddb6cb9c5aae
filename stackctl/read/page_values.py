"""Values as people write them on a page: in backticks or not, with a comment behind, or "None"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

_FIELD = re.compile(
    r"(?:\*\*\*|\*\*|__)[^\w*:`]{0,6}(?P<key>[A-Za-z][^*_:]{0,39}?)\s*"
    r"(?::\s*(?:\*\*\*|\*\*|__)|(?:\*\*\*|\*\*|__)\s*:)\s*(?P<value>.*)\Z"
)
_PLAIN_FIELD = re.compile(r"(?P<key>[A-Za-z][A-Za-z ]{0,39}?)\s*:\s+(?P<value>.*)\Z")
_NONE = re.compile(
    r"(?:none|n/?a|nothing|tbd|todo|not yet\b.*|never|[-–—])(?=\s*(?:\Z|[,;(–—])|\.\s|\.\Z|\s+-)",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"\s+(?:[-–—]{1,2}\s.*|#\s.*)\Z|\s+\(.*\Z")
_MARKS = re.compile(r"[`*_]")
_TICKS = re.compile(r"`+")
_SPAN = re.compile(r"`([^`]+)`")
_SPAN_OR_BRACKET = re.compile(r"`[^`]*`|\([^()]*\)")
_BETWEEN = re.compile(r"\s*(?:,|;|&|\+|and|,\s*and)\s*")
_GOES_ON = re.compile(r"[^\s,;.:()–—-]")
_AFTER_DASH = re.compile(r"\s+[-–—]{1,2}\s.*\Z")
_PART = re.compile(r"[^,;]+")
_AND = re.compile(r"(\s+and\s+)")
_PAGE = re.compile(r"([^/]+)\.md(?:#.*)?\Z")
_LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]*)[^)]*\)")


@dataclass(frozen=True)
class Item:
    """One value, and its column in its line."""

    text: str
    column: int


def split_field(text: str, plain: bool = False) -> tuple[str, str, int] | None:
    """Key, value and the value's column of a `**Key:** value` line, or of `Key: value` where `plain`."""
    if ":" not in text:
        return None
    bold = _FIELD.match(text) if text[0] in "*_" else None
    match = bold or (_PLAIN_FIELD.match(text) if plain else None)
    if match is None:
        return None
    return match["key"].strip(), match["value"].strip(), match.start("value")


def is_none(value: str) -> bool:
    """Whether the value says that there is none: `None`, `N/A (reason)`, `TBD`, and the like."""
    return _NONE.match(_MARKS.sub("", value).strip()) is not None


def without_comment(value: str) -> str:
    """The value without its backticks, and without what follows a dash or stands in brackets behind it."""
    value = value.strip()
    if value.startswith("`"):
        ticks = _TICKS.match(value)
        fence = ticks[0] if ticks else "`"
        end = value.find(fence, len(fence))
        if end > 0:
            return value[len(fence) : end].strip()
    return _COMMENT.sub("", value).strip().strip("`").strip()


def items(value: str, column: int = 0) -> list[Item]:
    """The values of a line: one, or several parted by commas or "and"."""
    value = _LINK.sub(lambda m: _named_by(m["text"], m["target"]).ljust(len(m[0])), value)
    if is_none(value):
        return []
    # Code spans in a bracket behind a value are not values.
    value = _SPAN_OR_BRACKET.sub(lambda m: m[0] if m[0][0] == "`" else " " * len(m[0]), value)
    spans = [(m[1], m.start(1), m.start(), m.end()) for m in _SPAN.finditer(value)]
    if spans and not value[: spans[0][2]].strip():
        found = [Item(spans[0][0].strip(), column + spans[0][1])]
        last = spans[0][3]
        for (_, _, _, end), (text, start, begin, end_of_next) in pairwise(spans):
            # A span in the comment behind a value is not another value.
            if not _BETWEEN.fullmatch(value[end:begin]):
                break
            found.append(Item(text.strip(), column + start))
            last = end_of_next
        if _GOES_ON.match(value[last:]):
            # The last span goes on without a blank: it is not what it seems, so nothing is left out of it.
            return [Item(value.strip(), column)]
        return [item for item in found if item.text]
    found = []
    for match in _PART.finditer(_AFTER_DASH.sub("", value)):
        position = match.start()
        for part in _AND.split(match[0]):
            text = without_comment(part)
            if text and part.strip() != "and":
                lead = len(part) - len(part.lstrip())
                found.append(Item(text, column + position + lead))
            position += len(part)
    return found


def _named_by(text: str, target: str) -> str:
    """What a link names: the spoke of a linked page, else its text."""
    page = _PAGE.search(target)
    return page[1] if page else text
