"""The only writer into pages and manifests: replaces exactly what was read, every other byte stays.

A file keeps its encoding, its byte order mark, its line ends and its missing final newline. An edit whose
place does not hold what was read there is refused, as somebody else has changed the file since.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from stackctl.errors import StackctlError
from stackctl.files import write_atomically
from stackctl.findings import Location

_END = re.compile(r"\r\n|\r|\n")


class Changed(StackctlError):
    """What stands at a place is not what was read there."""


@dataclass(frozen=True)
class Edit:
    """At `at`, `old` becomes `new`; both as they stand in the file, line ends included."""

    at: Location
    old: str
    new: str


@dataclass(frozen=True)
class Raw:
    """A file as text of which every character can be written back as the bytes that it came from."""

    file: str
    data: bytes

    @cached_property
    def encoding(self) -> str:
        wide = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
        return wide.get(self.data[:2], "utf-8")

    @cached_property
    def mark(self) -> bytes:
        """The byte order mark."""
        if self.encoding != "utf-8":
            return self.data[:2]
        return codecs.BOM_UTF8 if self.data.startswith(codecs.BOM_UTF8) else b""

    @cached_property
    def text(self) -> str:
        try:
            return self.data[len(self.mark) :].decode(self.encoding, self._errors)
        except UnicodeDecodeError as error:
            raise StackctlError(f"{self.file} is damaged: {error}", "save it as UTF-8") from error

    @cached_property
    def newline(self) -> str:
        """How this file ends its lines."""
        first = _END.search(self.text)
        return first[0] if first else "\n"

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Where each line begins."""
        return (0, *(match.end() for match in _END.finditer(self.text)))

    def offset(self, at: Location) -> int:
        """Where a place is in `text`."""
        if at.line > len(self.starts):
            raise self._moved(at)
        return self.starts[at.line - 1] + at.column - 1

    def line(self, number: int) -> str:
        """A line, counted from 1, without its end."""
        start = self.starts[number - 1]
        end = self.starts[number] if number < len(self.starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")

    def whole_line(self, number: int) -> str:
        """A line, counted from 1, with its end."""
        start = self.starts[number - 1]
        end = self.starts[number] if number < len(self.starts) else len(self.text)
        return self.text[start:end]

    def place(self, offset: int) -> Location:
        """The place of an offset in `text`."""
        number = sum(start <= offset for start in self.starts)
        return Location(self.file, number, offset - self.starts[number - 1] + 1)

    def edited(self, edits: Iterable[Edit]) -> bytes:
        """The file's bytes after the edits.

        Raises:
            Changed: Something else stands at the place of an edit, or two edits touch the same text.
        """
        parts: list[str] = []
        end = 0
        for edit in sorted(set(edits), key=lambda e: (e.at, len(e.old))):
            start = self.offset(edit.at)
            if start < end or self.text[start : start + len(edit.old)] != edit.old:
                raise self._moved(edit.at)
            parts += (self.text[end:start], edit.new)
            end = start + len(edit.old)
        text = "".join((*parts, self.text[end:]))
        return self.mark + text.encode(self.encoding, self._errors)

    @property
    def _errors(self) -> str:
        # Bytes that are not UTF-8 come back as they were.
        return "surrogateescape" if self.encoding == "utf-8" else "strict"

    def _moved(self, at: Location) -> Changed:
        return Changed(
            f"{at} does not hold what was read there; nothing was written",
            "the file was changed in the meantime: run the same command again",
        )


def write(root: Path, file: str, before: bytes, after: bytes) -> bool:
    """Replaces a file as a whole; says whether that changed anything.

    Raises:
        Changed: The file is not any more what it was when the edits were made.
    """
    path = root / file
    if path.read_bytes() != before:
        raise Changed(
            f"{file} was changed in the meantime; nothing was written", "run the same command again"
        )
    return write_atomically(path, after, path.stat().st_mode & 0o777)


@dataclass(frozen=True)
class Rewrite:
    """A file with its edits."""

    raw: Raw
    edits: tuple[Edit, ...]

    @property
    def after(self) -> bytes:
        return self.raw.edited(self.edits)

    def write(self, root: Path) -> bool:
        """Writes the edits; see `write`."""
        return write(root, self.raw.file, self.raw.data, self.after)
