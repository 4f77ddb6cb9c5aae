"""The `settle`, `backup` and `schedule` of a manifest: what outlives a container, and when a job runs."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from stackctl import normal, schedule
from stackctl.model import Backup
from stackctl.read.compose_keys import Malformed, Note, nearest

KEYS = ("command", "restore", "path")


def read_settle(value: Any) -> float | None:
    """Seconds; raises Malformed where it is no duration."""
    if value is None:
        return None
    seconds = value if isinstance(value, int | float) else normal.seconds(value)
    if isinstance(value, bool) or seconds is None or not 0 <= seconds <= 3600:
        raise Malformed(("settle",), "`settle` must be a duration of at most an hour", "settle: 5s")
    return float(seconds)


def read_schedule(value: Any) -> str | None:
    """As cron writes it; raises Malformed where that is no time."""
    if value is None:
        return None
    example = 'schedule: "30 3 * * *": minute, hour, day of the month, month, weekday; or @daily'
    if not isinstance(value, str):
        raise Malformed(("schedule",), "`schedule` must be a text", example)
    try:
        schedule.read(value)
    except ValueError as error:
        raise Malformed(("schedule",), f"`schedule`: {error}", example) from None
    return " ".join(value.split())


def read_backup(value: Any, note: Note) -> Backup | None:
    """How the spoke is backed up; unknown keys are noted. Raises Malformed where that cannot be read."""
    if value is None:
        return None
    example = "backup: {command: [pg_dumpall, -U, app], restore: [psql, -U, app]}, or backup: {path: /data}"
    if not isinstance(value, Mapping):
        raise Malformed(("backup",), "`backup` must be a map", example)
    for key in value:
        if key not in KEYS:
            note("SC102", ("backup", str(key)), f"unknown key `{key}`", nearest(str(key), KEYS))
    command, restore, path = _words(value, "command"), _words(value, "restore"), value.get("path", "")
    if not isinstance(path, str) or (path and not _is_folder(path)):
        raise Malformed(
            ("backup", "path"), "`path` must be a folder in the container", "backup: {path: /data}"
        )
    if bool(command) is bool(path) or (restore and not command):
        raise Malformed(("backup",), "`backup` is either a `command`, or a `path`", example)
    return Backup(command, restore, path)


def _is_folder(path: str) -> bool:
    return path.startswith("/") and posixpath.normpath(path) == path.rstrip("/") != ""


def _words(value: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """A command is its words: a shell is used only where the list names one."""
    words = value.get(key) or []
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise Malformed(("backup", key), f"`{key}` must be a list of words", f"{key}: [pg_dumpall, -U, app]")
    return tuple(words)
