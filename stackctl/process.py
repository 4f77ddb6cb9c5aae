"""The only place that starts a process."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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
) -> Completed:
    """Run to the end and keep what was said, whatever the exit code.

    Raises StackctlError where the program cannot be started or takes longer than `timeout`.
    """
    secrets = tuple(redact)
    shown = tuple(redacted(word, secrets) for word in argv)
    began = time.monotonic()
    try:
        # In a process group of its own, Ctrl-C at the terminal reaches this program alone, which then
        # decides what becomes of the child; and a kill reaches the child's children too.
        child = subprocess.Popen(
            list(argv),
            env=None if env is None else dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise _not_started(shown, error) from error
    try:
        stdout, stderr = child.communicate(input, timeout)
    except subprocess.TimeoutExpired:
        stdout, stderr = _end(child, signal.SIGTERM)
        late = Completed(
            shown,
            child.returncode,
            redacted(stdout, secrets),
            redacted(stderr, secrets),
            time.monotonic() - began,
        )
        raise StackctlError(
            f"`{' '.join(shown[:2])}` did not end within {timeout:g} s and was stopped", "", late.detail
        ) from None
    except BaseException:
        _end(child, signal.SIGINT)
        raise
    return Completed(
        shown,
        child.returncode,
        redacted(stdout, secrets),
        redacted(stderr, secrets),
        time.monotonic() - began,
    )


def attached(argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> int:
    """Run on this process's own terminal, Ctrl-C included, and return the exit code."""
    try:
        child = subprocess.Popen(list(argv), env=None if env is None else dict(env), cwd=cwd)
    except OSError as error:
        raise _not_started(tuple(argv), error) from error
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            # The terminal sent it to the child too, which ends by its own rules.
            continue


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret taken out, the longest first as one may contain another."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    return text


def _end(child: subprocess.Popen[str], first: signal.Signals) -> tuple[str, str]:
    """Ask the whole group to end, then make it; what it had said until then."""
    for number in (first, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            break
        try:
            return child.communicate(timeout=_GRACE)
        except (subprocess.TimeoutExpired, ValueError):
            continue
    try:
        return child.communicate(timeout=1)
    except (subprocess.TimeoutExpired, ValueError):
        return "", ""


def _not_started(argv: tuple[str, ...], error: OSError) -> StackctlError:
    program = argv[0]
    if isinstance(error, FileNotFoundError) and error.filename in (None, program):
        return StackctlError(
            f"the program `{program}` is not there", "install it, or put its folder on PATH", shlex.join(argv)
        )
    return StackctlError(f"`{program}` could not be started: {error.strerror or error}", "", shlex.join(argv))
