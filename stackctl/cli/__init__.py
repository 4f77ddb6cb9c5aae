"""The command line: options, confirmation, exit codes; no logic."""

from __future__ import annotations

import os
import sys

from stackctl.cli import about, everyday, running, writing
from stackctl.cli.app import app
from stackctl.errors import Exit

__all__ = ["about", "app", "everyday", "main", "running", "writing"]


def main() -> None:
    """The entry point of the `stackctl` program."""
    if about.COMPLETE_VAR in os.environ:
        # Teaches click what the script of `stackctl completion` expects of an answer.
        from typer._completion_classes import completion_init

        completion_init()
    try:
        app(prog_name="stackctl")
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
