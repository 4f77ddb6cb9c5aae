"""The command line: options, confirmation, exit codes; no logic."""

from __future__ import annotations

import gc
import os
import sys

from stackctl.cli import about, drawing, everyday, running, writing
from stackctl.cli.app import app
from stackctl.errors import Exit

__all__ = ["about", "app", "drawing", "everyday", "main", "running", "writing"]


def _only(word: str) -> None:
    """Leaves the command that is meant: Typer builds the options of all of them before it looks at one."""
    meant = [
        command
        for command in app.registered_commands
        if command.callback is not None and (command.name or command.callback.__name__) == word
    ]
    if meant or word == "--version":
        app.registered_commands = meant


def main() -> None:
    """The entry point of the `stackctl` program."""
    # A short life among many small objects: looking for garbage that early finds none.
    gc.set_threshold(100_000, 50, 100)
    if about.COMPLETE_VAR in os.environ:
        # Teaches click what the script of `stackctl completion` expects of an answer.
        from typer._completion_classes import completion_init

        completion_init()
    else:
        _only(sys.argv[1] if len(sys.argv) > 1 else "")
    try:
        app(prog_name="stackctl")
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
