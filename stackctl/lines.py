"""Files to which lines of JSON are only ever added, such that a killed run can tear no line but its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Lines:
    documents: tuple[tuple[int, Mapping[str, Any]], ...] = ()
    """The number of each line that holds an object, and that object."""
    torn: tuple[int, ...] = ()
    """The numbers of the others."""


def append(path: Path, documents: Iterable[Mapping[str, Any]]) -> None:
    """Adds a line for each; they are on the disk when this returns. Raises OSError."""
    lines = "".join(json.dumps(document, ensure_ascii=False) + "\n" for document in documents).encode()
    path.parent.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # A run that was killed may have left half a line: it must not swallow the next one.
        end = os.fstat(descriptor).st_size
        whole = end == 0 or os.pread(descriptor, 1, end - 1) == b"\n"
        _write(descriptor, lines if whole else b"\n" + lines)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: Path) -> Lines:
    """What stands in the file; nothing where there is none. Raises OSError."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return Lines()
    documents: list[tuple[int, Mapping[str, Any]]] = []
    torn: list[int] = []
    for number, line in enumerate(lines, 1):
        try:
            document = json.loads(line)
        except ValueError:
            document = None
        if isinstance(document, dict):
            documents.append((number, document))
        elif line:
            torn.append(number)
    return Lines(tuple(documents), tuple(torn))


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def set_aside(file: str, torn: Iterable[int]) -> str:
    """A sentence about lines that cannot be read; empty where there are none."""
    numbers = sorted(torn)
    if not numbers:
        return ""
    one = len(numbers) == 1
    told = (
        f"line {numbers[0]} is no record"
        if one
        else f"lines {', '.join(map(str, numbers[:5]))} are no records"
    )
    return f"{file}: {told}, and set aside; the others count"
