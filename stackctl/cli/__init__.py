"""The command line: options, confirmation, exit codes; no logic."""

from __future__ import annotations

import sys

from stackctl import settled


def main() -> None:
    """The entry point of the `stackctl` program."""
    code = settled.again(tuple(sys.argv[1:]))
    if code is not None:
        sys.exit(code)
    from stackctl.cli.program import main as program

    program()
