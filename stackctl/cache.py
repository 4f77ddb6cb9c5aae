"""What was read of a stack's files, kept in `.stackctl/cache/` so that the next run reads only what changed.

It is never needed and never trusted: a file that is damaged, of another user or of another version of
stackctl is read as if it were not there, and a folder that cannot be written is left alone.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from stackctl.files import STATE_DIR
from stackctl.program import program
from stackctl.read.halves import Memory

_FILE = Path("cache", "read.json")


def remembered(root: Path) -> Memory:
    """What the last run read."""
    return Memory(_load(root / STATE_DIR / _FILE))


def remember(root: Path, memory: Memory) -> None:
    """Keeps what this run read. A stack without a state directory gets none from being read."""
    if not (memory.news and (root / STATE_DIR).is_dir()):
        return
    body = "\n".join(f"{key} {half}" for key, half in memory.kept.items()).encode()
    path = root / STATE_DIR / _FILE
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        # Not synced: after a power cut the file may be damaged, which its first line tells.
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_seal(body) + b"\n" + body)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise


def _load(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_uid != os.geteuid():
                return {}
            seal, _, body = file.read().partition(b"\n")
    except OSError:
        return {}
    if seal != _seal(body):
        return {}
    lines = (line.partition(" ") for line in body.decode().split("\n"))
    return {key: half for key, _, half in lines}


def _seal(body: bytes) -> bytes:
    return f"{program()} {hashlib.sha256(body).hexdigest()}".encode()
