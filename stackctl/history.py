"""What was done to a stack, a line per run that changed something: `.stackctl/history.jsonl`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from stackctl import lines
from stackctl.errors import StackctlError
from stackctl.files import STATE_DIR

FILE = f"{STATE_DIR}/history.jsonl"
SCHEMA = 1


class Came(StrEnum):
    """What came of a run."""

    APPLIED = "applied"
    NOT_PROVED = "applied, not proved"
    RESTORED = "failed, restored"
    NOT_RESTORED = "failed, not restored"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    KILLED = "killed"


@dataclass(frozen=True)
class Run:
    at: str
    """When it began, UTC, ISO 8601."""
    by: str
    command: str
    changes: Mapping[str, str]
    """Spoke -> what was to be done with it."""
    came: Came
    why: str = ""
    """What failed."""
    good: int = 0
    """The number of the good state that it left; 0 where it left none."""


def append(root: Path, run: Run) -> None:
    """Adds a run.

    Raises:
        StackctlError: The file cannot be written.
    """
    try:
        lines.append(root / FILE, [{"schema": SCHEMA, **asdict(run)}])
    except OSError as error:
        raise StackctlError(
            f"the run could not be written into {root / FILE}: {error.strerror}",
            "see to the owner and the free space of that folder",
        ) from error


def read(root: Path) -> tuple[tuple[Run, ...], str]:
    """All runs in their order, and a sentence about lines that are none; empty where all are."""
    try:
        found = lines.read(root / FILE)
    except OSError as error:
        raise StackctlError(
            f"{root / FILE} cannot be read: {error.strerror}", "see to the owner of that file"
        ) from error
    runs: list[Run] = []
    torn = list(found.torn)
    for number, document in found.documents:
        try:
            runs.append(_run(document))
        except (LookupError, ValueError, TypeError, AttributeError):
            torn.append(number)
    return tuple(runs), lines.set_aside(FILE, torn)


def _run(data: Mapping[str, Any]) -> Run:
    if data["schema"] != SCHEMA:
        raise ValueError("written by another version")
    changes = {str(spoke): str(verb) for spoke, verb in data["changes"].items()}
    return Run(
        data["at"],
        data["by"],
        data["command"],
        changes,
        Came(data["came"]),
        data["why"],
        int(data["good"]),
    )
