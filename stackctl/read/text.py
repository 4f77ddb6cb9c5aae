"""Bytes of a file -> its text as it was meant, with places that refer to the file as it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from stackctl.codes import finding
from stackctl.findings import Finding, Location


@dataclass(frozen=True)
class Source:
    """A file's text with `\\n` line ends, repaired where it was mis-encoded."""

    file: str
    text: str
    shifts: Mapping[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    """Line -> (column in `text` after a repaired character, characters more in the file up to there)."""

    def at(self, line: int, column: int = 0) -> Location:
        """The place in the file of a line and column of `text`, both counted from 0."""
        if not self.shifts:
            return Location(self.file, line + 1, column + 1)
        more = 0
        for start, extra in self.shifts.get(line, ()):
            if start <= column:
                more = extra
        return Location(self.file, line + 1, column + more + 1)


def _one_byte(byte: int) -> str:
    """The character of a byte in Windows-1252; the five undefined bytes stand for themselves."""
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)


_BYTE_OF = {_one_byte(byte): byte for byte in range(0x80, 0x100)}


def _any(first: int, last: int) -> str:
    return "[" + "".join(re.escape(_one_byte(byte)) for byte in range(first, last + 1)) + "]"


_MORE = _any(0x80, 0xBF)
_LONG = f"{_any(0xE0, 0xEF)}{_MORE}{{2}}|{_any(0xF0, 0xF4)}{_MORE}{{3}}"
# Two characters such as "Ó–" also stand in honest text, so most pairs count only beside surer evidence.
_SURE = re.compile(f"{_LONG}|[ÂÃ]{_MORE}")
_FIRST_OF_SURE = re.compile("[Â-ô]")
"""Of what `_SURE` finds; looked for in a small part of the time."""
_LIKELY = re.compile(f"{_LONG}|{_any(0xC2, 0xDF)}{_MORE}")


def _meant(match: re.Match[str]) -> str:
    try:
        meant = bytes(_BYTE_OF[character] for character in match[0]).decode("utf-8")
    except UnicodeDecodeError:
        return match[0]
    return meant if meant.isprintable() or meant == "\N{NO-BREAK SPACE}" else match[0]


def _repaired(line: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    parts: list[str] = []
    shifts: list[tuple[int, int]] = []
    end = length = extra = 0
    for match in _LIKELY.finditer(line):
        meant = _meant(match)
        if meant == match[0]:
            continue
        length += match.start() - end + len(meant)
        extra += len(match[0]) - len(meant)
        parts += (line[end : match.start()], meant)
        shifts.append((length, extra))
        end = match.end()
    return "".join((*parts, line[end:])), tuple(shifts)


def _decoded(data: bytes) -> tuple[str, int | None]:
    """The text, and the offset in it of the first byte that is not UTF-8."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace"), 0
    try:
        return data.decode("utf-8-sig"), None
    except UnicodeDecodeError:
        escaped = data.decode("utf-8", errors="surrogateescape").removeprefix("\ufeff")
        first = re.search("[\udc80-\udcff]", escaped)
        text = re.sub("[\udc80-\udcff]", lambda m: _one_byte(ord(m[0]) - 0xDC00), escaped)
        return text, first.start() if first else 0


def read_text(file: str, data: bytes) -> tuple[Source, tuple[Finding, ...]]:
    """The text of a file as it was meant; a warning at the first place where it had to be repaired."""
    text, undecodable = _decoded(data)
    if undecodable is not None:
        before = text[:undecodable].replace("\r\n", "\n").replace("\r", "\n")
        place = Location(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        wrong = finding(
            "SC105",
            place,
            "bytes that are not UTF-8; they are read as UTF-16 or Windows-1252",
            "save the file as UTF-8",
        )
        return Source(file, text.replace("\r\n", "\n").replace("\r", "\n")), (wrong,)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    maybe = not text.isascii() and _FIRST_OF_SURE.search(text) is not None
    sure = next((m for m in _SURE.finditer(text) if _meant(m) != m[0]), None) if maybe else None
    if sure is None:
        return Source(file, text), ()
    lines = [_repaired(line) for line in text.split("\n")]
    shifts = {number: shift for number, (_, shift) in enumerate(lines) if shift}
    source = Source(file, "\n".join(line for line, _ in lines), shifts)
    number = min(shifts)
    first = next(m for m in _LIKELY.finditer(text.split("\n")[number]) if _meant(m) != m[0])
    wrong = finding(
        "SC105",
        Location(file, number + 1, first.start() + 1),
        f"mis-encoded text: “{first[0]}” is read as “{_meant(first)}”",
        "save the file as UTF-8; stackctl reads it as it was meant",
    )
    return source, (wrong,)


def as_meant(data: bytes) -> bytes:
    """A file as UTF-8 as `read_text` understands it; its line ends and byte order mark stay.

    What cannot be decoded without a loss is left as it is.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return data.decode("utf-16").encode()
        except UnicodeDecodeError:
            return data
    text, undecodable = _decoded(data)
    if undecodable is None:
        if not any(_meant(match) != match[0] for match in _SURE.finditer(text)):
            return data
        text = "".join(_repaired(part)[0] for part in re.split(r"(\r\n|\r|\n)", text))
    mark = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
    return mark + text.encode()
