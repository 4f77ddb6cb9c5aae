"""Lines that are longer than the screen is wide."""

from __future__ import annotations

from rich.console import Console as Terminal
from rich.text import Text


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
