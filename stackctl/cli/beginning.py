"""The commands with which a stack begins: a new one, or one of what runs already."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from stackctl.cli.app import Directory, Json, NoColour, Verbose, app, options_of
from stackctl.run import run


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="The new stack's folder.")] = Path("."),
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="The stack's name. [default: that of the folder]")
    ] = "",
    domain: Annotated[
        str,
        typer.Option("--domain", metavar="NAME", help="Where its host names live; *.localhost needs no DNS."),
    ] = "stack.localhost",
    edge: Annotated[
        str,
        typer.Option(
            "--edge", metavar="EDGE", help="What routes: traefik, or caddy, which needs no way to Docker."
        ),
    ] = "traefik",
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Write a first stack: stack.yaml, an edge, its socket proxy; writes over nothing.

    Examples: stackctl init homelab · stackctl init . --domain example.org · stackctl init lab --edge caddy
    """
    from stackctl.commands.init import init as tell

    raise typer.Exit(
        run(
            "init",
            options_of(directory, json, verbose, no_colour),
            lambda here, _: tell(here / folder, name=name, domain=domain, edge=edge),
            anywhere=True,
        )
    )


@app.command()
def adopt(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[COMPOSE_FILE]...",
            help="Compose files; those of one folder are one project. [default: what Compose finds here]",
        ),
    ] = None,
    laid_over: Annotated[
        list[Path] | None,
        typer.Option(
            "--file", "-f", metavar="FILE", help="As for Compose: all of them are one project; repeatable."
        ),
    ] = None,
    pages: Annotated[
        Path | None, typer.Option("--pages", metavar="DIR", help="A folder of notes, a page per service.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="A new or empty folder. [default: PROJECT-stack]"),
    ] = None,
    merge: Annotated[
        bool,
        typer.Option("--merge", help="Make one stack of all projects; volumes of the others stay theirs."),
    ] = False,
    env_file: Annotated[
        list[Path] | None,
        typer.Option("--env-file", metavar="FILE", help="Variables, in place of .env; repeatable."),
    ] = None,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Make spokes of an existing Compose project; changes nothing that runs, and none of its files.

    Says who holds Docker's socket, where notes and Compose disagree, and what could be hardened.

    Examples: stackctl adopt · stackctl adopt docker-compose.yml --pages notes --out homelab
    """
    from stackctl.commands.adopt import Asked
    from stackctl.commands.adopt import adopt as tell

    def under(here: Path, paths: list[Path] | None) -> tuple[Path, ...]:
        return tuple(here / path for path in paths or ())

    raise typer.Exit(
        run(
            "adopt",
            options_of(directory, json, verbose, no_colour),
            lambda here, _: tell(
                here,
                Asked(
                    under(here, files),
                    under(here, laid_over),
                    under(here, env_file),
                    here / pages if pages else None,
                    here / out if out else None,
                    merge,
                ),
                os.environ,
            ),
            anywhere=True,
        )
    )
