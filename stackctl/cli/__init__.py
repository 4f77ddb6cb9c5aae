"""The command line: options, confirmation, exit codes; no logic."""

from __future__ import annotations

import sys

from stackctl.cli import about, everyday, running, writing
from stackctl.cli.app import app
from stackctl.errors import Exit

__all__ = ["about", "app", "everyday", "main", "running", "writing"]


def main() -> None:
    """The entry point of the `stackctl` program."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
