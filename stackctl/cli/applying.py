"""`plan` and `up`: what would change, and changing it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from stackctl.cli.app import (
    Directory,
    Json,
    LockWait,
    NoColour,
    Profile,
    Spokes,
    Verbose,
    Yes,
    app,
    names_of,
    options_of,
)
from stackctl.run import run


@app.command()
def plan(
    spokes: Spokes = None,
    profile: Profile = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Also what only a newer stackctl renders differently.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit 7 when changes are pending.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Save the plan for `up --plan FILE`.")
    ] = None,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Show what `up` would do on this host, and why; changes nothing.

    What a change interrupts and what it would open stands below it.

    Examples: stackctl plan --profile core · stackctl plan --out next.plan
    """
    from stackctl.commands.plan import plan as tell

    raise typer.Exit(
        run(
            "plan",
            options_of(directory, json, verbose, no_colour),
            lambda root, _: tell(
                root,
                names_of(spokes),
                profiles=frozenset(profile or ()),
                refresh=refresh,
                check=check,
                environ=os.environ,
                out=out,
                line=_line(json, verbose, no_colour, directory, out),
            ),
        )
    )


@app.command()
def up(
    spokes: Spokes = None,
    profile: Profile = None,
    yes: Yes = False,
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Do not run the checks afterwards.")] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Also recreate what only a newer stackctl renders differently.")
    ] = False,
    allow_exposure: Annotated[
        bool, typer.Option("--allow-exposure", help="Say yes to what the plan would open.")
    ] = False,
    plan_file: Annotated[
        Path | None,
        typer.Option("--plan", metavar="FILE", help="Apply this saved plan, or nothing if something moved."),
    ] = None,
    lock_wait: LockWait = 0.0,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Bring the stack to what the files declare, then prove it.

    Without --profile: the spokes that have no profile, as in Compose. What would be open and was not, such as
    a port, needs a yes of its own.

    Examples: stackctl up --profile core · stackctl up --yes whoami · stackctl up --plan next.plan
    """
    if plan_file and (spokes or profile or refresh):
        raise typer.BadParameter("--plan FILE holds the spokes, profiles and --refresh that it was made with")
    from stackctl.commands.locked import locked
    from stackctl.commands.notified import notified
    from stackctl.commands.up import opening
    from stackctl.commands.up import up as tell

    raise typer.Exit(
        run(
            "up",
            options_of(directory, json, verbose, no_colour),
            lambda root, output: locked(
                root,
                "up",
                lock_wait,
                lambda held: notified(
                    root,
                    "up",
                    tell(
                        root,
                        names_of(spokes),
                        profiles=frozenset(profile or ()),
                        refresh=refresh,
                        verify=not no_verify,
                        confirm=lambda _: output.confirm("Apply this plan?", yes=yes),
                        environ=os.environ,
                        expose=lambda plan: output.confirm(
                            opening(plan),
                            yes=allow_exposure,
                            flag="--allow-exposure" if yes else "--yes --allow-exposure",
                        ),
                        plan_file=plan_file,
                        line=()
                        if json or verbose or no_colour or directory or plan_file
                        else tuple(sys.argv[1:]),
                        held=held,
                    ),
                    os.environ,
                ),
            ),
            streams=True,
        )
    )


def _line(*options: object) -> tuple[str, ...]:
    """The command line, where it has none of the options that change how, or on what, a command works."""
    return () if any(options) else tuple(sys.argv[1:])
