"""The commands about what was done and proved before, and the way back to it."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from stackctl.cli.app import (
    Directory,
    Json,
    LockWait,
    NoColour,
    Spokes,
    Verbose,
    Yes,
    app,
    names_of,
    options_of,
)
from stackctl.run import run


@app.command()
def rollback(
    spokes: Spokes = None,
    to: Annotated[
        int,
        typer.Option(
            "--to",
            metavar="N",
            min=0,
            help="The good state of this number; without it, the last one before.",
            show_default=False,
        ),
    ] = 0,
    yes: Yes = False,
    allow_exposure: Annotated[
        bool, typer.Option("--allow-exposure", help="Do not ask about what it opens that was closed.")
    ] = False,
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Do not run the checks afterwards.")] = False,
    lock_wait: LockWait = 0.0,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Run an earlier good state again, of the stack or of some spokes; the files stay as they are.

    Good states are kept by `up`; `history` numbers them. The next `up` applies the files again.

    Examples: stackctl rollback · stackctl rollback whoami · stackctl rollback --to 3
    """
    from stackctl.commands.locked import locked
    from stackctl.commands.notified import notified
    from stackctl.commands.rollback import rollback as tell
    from stackctl.commands.up import opening

    raise typer.Exit(
        run(
            "rollback",
            options_of(directory, json, verbose, no_colour),
            lambda root, output: locked(
                root,
                "rollback",
                lock_wait,
                lambda held: notified(
                    root,
                    "rollback",
                    tell(
                        root,
                        names_of(spokes),
                        to=to,
                        verify=not no_verify,
                        confirm=lambda question: output.confirm(question, yes=yes),
                        expose=lambda plan: output.confirm(
                            opening(plan),
                            yes=allow_exposure,
                            flag="--allow-exposure" if yes else "--yes --allow-exposure",
                        ),
                        environ=os.environ,
                        held=held,
                    ),
                    os.environ,
                ),
            ),
            streams=True,
        )
    )


@app.command()
def history(
    last: Annotated[int, typer.Option("--last", "-n", min=0, help="So many runs; 0 for all.")] = 20,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Show what was done to the stack, when, by whom, and what came of it.

    Examples: stackctl history · stackctl history --last 3
    """
    from stackctl.commands.history import show

    raise typer.Exit(
        run(
            "history",
            options_of(directory, json, verbose, no_colour),
            lambda root, _: show(root, last=last),
        )
    )


@app.command()
def records(
    spokes: Spokes = None,
    stale: Annotated[
        bool, typer.Option("--stale", help="The spokes without a pass on their current fingerprint.")
    ] = False,
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="So many records of each spoke.")] = 5,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Show what the checks saw, by spoke and by the fingerprint that they saw it on.

    Examples: stackctl records · stackctl records whoami · stackctl records --stale
    """
    from stackctl.commands.records import show

    raise typer.Exit(
        run(
            "records",
            options_of(directory, json, verbose, no_colour),
            lambda root, _: show(root, names_of(spokes), stale=stale, last=last),
        )
    )
