"""The commands that keep what spokes hold."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from stackctl.cli.app import (
    Directory,
    Json,
    LockWait,
    NoColour,
    OneSpoke,
    Spokes,
    Verbose,
    Yes,
    app,
    names_of,
    options_of,
)
from stackctl.run import run

if TYPE_CHECKING:
    from pathlib import Path

    from stackctl.commands.story import Story


@app.command()
def backup(
    spokes: Spokes = None,
    show: Annotated[bool, typer.Option("--list", help="Make none; list those that there are.")] = False,
    lock_wait: LockWait = 0.0,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Back up what spokes keep, each as its manifest says under `backup:`.

    The files stand in .stackctl/backups/, readable by you alone; none is ever removed. Before `up` changes a
    spoke that keeps data, it does this by itself.

    Examples: stackctl backup · stackctl backup db · stackctl backup --list
    """
    from stackctl.commands.backup import back_up, listed
    from stackctl.commands.locked import locked

    names = names_of(spokes)

    def tell(root: Path) -> Story:
        if show:
            return listed(root, names, environ=os.environ)
        return locked(
            root, "backup", lock_wait, lambda held: back_up(root, names, environ=os.environ, held=held)
        )

    raise typer.Exit(run("backup", options_of(directory, json, verbose, no_colour), lambda r, _: tell(r)))


@app.command()
def restore(
    spoke: OneSpoke,
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="The backup. [default: the newest of the spoke]")
    ] = "",
    yes: Yes = False,
    lock_wait: LockWait = 0.0,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Put a backup in the place of what a spoke keeps now, which is backed up first.

    Examples: stackctl restore db · stackctl restore db .stackctl/backups/db/20261121T094500.000000Z.out
    """
    from stackctl.commands.backup import restore as tell
    from stackctl.commands.locked import locked

    raise typer.Exit(
        run(
            "restore",
            options_of(directory, json, verbose, no_colour),
            lambda root, output: locked(
                root,
                "restore",
                lock_wait,
                lambda held: tell(
                    root,
                    spoke,
                    file,
                    confirm=lambda text: output.confirm(text, yes=yes),
                    environ=os.environ,
                    held=held,
                ),
            ),
        )
    )
