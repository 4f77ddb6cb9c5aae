"""The commands that draw the stack, or carry it to another machine."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stackctl.cli.app import Directory, Json, NoColour, Verbose, app, options_of
from stackctl.run import run


class Format(StrEnum):
    SVG = "svg"
    HTML = "html"
    MERMAID = "mermaid"


@app.command()
def export(
    archive: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it, as *.tar.")],
    profile: Annotated[
        list[str] | None,
        typer.Option(
            "--profile", "-p", metavar="NAME", help="Only images that `up` with it runs; repeatable."
        ),
    ] = None,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Write the stack's files and images into one archive; no secret, no value of this host.

    Every image must be on the Engine; with --profile, those of the spokes that `up` with it starts.
    Volumes stay: see `stackctl backup`.

    Examples: stackctl export homelab.tar · stackctl export homelab.tar --profile core
    """
    from stackctl.commands.travel import export as tell

    raise typer.Exit(
        run(
            "export",
            options_of(directory, json, verbose, no_colour),
            lambda root, _: tell(root, archive, profiles=frozenset(profile or ()), environ=os.environ),
        )
    )


@app.command(name="import")
def import_(
    archive: Annotated[Path, typer.Argument(metavar="FILE", help="What `stackctl export` wrote.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The new stack's folder.")],
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Bring an exported stack to this machine, without any network: files into DIR, images into the Engine.

    Everything is compared with the archive's own list before anything is written.

    Example: stackctl import homelab.tar homelab
    """
    from stackctl.commands.travel import import_ as tell

    raise typer.Exit(
        run(
            "import",
            options_of(directory, json, verbose, no_colour),
            lambda here, _: tell(here / archive, here / folder, environ=os.environ),
            anywhere=True,
        )
    )


@app.command()
def graph(
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write it there. [default: to standard output]"),
    ] = None,
    form: Annotated[
        Format | None, typer.Option("--format", "-f", help="What to draw. [default: by FILE's name, or svg]")
    ] = None,
    observed: Annotated[
        bool, typer.Option("--observed", help="This host's ports too; mark where the Engine differs.")
    ] = False,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Draw the stack: networks, who reaches whom and Docker, ports, routes.

    A page (*.html) needs nothing else: it can be searched, and shows whom a spoke shares a network with.

    Examples: stackctl graph -o stack.html · stackctl graph --observed -o now.svg · stackctl graph -f mermaid
    """
    from stackctl.commands.graph import graph as tell

    if out is None and form is not Format.MERMAID and not json and sys.stdout.isatty():
        raise typer.BadParameter("a picture is nothing for a terminal: add --out stack.html, or -f mermaid")
    raise typer.Exit(
        run(
            "graph",
            options_of(directory, json, verbose, no_colour),
            lambda root, _: tell(
                root, shape=form.value if form else "", out=out, observed=observed, environ=os.environ
            ),
        )
    )
