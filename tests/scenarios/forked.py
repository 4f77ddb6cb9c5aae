"""Runs the command line in a fork of this process, to which something may happen at one of its steps.

A fork has imported everything already: what takes a run a second otherwise is nothing at which anything could happen.
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from http.client import HTTPResponse
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn
from weakref import WeakSet

from stackctl import files, journal, process
from stackctl.apply import wait
from stackctl.cli import main
from stackctl.engine import Engine, _UnixConnection
from tests.scenarios.engine_room import wait_for

for _late in ("cli.program", "console", "commands.up", "commands.locked", "commands.notified"):
    # A command imports these only when it is asked for.
    importlib.import_module(f"stackctl.{_late}")


class Fault(Enum):
    """What goes wrong at a step, and what counts as one."""

    KILLED = auto()
    """`kill -9`: at each start of a process and each end of one, each container that the Engine was told to start, and
    each file that was written: the journal, rendered ones, routes, secrets, good states, what is remembered."""
    REFUSED = auto()
    """At each request to the Engine: it answers with 500."""
    GONE = auto()
    """At each request to the Engine: it is gone, until `DOCKER_HOST`, which must be a link, is put back."""
    NOT_RUN = auto()
    """At each process of `docker`: it does nothing and fails."""
    LIED = auto()
    """At each process of `docker`: it does all that it should, and fails."""
    FULL = auto()
    """Before each file that is written: the disk with the stack's files is full, and stays it."""


class Fork:
    """A run of the command line in a fork, in this folder."""

    def __init__(
        self,
        root: Path,
        words: tuple[str, ...],
        at: int = 0,
        fault: Fault = Fault.KILLED,
        count: Path | None = None,
    ) -> None:
        """It happens at step `at`; 0 for never. With `count`, the number of its steps is written there."""
        self._out = tempfile.TemporaryFile()  # noqa: SIM115
        self.pid = os.fork()
        if not self.pid:
            _run(root, words, self._out.fileno(), _Steps(at, fault), count)
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


def fill(disk: Path) -> None:
    """Leaves no room on it, until `fill` is removed."""
    with suppress(OSError), (disk / "fill").open("ab", buffering=0) as file:
        while True:
            file.write(b"x" * 512)


def _run(root: Path, words: tuple[str, ...], out: int, steps: _Steps, count: Path | None) -> NoReturn:
    code: Any = 70
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
        # Hundreds of runs need not each see that what has no healthcheck stays up: others look at that.
        wait.STABLE = 0.1
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
    """Counts, and at the one that is wanted something goes wrong."""

    def __init__(self, at: int, fault: Fault) -> None:
        self.count = 0
        self._at = at
        self._fault = fault
        self._counting = threading.Lock()
        self._connections: WeakSet[_UnixConnection] = WeakSet()

    def install(self) -> None:
        match self._fault:
            case Fault.KILLED:
                self._around(process, "_start", self._killed)
                self._around(process, "run", self._killed, before=False)
                self._around(Engine, "start", self._killed, before=False)
                self._around(journal.Journal, "close", self._killed)
                self._around(journal.lines, "append", self._killed, before=False)
                written = files.write_atomically
                for name, module in sorted(sys.modules.items()):
                    if name.startswith("stackctl.") and getattr(module, "write_atomically", None) is written:
                        self._around(module, "write_atomically", self._killed, before=False)
            case Fault.REFUSED | Fault.GONE:
                self._requests()
            case Fault.NOT_RUN | Fault.LIED:
                self._processes()
            case Fault.FULL:
                self._around(journal.lines, "append", self._full, after=False)
                self._around(files.tempfile, "mkstemp", self._full, after=False)

    def _step(self) -> bool:
        """Whether this is the one."""
        # Several threads speak to the Engine.
        with self._counting:
            self.count += 1
            return self.count == self._at

    def _killed(self) -> None:
        if self._step():
            os.kill(os.getpid(), signal.SIGKILL)

    def _full(self) -> None:
        if self._step():
            fill(Path.cwd())

    def _requests(self) -> None:
        request, answer = _UnixConnection.request, _UnixConnection.getresponse
        refused: WeakSet[_UnixConnection] = WeakSet()

        def requested(own: _UnixConnection, *words: Any, **how: Any) -> None:
            self._connections.add(own)
            hit = self._step()
            if hit and self._fault is Fault.REFUSED:
                refused.add(own)
                return
            if hit:
                self._go()
            request(own, *words, **how)

        def answered(own: _UnixConnection) -> Any:
            if own not in refused:
                return answer(own)
            refused.discard(own)
            response = HTTPResponse(_Said(REFUSAL))  # type: ignore[arg-type]
            response.begin()
            return response

        _UnixConnection.request = requested  # type: ignore[method-assign]
        _UnixConnection.getresponse = answered  # type: ignore[method-assign]

    def _go(self) -> None:
        """The Engine ends: nobody finds it any more, and who talks to it hears nothing more."""
        Path(os.environ["DOCKER_HOST"].removeprefix("unix://")).unlink()
        for connection in list(self._connections):
            with suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def _processes(self) -> None:
        begin = subprocess.Popen.__init__

        def begun(own: Any, argv: list[str], *words: Any, **how: Any) -> None:
            if argv[0] == "docker" and self._step():
                first = "" if self._fault is Fault.NOT_RUN else '"$@"; '
                argv = ["sh", "-c", f"{first}echo something went wrong >&2; exit 1", "sh", *argv]
            begin(own, argv, *words, **how)

        subprocess.Popen.__init__ = begun  # type: ignore[method-assign]

    @staticmethod
    def _around(
        of: Any, name: str, step: Callable[[], None], *, before: bool = True, after: bool = True
    ) -> None:
        inner = getattr(of, name)

        def stepped(*words: Any, **how: Any) -> Any:
            if before:
                step()
            result = inner(*words, **how)
            # A file that is as it should be already is not written.
            if after and result is not False:
                step()
            return result

        setattr(of, name, stepped)


REFUSAL = b'HTTP/1.1 500 Internal Server Error\r\nContent-Length: 31\r\n\r\n{"message": "something is off"}'


class _Said:
    """What `http.client` takes for a socket from which an answer comes."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    def makefile(self, *_: object) -> BytesIO:
        return BytesIO(self._said)
