"""The command line: options, confirmation, exit codes; no logic."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from stackctl import __version__
from stackctl.errors import Exit
from stackctl.run import Options, run

app = typer.Typer(
    name="stackctl",
    help="Runs self-hosted Docker services from their pages, and proves that the pages are true.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with: stackctl lint · stackctl plan · stackctl up --profile core · stackctl verify",
)

Directory = Annotated[
    Path | None,
    typer.Option(
        "-C", "--directory", metavar="DIR", help="The stack's folder, or one below it. [default: .]"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show what was seen, and the commands behind an error.")
]
NoColour = Annotated[bool, typer.Option("--no-color", help="No colours; NO_COLOR does the same.")]
Profile = Annotated[
    list[str] | None,
    typer.Option(
        "--profile", "-p", metavar="NAME", help="Also the spokes of this profile; repeatable, '*' for all."
    ),
]
Spokes = Annotated[list[str] | None, typer.Argument(metavar="[SPOKE]...", help="Only these spokes.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def _options(directory: Path | None, json: bool, verbose: bool, no_colour: bool) -> Options:
    return Options(directory, json, verbose, False if no_colour else None)


def _names(values: list[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values or ()))


def _version(wanted: bool) -> None:
    if wanted:
        print(f"stackctl {__version__}")
        raise typer.Exit()


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Runs self-hosted Docker services from their pages, and proves that the pages are true."""


@app.command()
def lint(
    directory: Directory = None, json: Json = False, verbose: Verbose = False, no_colour: NoColour = False
) -> None:
    """Find every mistake in pages, manifests and stack.yaml; needs no Docker.

    Example: stackctl lint
    """
    from stackctl.commands.lint import lint as tell

    raise typer.Exit(run("lint", _options(directory, json, verbose, no_colour), lambda root, _: tell(root)))


@app.command()
def render(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 7 where a committed file would change.")
    ] = False,
    stdout: Annotated[bool, typer.Option("--stdout", help="Write nothing; print the Compose file.")] = False,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Write docker-compose.yml, rendered/, and this host's override.

    Examples: stackctl render · stackctl render --check · stackctl render --stdout
    """
    from stackctl.commands.render import render as tell

    raise typer.Exit(
        run(
            "render",
            _options(directory, json, verbose, no_colour),
            lambda root, _: tell(root, check=check, stdout=stdout, environ=os.environ),
        )
    )


@app.command()
def plan(
    spokes: Spokes = None,
    profile: Profile = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Also what only a newer stackctl renders differently.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit 7 when changes are pending.")] = False,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Show what `up` would do on this host, and why; changes nothing.

    Example: stackctl plan --profile core
    """
    from stackctl.commands.plan import plan as tell

    raise typer.Exit(
        run(
            "plan",
            _options(directory, json, verbose, no_colour),
            lambda root, _: tell(
                root,
                _names(spokes),
                profiles=frozenset(profile or ()),
                refresh=refresh,
                check=check,
                environ=os.environ,
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
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Bring the stack to what the files declare, then prove it.

    Without --profile: the spokes that have no profile, as in Compose.

    Examples: stackctl up --profile core · stackctl up --yes whoami
    """
    from stackctl.commands.up import up as tell

    raise typer.Exit(
        run(
            "up",
            _options(directory, json, verbose, no_colour),
            lambda root, output: tell(
                root,
                _names(spokes),
                profiles=frozenset(profile or ()),
                refresh=refresh,
                verify=not no_verify,
                confirm=lambda _: output.confirm("Apply this plan?", yes=yes),
                environ=os.environ,
            ),
            streams=True,
        )
    )


@app.command()
def status(
    directory: Directory = None, json: Json = False, verbose: Verbose = False, no_colour: NoColour = False
) -> None:
    """Show per spoke what runs, whether it is what the files declare, and what was proved of it.

    Example: stackctl status
    """
    from stackctl.commands.status import status as tell

    raise typer.Exit(
        run(
            "status",
            _options(directory, json, verbose, no_colour),
            lambda root, _: tell(root, environ=os.environ),
        )
    )


@app.command()
def verify(
    spokes: Spokes = None,
    profile: Profile = None,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Run the checks against what runs; exit 8 where one does not hold. Harmless on a live host.

    Examples: stackctl verify · stackctl verify docker-socket-proxy --json
    """
    from stackctl.commands.verify import verify as tell

    raise typer.Exit(
        run(
            "verify",
            _options(directory, json, verbose, no_colour),
            lambda root, _: tell(root, _names(spokes), profiles=frozenset(profile or ()), environ=os.environ),
        )
    )


@app.command()
def fingerprint(
    spokes: Spokes = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Exit 7 when docker-compose.yml or a page states another fingerprint."),
    ] = False,
    applied: Annotated[
        bool, typer.Option("--applied", help="Also what this host was given; asks the Engine.")
    ] = False,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Show the fingerprint of what each spoke declares, and its inputs; the same on every machine.

    Examples: stackctl fingerprint · stackctl fingerprint --check · stackctl fingerprint whoami --applied
    """
    from stackctl.commands.fingerprint import fingerprint as tell

    raise typer.Exit(
        run(
            "fingerprint",
            _options(directory, json, verbose, no_colour),
            lambda root, _: tell(root, _names(spokes), check=check, applied=applied, environ=os.environ),
        )
    )


@app.command()
def logs(
    spokes: Annotated[list[str], typer.Argument(metavar="SPOKE...", help="The spokes to read.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines are written.")] = False,
    tail: Annotated[int, typer.Option("--tail", "-n", min=0, help="How many lines from the end.")] = 100,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Show what the containers of spokes write.

    Examples: stackctl logs traefik · stackctl logs -f traefik whoami
    """
    from stackctl.commands.logs import logs as tell

    raise typer.Exit(
        run(
            "logs",
            _options(directory, json, verbose, no_colour),
            lambda root, _: tell(root, _names(spokes), follow=follow, tail=tail, environ=os.environ),
            streams=True,
        )
    )


@app.command()
def down(
    yes: Yes = False,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Remove the stack's containers and networks, of all profiles; volumes are kept.

    Example: stackctl down
    """
    from stackctl.commands.down import down as tell

    raise typer.Exit(
        run(
            "down",
            _options(directory, json, verbose, no_colour),
            lambda root, output: tell(
                root,
                confirm=lambda names: output.confirm(
                    f"Remove {len(names)} containers ({', '.join(names)})?", yes=yes
                ),
                environ=os.environ,
            ),
        )
    )


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
    _only(sys.argv[1] if len(sys.argv) > 1 else "")
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
