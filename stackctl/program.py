"""Which program this is: the version, and in a checkout the code, which changes without a new one."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Iterator

from stackctl import __version__


def program() -> str:
    """Changes with all that decides what stackctl says."""
    package = os.path.dirname(__file__)
    found = [__version__, sys.version, *sorted(_sources(package))]
    # In a checkout, templates stand beside the package.
    found += sorted(_sources(os.path.join(os.path.dirname(package), "templates")))
    return hashlib.sha256("\n".join(found).encode()).hexdigest()[:16]


def _sources(folder: str) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name.endswith((".py", ".json", ".j2")):
            seen = entry.stat()
            if stat.S_ISREG(seen.st_mode):
                yield f"{entry.path} {seen.st_size} {seen.st_mtime_ns}"
        elif entry.is_dir() and entry.name not in ("__pycache__", "schemas"):
            yield from _sources(entry.path)
