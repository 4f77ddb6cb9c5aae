"""Telling somebody else that a run did not end well: `notify` of stack.yaml, a command."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stackctl import process
from stackctl.errors import Exit, StackctlError

PATIENCE = 30.0
"""Seconds that the command may take."""

ON = frozenset({Exit.RESTORED, Exit.NOT_RESTORED, Exit.NOT_PROVED})
SCHEMA = 1


def document(
    stack: str, command: str, exit_code: Exit, message: str, checks: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """What the command reads: no value that an app or the Engine gave is in it."""
    return {
        "schema": SCHEMA,
        "stack": stack,
        "command": command,
        "exit": int(exit_code),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "message": message,
        "checks": [dict(check) for check in checks],
    }


def notify(
    argv: Sequence[str],
    told: Mapping[str, Any],
    root: Path,
    environ: Mapping[str, str],
    redact: Collection[str] = (),
) -> str:
    """Runs the command with the document on its standard input; a sentence where that fails, else nothing."""
    text = process.redacted(json.dumps(told, ensure_ascii=False), redact)
    try:
        done = process.run(argv, env=environ, cwd=root, input=text, timeout=PATIENCE, redact=redact)
    except StackctlError as error:
        return f"nobody was notified: {error.message}"
    if done.exit_code:
        return f"nobody was notified: `{argv[0]}` failed with exit code {done.exit_code}"
    return ""
