"""The only place that starts a process."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from stackctl.errors import StackctlError

REDACTED = "[redacted]"
_GRACE = 10.0
"""Seconds that an interrupted or overdue process has to end by itself."""


@dataclass(frozen=True)
class Completed:
    """A process that ended; nothing in here holds a secret that `run` was told of."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def output(self) -> str:
        return "\n".join(part for part in (self.stdout.strip(), self.stderr.strip()) if part)

    @property
    def detail(self) -> str:
        """The evidence for an error: the command, its exit code and what it said."""
        return f"$ {shlex.join(self.argv)}\nexit code {self.exit_code}\n{self.output}".rstrip()

    def expect_success(self, message: str, hint: str = "") -> Completed:
        """This, if the process succeeded; else raises StackctlError with `message` and the evidence."""
        if self.exit_code:
            raise StackctlError(message, hint, self.detail)
        return self


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | str | None = None,
    input: str | None = None,
    timeout: float | None = None,
    redact: Iterable[str] = (),
    keep_open: Sequence[int] = (),
) -> Completed:
    """Run to the end and keep what was said, whatever the exit code.

    The process, and all that it starts, gets the open files of `keep_open`.

    Raises StackctlError where the program cannot be started or takes longer than `timeout`.
    """
    secrets = tuple(redact)
    shown = tuple(redacted(word, secrets) for word in argv)
    began = time.monotonic()
    child = _start(tuple(argv), env, cwd, input=input is not None, shown=shown, keep_open=keep_open)
    late = False
    try:
        stdout, stderr = child.communicate(input, timeout)
    except subprocess.TimeoutExpired:
        late = True
        stdout, stderr = _end(child, signal.SIGTERM)
    except BaseException:
        _end(child, signal.SIGINT)
        raise
    done = Completed(
        shown,
        child.returncode,
        redacted(stdout, secrets),
        redacted(stderr, secrets),
        time.monotonic() - began,
    )
    if late:
        message = f"`{' '.join(shown[:2])}` did not end within {timeout:g} s and was stopped"
        raise StackctlError(message, "", done.detail)
    return done


def through(
    argv: Sequence[str],
    *,
    source: BinaryIO | None = None,
    target: BinaryIO | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | str | None = None,
    redact: Iterable[str] = (),
    keep_open: Sequence[int] = (),
) -> Completed:
    """Run to the end, as long as that takes, with bytes from one file and to another.

    Only what it says beside that is kept. Raises StackctlError where the program cannot be started.
    """
    secrets = tuple(redact)
    shown = tuple(redacted(word, secrets) for word in argv)
    began = time.monotonic()
    try:
        child = subprocess.Popen(
            list(argv),
            env=None if env is None else dict(env),
            cwd=cwd,
            stdin=source or subprocess.DEVNULL,
            stdout=target or subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=tuple(keep_open),
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise _not_started(shown, error) from error
    try:
        stdout, stderr = child.communicate()
    except BaseException:
        _end(child, signal.SIGINT)
        raise
    said = redacted(stdout or "", secrets), redacted(stderr, secrets)
    return Completed(shown, child.returncode, *said, time.monotonic() - began)


def lines(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | str | None = None,
    redact: Iterable[str] = (),
) -> Iterator[str]:
    """What a process says, line by line as it comes; it ends when whoever reads this stops.

    Raises StackctlError where the program cannot be started, or fails.
    """
    argv, secrets = tuple(argv), tuple(redact)
    child = _start(argv, env, cwd, input=False)
    try:
        assert child.stdout is not None
        for line in child.stdout:
            yield redacted(line.rstrip("\n"), secrets)
        _, stderr = child.communicate()
    finally:
        if child.poll() is None:
            _end(child, signal.SIGTERM)
        for stream in (child.stdout, child.stderr):
            if stream is not None:
                stream.close()
    if child.returncode:
        stderr = redacted(stderr, secrets)
        done = Completed(argv, child.returncode, "", stderr, 0.0)
        done.expect_success(
            f"`{' '.join(argv[:2])}` failed: {(stderr.strip() or 'no output').splitlines()[-1]}"
        )


@contextlib.contextmanager
def outlived_by(script: str, *arguments: str) -> Iterator[None]:
    """While the block runs, a shell waits beside it, which runs the script only if this process is killed.

    Where no shell can be started, nothing waits: whoever calls this has another way to clean up later.
    """
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):
            # The end of its standard input without a word is the end of this process.
            shell = subprocess.Popen(
                ["sh", "-c", f"read -r _ && exit; {script}", "sh", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            held.callback(_dismiss, shell)
        yield


def _dismiss(shell: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        shell.communicate(b"done\n", timeout=_GRACE)


def attached(
    argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | str | None = None
) -> int:
    """Run at our own terminal, with our own standard streams; its exit code, 128 and more for a signal."""
    # Ctrl-C at the terminal reaches the child as well, and it is the child's to act upon. A handler, unlike
    # SIG_IGN, is not handed down to it.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        child = subprocess.Popen(list(argv), env=None if env is None else dict(env), cwd=cwd)
        code = child.wait()
    except OSError as error:
        raise _not_started(tuple(argv), error) from error
    finally:
        signal.signal(signal.SIGINT, before)
    return code if code >= 0 else 128 - code


def _start(
    argv: tuple[str, ...],
    env: Mapping[str, str] | None,
    cwd: Path | str | None,
    *,
    input: bool,
    shown: tuple[str, ...] = (),
    keep_open: Sequence[int] = (),
) -> subprocess.Popen[str]:
    try:
        # In a process group of its own, Ctrl-C at the terminal reaches this program alone, which then
        # decides what becomes of the child; and a kill reaches the child's children too.
        return subprocess.Popen(
            list(argv),
            env=None if env is None else dict(env),
            cwd=cwd,
            stdin=subprocess.PIPE if input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=tuple(keep_open),
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise _not_started(shown or argv, error) from error


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret taken out, the longest first as one may contain another."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    return text


def _end(child: subprocess.Popen[str], first: signal.Signals) -> tuple[str, str]:
    """Ask the whole group to end, then make it; what it had said until then."""
    said = ("", "")
    with contextlib.suppress(ProcessLookupError):
        try:
            os.killpg(child.pid, first)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return child.communicate(timeout=_GRACE)
        finally:
            # Also on a second Ctrl-C, and for children that outlived their parent.
            os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        said = child.communicate(timeout=_GRACE)
    return said


def _not_started(argv: tuple[str, ...], error: OSError) -> StackctlError:
    program = argv[0]
    if isinstance(error, FileNotFoundError) and error.filename in (None, program):
        return StackctlError(
            f"the program `{program}` is not there", "install it, or put its folder on PATH", shlex.join(argv)
        )
    return StackctlError(f"`{program}` could not be started: {error.strerror or error}", "", shlex.join(argv))
