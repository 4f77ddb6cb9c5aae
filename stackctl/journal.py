"""What a run is about to do, on the disk before it is done: `.stackctl/journal`.

The file is there from before the first change until the stack is known to be good. So it is there after a run
that was killed or interrupted, and after one that could not go back; the next run reads it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from stackctl import lines
from stackctl.errors import StackctlError, of_file
from stackctl.files import STATE_DIR, state_dir, write_atomically
from stackctl.lock import at_work, whoami

FILE = f"{STATE_DIR}/journal"
SCHEMA = 1


class Phase(StrEnum):
    APPLY = "apply"
    CHECKS = "checks"
    """Everything was applied, and works as far as its healthchecks go."""
    BACK = "back"
    """What was applied failed, and the last good state is being put back."""
    RESTORE = "restore"
    """A backup is being put in the place of what a spoke keeps; `why` says how to undo that."""


@dataclass(frozen=True)
class Begun:
    """What a run wrote down before it changed anything."""

    command: str
    target: str
    """Tells what was to be applied: the same text means the same files."""
    changes: Mapping[str, str]
    """Spoke -> verb, as planned."""
    before: Mapping[str, tuple[str, ...]]
    """Spoke -> the ids of its containers then."""
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    by: str = field(default_factory=whoami)
    pid: int = field(default_factory=os.getpid)


@dataclass(frozen=True)
class Unfinished:
    """A run that did not come to a good end."""

    begun: Begun
    phase: Phase = Phase.APPLY
    why: str = ""
    """What had failed, where something had."""
    open: tuple[tuple[str, str], ...] = ()
    """The steps that were begun and not seen to end, as (step, spoke)."""
    steps: tuple[tuple[str, str], ...] = ()
    """All that were begun, also by the runs that this one had gone on with, whatever came of them."""


class NotBegun(StackctlError):
    """There is no journal of this run, so nothing may be changed."""


class Journal:
    """The journal of this run; every method is on the disk when it returns.

    Where it is not begun, what is added goes on with what another run left.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / FILE

    def begin(self, begun: Begun, steps: Iterable[tuple[str, str]] = ()) -> None:
        """Begins anew: what another run left must have been read before.

        `steps` are those of that other run: what they changed stays changed.

        Raises:
            NotBegun: It cannot be written; what another run left is as it was.
        """
        try:
            state_dir(self._path.parent.parent)
            told: list[Mapping[str, Any]] = [{"schema": SCHEMA, "begun": asdict(begun)}]
            for step, spoke in steps:
                told += [{"step": step, "spoke": spoke}, {"ended": step, "spoke": spoke, "ok": False}]
            text = "".join(json.dumps(line) + "\n" for line in told)
            write_atomically(self._path, text.encode(), 0o600)
        except OSError as error:
            why = self._why(error)
            raise NotBegun(f"{why.message}; what was planned was not begun", why.hint, why.detail) from error

    def step(self, step: str, spoke: str) -> None:
        self._add({"step": step, "spoke": spoke})

    def ended(self, step: str, spoke: str, *, ok: bool) -> None:
        self._add({"ended": step, "spoke": spoke, "ok": ok})

    def phase(self, phase: Phase, why: str = "") -> None:
        self._add({"phase": phase.value, "why": why})

    def close(self) -> None:
        """The stack is in a state that is known: there is nothing to go on with."""
        forget(self._path.parent.parent)

    def _add(self, line: Mapping[str, Any]) -> None:
        try:
            lines.append(self._path, [line])
        except OSError as error:
            raise self._why(error) from error

    def _why(self, error: OSError) -> StackctlError:
        hint = "see to the free space and the owner of that folder"
        told = f"{self._path} cannot be written: {error.strerror}"
        return of_file(error) or StackctlError(told, hint, str(error))


def forget(root: Path) -> None:
    """Takes the journal away."""
    path = root / FILE
    if path.exists():
        path.unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def unfinished(root: Path) -> Unfinished | None:
    """What the last run left undone; None where it came to a good end.

    Raises:
        StackctlError: The file is there and cannot be understood.
    """
    path = root / FILE
    if not path.exists():
        return None
    try:
        # A torn last line is a step that was not begun.
        documents = [document for _, document in lines.read(path).documents]
        found = Unfinished(_begun(documents[0]))
        open_steps: list[tuple[str, str]] = []
        steps: list[tuple[str, str]] = []
        phase, why = found.phase, found.why
        for line in documents[1:]:
            if "step" in line:
                steps.append((str(line["step"]), str(line["spoke"])))
                open_steps.append(steps[-1])
            elif "ended" in line:
                step = (str(line["ended"]), str(line["spoke"]))
                # Also one of an earlier run, where this one was gone on with.
                open_steps = [one for one in open_steps if one != step]
            elif "phase" in line:
                phase, why = Phase(line["phase"]), str(line["why"])
        return Unfinished(found.begun, phase, why, tuple(open_steps), tuple(steps))
    except (OSError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise StackctlError(
            f"{path} cannot be understood, so it is not known what the last run left undone",
            f"look at what runs (`stackctl status`), then delete {path} and give the same command again",
            repr(error),
        ) from error


def left_undone(root: Path) -> str:
    """A sentence for whoever only looks; empty where there is nothing to finish, or a run is at it."""
    told = _left_undone(root)
    # Without the lock: a run may just have come to its good end.
    return told if told and told == _left_undone(root) else ""


def _left_undone(root: Path) -> str:
    try:
        left = unfinished(root)
    except StackctlError as error:
        return f"{error.message}; {error.hint}" if (root / FILE).exists() else ""
    if left is None or at_work(left.begun.pid, left.begun.at):
        return ""
    way_out = "`stackctl up` goes on with it"
    if left.phase is Phase.RESTORE:
        way_out = left.why
    elif left.begun.command == "rollback":
        way_out = "give the same command again; `stackctl up` applies the files as they are"
    return f"the last run (`stackctl {left.begun.command}` by {left.begun.by}) did not end well: {way_out}"


def expect_whole(left: Unfinished | None) -> None:
    """What a spoke keeps must be whole before anything works on it.

    Raises:
        StackctlError: A restore came to no end.
    """
    if left is not None and left.phase is Phase.RESTORE:
        spokes = ", ".join(spoke for step, spoke in left.open if step == "restore")
        raise StackctlError(
            f"the restore of {spokes}, by {left.begun.by} of {left.begun.at}, came to no end: what {spokes} "
            "keeps may be old in part and new in part; nothing was changed",
            f"{left.why}; to take it as it is: `stackctl down`, then `stackctl up`",
        )


def _begun(document: Mapping[str, Any]) -> Begun:
    if document["schema"] != SCHEMA:
        raise ValueError("written by another version")
    told = document["begun"]
    return Begun(
        str(told["command"]),
        str(told["target"]),
        {str(spoke): str(verb) for spoke, verb in told["changes"].items()},
        {str(spoke): tuple(map(str, ids)) for spoke, ids in told["before"].items()},
        str(told["at"]),
        str(told["by"]),
        int(told["pid"]),
    )
