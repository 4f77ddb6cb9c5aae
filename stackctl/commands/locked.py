"""Telling a story that changes the stack while nobody else may change it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from pathlib import Path

from stackctl import lock
from stackctl.commands.opened import open_stack
from stackctl.commands.story import Story
from stackctl.events import Event, Said
from stackctl.files import STATE_DIR
from stackctl.lock import Held, Lock

_LOOK = 0.1
"""Seconds between two looks: `flock` itself knows no deadline."""

_ORPHANS = 30.0
"""Seconds for what a killed run has left at work; it gets no orders any more and ends by itself."""


def locked(root: Path, command: str, wait: float, tell: Callable[[Lock], Story]) -> Story:
    """The story, with the stack's lock held from its first word to its last.

    Raises:
        InvalidFiles: This is the first run, and the files hold an error.
        Held: Another run has the lock, and still has it after `wait` seconds.
    """
    if not (root / STATE_DIR).is_dir():
        # Where nothing was done yet, files that are refused leave no trace.
        open_stack(root)
    with (yield from _taken(root, command, wait)) as held:
        return (yield from tell(held))


def _taken(root: Path, command: str, wait: float) -> Generator[Event, None, Lock]:
    began, said = time.monotonic(), False
    while True:
        try:
            return lock.take(root, command)
        except Held as other:
            patience = wait if other.owner is None or other.owner.lives else max(wait, _ORPHANS)
            if time.monotonic() - began >= patience:
                raise
            if not said:
                said = True
                yield Said(f"{other.message}; waiting up to {patience:g} s")
        time.sleep(_LOOK)
