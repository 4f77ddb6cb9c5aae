"""Runs the command line in a fork of this process, which may kill itself at one of its steps.

A step is each write of the journal, each start of a process and each end of one, each container that the Engine was
told to start, and each file that was written: rendered ones, routes, secrets, good states, what is remembered. A fork
has imported everything already: what takes a run a second otherwise is nothing that a kill could hit.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import tempfile
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from stackctl import files, journal, process
from stackctl.cli import main
from stackctl.engine import Engine
from tests.scenarios.engine_room import wait_for

for _late in ("cli.program", "console", "commands.up", "commands.locked", "commands.notified"):
    # A command imports these only when it is asked for.
    importlib.import_module(f"stackctl.{_late}")


class Fork:
    """A run of the command line in a fork, in this folder."""

    def __init__(self, root: Path, words: tuple[str, ...], at: int = 0, count: Path | None = None) -> None:
        """It kills itself at step `at`; 0 for never. With `count`, the number of its steps is written there."""
        self._out = tempfile.TemporaryFile()  # noqa: SIM115
        self.pid = os.fork()
        if not self.pid:
            _run(root, words, self._out.fileno(), at, count)
        self._code: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        with self._lock:
            if self._code is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                self._code = os.waitstatus_to_exitcode(status) if pid else None
            return self._code

    def kill(self) -> None:
        """At once, unless it has ended."""
        with self._lock:
            if self._code is None:
                os.kill(self.pid, signal.SIGKILL)

    def ended(self, deadline: float = 240.0) -> tuple[int, str]:
        """Its exit code and all that it said, once it has ended; it is killed where that takes too long."""
        began = time.monotonic()
        try:
            wait_for(lambda: self.poll() is not None, deadline)
        except AssertionError:
            self.kill()
            wait_for(lambda: self.poll() is not None)
            raise AssertionError(f"not ended within {deadline:g} s: {self._said()}") from None
        assert self._code is not None
        said = self._said()
        self._out.close()
        return self._code, f"{said} [{time.monotonic() - began:.1f} s]"

    def _said(self) -> str:
        self._out.seek(0)
        return " ".join(self._out.read().decode(errors="replace").split())


def _run(root: Path, words: tuple[str, ...], out: int, at: int, count: Path | None) -> NoReturn:
    code: Any = 70
    steps = _Steps(at)
    try:
        os.setsid()
        os.chdir(root)
        warnings.simplefilter("ignore")
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, closefd=False)  # noqa: SIM115
            for number, mode in ((0, "r"), (1, "w"), (2, "w"))
        )
        sys.argv = ["stackctl", *words]
        if at or count:
            steps.install()
        main()
    except SystemExit as end:
        code = end.code
    except BaseException as error:
        print(repr(error), file=sys.stderr)
    finally:
        if count is not None:
            count.write_text(str(steps.count))
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 70)


class _Steps:
    def __init__(self, at: int) -> None:
        self.count = 0
        self._at = at

    def install(self) -> None:
        self._around(process, "_start")
        self._around(process, "run", before=False)
        self._around(journal.lines, "append", before=False)
        self._around(journal.Journal, "close")
        self._around(Engine, "start", before=False)
        written = files.write_atomically
        for name, module in sorted(sys.modules.items()):
            if name.startswith("stackctl.") and getattr(module, "write_atomically", None) is written:
                self._around(module, "write_atomically", before=False)

    def _step(self) -> None:
        self.count += 1
        if self.count == self._at:
            os.kill(os.getpid(), signal.SIGKILL)

    def _around(self, of: Any, name: str, *, before: bool = True, after: bool = True) -> None:
        inner = getattr(of, name)

        def stepped(*words: Any, **how: Any) -> Any:
            if before:
                self._step()
            result = inner(*words, **how)
            if after:
                self._step()
            return result

        setattr(of, name, stepped)
