"""The one error class of operations, and what each exit code means."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command; a script may rely on them."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    INVALID_FILES = 3
    LOCKED = 4
    RESTORED = 5
    NOT_RESTORED = 6
    PENDING = 7
    NOT_PROVED = 8
    BUG = 70
    INTERRUPTED = 130


class StackctlError(Exception):
    """An operation failed: what failed, on which object, and what to do about it.

    `detail` is the evidence (a command, its exit code, its output) that `--verbose` shows; it must
    already be free of secrets.
    """

    exit_code: Exit = Exit.FAILED

    def __init__(self, message: str, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail


_OF_FILES: Mapping[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "make room on it, then run the same command again"),
    errno.EDQUOT: ("your quota on this disk is used up", "make room, then run the same command again"),
    errno.ENOTDIR: ("a file stands where a folder should be", "move it away, or name another place"),
    errno.EISDIR: ("a folder stands where a file should be", "move it away, or name another place"),
    errno.ENAMETOOLONG: ("the name is too long for this disk", "choose a shorter one"),
    errno.ELOOP: ("its links lead in a circle", "see `ls -l`, and correct them"),
    errno.EROFS: ("the disk is mounted read-only", "see why (`dmesg`), and mount it for writing"),
    errno.EACCES: ("permission denied", "run as the owner of the stack's folder, or correct the permissions"),
    errno.EPERM: ("permission denied", "run as the owner of the stack's folder, or correct the permissions"),
}


def of_file(error: OSError) -> StackctlError | None:
    """The error for a file that could not be read or written; None where no person could mend it."""
    known = _OF_FILES.get(error.errno or 0)
    if known is None:
        return None
    what, hint = known
    return StackctlError(f"{error.filename or 'a file'}: {what}", hint, str(error))


class UsageError(StackctlError):
    """The command line, or the terminal it runs in, does not allow what was asked."""

    exit_code = Exit.USAGE


class EngineUnavailable(StackctlError):
    """The Docker Engine did not answer; callers that can do without it go on."""
