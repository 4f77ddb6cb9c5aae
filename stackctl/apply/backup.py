"""What a spoke keeps, as a file beside the stack, and back again.

A backup is what the spoke's own command prints, or a tar of one of its folders. It is never written over, and
never removed: whoever made room for it decides.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from stackctl.apply.trouble import explained
from stackctl.compose import Compose
from stackctl.errors import StackctlError
from stackctl.files import STATE_DIR, private_dir, state_dir
from stackctl.model import Backup, Container, Kept

_SLOW = 24 * 3600.0
_NOT_PAUSED = "is not paused"
_UNPACK = """
import os, shutil, sys, tarfile
place = sys.argv[1]
# Opening reads the first member: nothing goes before something comes.
with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as tar:
    for name in os.listdir(place):
        path = os.path.join(place, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    trusted = {"filter": "fully_trusted"} if hasattr(tarfile, "data_filter") else {}
    tar.extractall(place, numeric_owner=True, **trusted)
"""


_FOLDER = "backups"
"""In the state folder; a folder per spoke."""


def folder(root: Path, spoke: str) -> Path:
    """Where the spoke's backups are kept; made where it is missing."""
    return private_dir(private_dir(state_dir(root) / _FOLDER) / spoke)


def kept(root: Path, spoke: str) -> tuple[Kept, ...]:
    """The spoke's backups, the oldest first."""
    there = (root / STATE_DIR / _FOLDER / spoke).glob("*")
    found = sorted(path for path in there if path.suffix in (".tar", ".out"))
    return tuple(Kept(spoke, str(path.relative_to(root)), path.stat().st_size) for path in found)


def back_up(compose: Compose, spoke: str, how: Backup, container: Container) -> Kept:
    """Write a new backup of what that container keeps.

    Raises StackctlError where it fails, or where the container does not run and its command could not.
    """
    if not container.running and how.command:
        raise StackctlError(
            f"{spoke} does not run, so it cannot be backed up", f"start it first: `stackctl restart {spoke}`"
        )
    place = folder(compose.directory, spoke)
    at = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    target = place / f"{at}{'.out' if how.command else '.tar'}"
    part = target.with_suffix(".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if how.command:
                done = compose.docker("exec", container.id, *how.command, target=file)
            else:
                # What it writes meanwhile would be torn.
                with _paused(compose, container):
                    done = compose.docker("cp", f"{container.id}:{how.path.rstrip('/')}/.", "-", target=file)
            file.flush()
            os.fsync(file.fileno())
        if done.exit_code:
            raise explained(done, "the backup", spoke)
        if not part.stat().st_size:
            raise StackctlError(f"{spoke}: the backup is empty", "its command must print what it backs up")
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
    return Kept(spoke, str(target.relative_to(compose.directory)), target.stat().st_size)


def expect_readable(spoke: str, how: Backup, file: Path) -> None:
    """Before anything is changed: what is there goes before the file has come in whole.

    Raises StackctlError for an empty file, and for one that is no plain tar up to its end.
    """
    why = ""
    try:
        if not file.stat().st_size:
            why = "it is empty"
        elif not how.command:
            # Compressed ones are told apart here, as they are not unpacked either.
            with tarfile.open(file, "r:") as tar, file.open("rb") as raw:
                members = tar.getmembers()
                # A header that is cut off or damaged is an end to tarfile; a true end is a block of zeros.
                raw.seek(tar.offset)
                if not members:
                    why = "there is nothing in it"
                elif raw.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                    why = f"it breaks off after {members[-1].name}"
    except (tarfile.TarError, OSError, ValueError) as error:
        why = str(error)
    if why:
        hint = (
            "" if how.command else "give it a whole tar that is not compressed, as `stackctl backup` makes it"
        )
        raise StackctlError(f"{file} cannot be read as a backup of {spoke}: nothing was changed", hint, why)


def restore(
    compose: Compose, spoke: str, how: Backup, container: Container, file: Path, unpacker: str
) -> None:
    """Give a backup back to the container that keeps it; `unpacker` is an image with Python.

    Raises StackctlError where it fails; what is kept may then be there in part.
    """
    if how.command:
        with file.open("rb") as source:
            done = compose.docker("exec", "--interactive", container.id, *how.restore, source=source)
        if done.exit_code:
            raise explained(done, "restoring", spoke)
        return
    running = container.running
    try:
        # Whoever interrupts this does not know whether it has stopped; to start what runs changes nothing.
        if running:
            compose.docker("container", "stop", container.id).expect_success(f"{spoke} could not be stopped")
        with file.open("rb") as source:
            done = compose.docker(
                *("run", "--rm", "--interactive", "--network", "none", "--read-only", "--pull", "never"),
                *(
                    "--cap-drop",
                    "ALL",
                    "--cap-add",
                    "CHOWN",
                    "--cap-add",
                    "DAC_OVERRIDE",
                    "--cap-add",
                    "FOWNER",
                ),
                *("--security-opt", "no-new-privileges", "--user", "0:0", "--volumes-from", container.id),
                *("--label", f"stackctl.restores={spoke}", "--entrypoint", "python3", unpacker),
                *("-c", _UNPACK, how.path),
                source=source,
            )
        if done.exit_code:
            raise explained(done, "restoring", spoke)
    finally:
        if running:
            compose.docker("container", "start", container.id).expect_success(f"{spoke} could not be started")


@contextmanager
def _paused(compose: Compose, container: Container) -> Iterator[None]:
    if not container.running:
        yield
        return
    refused = False
    try:
        # Whoever interrupts this does not know whether it is paused.
        done = compose.docker("container", "pause", container.id)
        refused = bool(done.exit_code)
        done.expect_success(f"{container.spoke} could not be paused")
        yield
    finally:
        undone = compose.docker("container", "unpause", container.id)
        if not refused and _NOT_PAUSED not in undone.output:
            undone.expect_success(f"{container.spoke} is still paused", f"`docker unpause {container.name}`")
