"""What docs/rights.md says that commands ask of the Engine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "rights.md"
THOSE = "those"
"""In place of what the first row says."""


@dataclass(frozen=True)
class Row:
    commands: str
    """As they stand there, which names the row."""
    consumer: str
    """Whom a policy names for them; empty for what changes anything."""
    own: frozenset[str]
    docker: frozenset[str]
    """What the processes of `docker` and Compose ask, which are started for it."""

    @property
    def names(self) -> tuple[str, ...]:
        """The commands without their options."""
        return tuple(re.findall(r"`([a-z]+)", self.commands))


def rows() -> tuple[Row, ...]:
    found: list[Row] = []
    for line in PAGE.read_text().splitlines():
        if line.startswith("| `"):
            commands, consumer, own, docker = (cell.strip() for cell in line.strip("|").split("|"))
            shared = found[0].own if own.startswith(THOSE) else frozenset()
            found.append(Row(commands, consumer.strip("`"), shared | _operations(own), _operations(docker)))
    return tuple(found)


def rights(commands: str) -> Row:
    """The one of these, as they stand there."""
    [found] = [row for row in rows() if row.commands == commands]
    return found


def _operations(cell: str) -> frozenset[str]:
    return frozenset(re.findall(r"`([A-Z]+ /[^`]*)`", cell))
