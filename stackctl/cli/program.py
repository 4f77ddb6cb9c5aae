"""All commands together."""

from __future__ import annotations

import gc
import os
import sys

from click import Abort, ClickException, NoSuchOption
from click import UsageError as WrongUsage

from stackctl.cli import (
    about,
    applying,
    beginning,
    carrying,
    everyday,
    keeping,
    making,
    past,
    running,
    writing,
)
from stackctl.cli.app import app
from stackctl.errors import Exit, UsageError
from stackctl.run import failed

__all__ = [
    "about",
    "app",
    "applying",
    "beginning",
    "carrying",
    "everyday",
    "keeping",
    "main",
    "making",
    "past",
    "running",
    "writing",
]


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
    _open_what_is_closed()
    # A short life among many small objects: looking for garbage that early finds none.
    gc.set_threshold(100_000, 50, 100)
    if about.COMPLETE_VAR in os.environ:
        # Teaches click what the script of `stackctl completion` expects of an answer.
        from typer._completion_classes import completion_init

        completion_init()
    else:
        _only(sys.argv[1] if len(sys.argv) > 1 else "")
    try:
        sys.exit(app(prog_name="stackctl", standalone_mode=False))
    except (KeyboardInterrupt, Abort):
        sys.exit(Exit.INTERRUPTED)
    except ClickException as error:
        sys.exit(_wrong(error))
    except Exception as bug:
        # Commands are imported when they are asked for, before `run` watches over them.
        sys.exit(failed(bug, _asked_for(), json=_json_wanted()))


_BEHIND = ("-C", "--directory", "--json", "-v", "--verbose", "--no-color", "-p", "--profile", "-y", "--yes")
"""Options that other programs have before the command."""


def _wrong(error: ClickException) -> int:
    """Shows what is wrong with the command line, to a program as JSON."""
    if isinstance(error, NoSuchOption) and error.option_name in _BEHIND and not _inside(error):
        # Git has its `-C` before the command, so hands that know git type it there.
        told = f"{error.option_name} stands behind the command, as in `stackctl lint {error.option_name}`"
        error = WrongUsage(told, error.ctx)
    if not _json_wanted():
        error.show()
        return error.exit_code
    return failed(UsageError(error.format_message(), "see `--help`"), _asked_for(), json=True)


def _inside(error: NoSuchOption) -> bool:
    """Whether the option stands behind a command already."""
    return error.ctx is None or error.ctx.parent is not None


def _json_wanted() -> bool:
    own = sys.argv[1 : sys.argv.index("--")] if "--" in sys.argv else sys.argv[1:]
    return "--json" in own


def _asked_for() -> str:
    """The command that was meant, as far as that can be told."""
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    names = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    return next((word for word in words if word in names), words[0] if words else "")


def _open_what_is_closed() -> None:
    """Gives the program those of its standard streams that whoever started it closed.

    Else the next file to be opened would take their place, and get what is printed.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", encoding="utf-8"))
