"""One run at a time may change a stack: `.stackctl/lock`, held by the kernel and never left behind."""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from stackctl.errors import Exit, StackctlError
from stackctl.files import state_dir

_FILE = "lock"


@dataclass(frozen=True)
class Owner:
    """Who holds the lock, by its own account: information for people; the kernel alone decides."""

    pid: int
    by: str
    command: str
    since: str
    """UTC, ISO 8601."""

    @property
    def lives(self) -> bool:
        """Whether that process is still there. If not, what it had started holds on to the lock."""
        return at_work(self.pid, self.since)

    def __str__(self) -> str:
        return f"`stackctl {self.command}` by {self.by}, process {self.pid}, since {self.since}"


class Held(StackctlError):
    """Another run holds the lock."""

    exit_code = Exit.LOCKED

    def __init__(self, owner: Owner | None) -> None:
        told = f": {owner}" if owner else ""
        killed = owner is not None and not owner.lives
        hint = "wait for it, or add `--lock-wait SECONDS`; what only reads never waits"
        if killed:
            told += "; it was killed, and what it had started is still at work"
            hint = "that ends by itself; give the same command again in a moment"
        super().__init__(f"another run is changing this stack{told}", hint)
        self.owner = owner


class Lock:
    """The lock while it is held."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        """To be kept open in what is started to change the stack: a run that is killed leaves that behind,
        and nobody else may change anything before it has ended."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # By its text a lock that nobody holds would only look held.
        with suppress(OSError):
            os.ftruncate(self.descriptor, 0)
        os.close(self.descriptor)


def take(root: Path, command: str) -> Lock:
    """The lock of this stack, at once.

    Raises:
        Held: Another run has it.
    """
    path = state_dir(root) / _FILE
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Held(_owner(path)) from None
    except OSError as error:
        os.close(descriptor)
        raise StackctlError(
            f"{path} cannot be locked: {error.strerror}",
            "keep the stack's folder on a file system that knows locks",
        ) from error
    owner = Owner(os.getpid(), whoami(), command, datetime.now(UTC).isoformat(timespec="seconds"))
    # On a full disk the lock holds all the same, only nobody is named.
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(owner)).encode(), 0)
    return Lock(descriptor)


def at_work(pid: int, since: str) -> bool:
    """Whether that process is there; not one that has ended and that nobody has waited for.

    `since` is a time at which it was, in ISO 8601: after a start of the machine, others have these numbers.
    """
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
        [booted] = re.findall(r"^btime (\d+)$", Path("/proc/stat").read_text(), re.MULTILINE)
        before = datetime.fromisoformat(since).timestamp() < int(booted)
    except (OSError, ValueError):
        return False
    return not before and told.rpartition(")")[2].split()[0] not in ("Z", "X")


def whoami() -> str:
    """The person behind this run: whoever used sudo rather than root."""
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        name = str(os.geteuid())
    before = os.environ.get("SUDO_USER", "")
    return f"{before} as {name}" if before and before != name else name


def _owner(path: Path) -> Owner | None:
    with suppress(OSError, ValueError, TypeError, KeyError):
        told = json.loads(path.read_text())
        return Owner(int(told["pid"]), str(told["by"]), str(told["command"]), str(told["since"]))
    return None
