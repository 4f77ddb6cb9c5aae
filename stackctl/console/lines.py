"""Lines that are longer than the screen is wide."""

from __future__ import annotations

import re

from rich.console import Console as Terminal
from rich.text import Text

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def hung(where: Terminal, line: Text, hang: int | None = None) -> None:
    """Prints a line; what does not fit goes on below, `hang` columns in, or as far in as the line begins.

    A program that reads lines gets whole ones.
    """
    if where.soft_wrap or line.cell_len <= where.width:
        where.print(line)
        return
    blanks = len(line.plain) - len(line.plain.lstrip()) if hang is None else hang
    wrapped = line.wrap(where, max(20, where.width - blanks))
    where.print(Text("\n" + " " * blanks).join(wrapped))


def harmless(text: str) -> str:
    """A text from a file or a file's name, its control characters shown and not sent to the terminal."""
    return _CONTROL.sub(lambda m: f"\\x{ord(m[0]):02x}", text)
