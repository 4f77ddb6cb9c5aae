"""Runs the command line and, at one of its steps, kills itself: `python -m tests.scenarios.killed N WORDS…`.

A step is each write of the journal, each start of a process and each end of one. With a file name in place of
N, nothing is killed, and the number of steps is written there.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from stackctl import journal, process
from stackctl.cli import main

_steps = 0
_at = 0


def _step() -> None:
    global _steps
    _steps += 1
    if _steps == _at:
        os.kill(os.getpid(), signal.SIGKILL)


def _around(of: Any, name: str, *, before: bool = True, after: bool = True) -> None:
    inner = getattr(of, name)

    def stepped(*words: Any, **how: Any) -> Any:
        if before:
            _step()
        result = inner(*words, **how)
        if after:
            _step()
        return result

    setattr(of, name, stepped)


if __name__ == "__main__":
    which = sys.argv.pop(1)
    _at = int(which) if which.isdecimal() else 0
    _around(process, "_start")
    _around(process, "run", before=False)
    _around(journal, "write_atomically")
    _around(journal.lines, "append", before=False)
    _around(journal.Journal, "close")
    try:
        main()
    finally:
        if not which.isdecimal():
            Path(which).write_text(str(_steps))
