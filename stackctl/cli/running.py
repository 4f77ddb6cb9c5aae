"""The commands that act on single containers and images, and `show`."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stackctl.cli.app import (
    Directory,
    Json,
    LockWait,
    NoColour,
    OneSpoke,
    Profile,
    SomeSpokes,
    Spokes,
    Verbose,
    app,
    names_of,
    options_of,
)
from stackctl.run import Options, Output, run

if TYPE_CHECKING:
    from stackctl.commands.story import Story


@app.command()
def show(
    spoke: OneSpoke,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Show all that is known of a spoke: each value and its place, what runs, what was proved.

    Example: stackctl show traefik
    """
    from stackctl.commands.show import show as tell

    raise typer.Exit(
        run(
            "show",
            options_of(directory, json, verbose, no_colour),
            lambda root, _: tell(root, spoke, environ=os.environ),
        )
    )


@app.command()
def doctor(
    spokes: Spokes = None,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Find why a service is not reachable; exit 8 where a link on the way to it is broken.

    Walks from the Engine to the service's name, stops at the first broken link, says what it saw and how
    to mend that. Changes nothing.

    Examples: stackctl doctor whoami · stackctl doctor --json
    """
    from stackctl.commands.doctor import doctor as tell

    raise typer.Exit(
        run(
            "doctor",
            options_of(directory, json, verbose, no_colour),
            lambda root, _: tell(root, names_of(spokes), environ=os.environ),
        )
    )


@app.command()
def restart(
    spokes: SomeSpokes,
    lock_wait: LockWait = 0.0,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Restart the containers of spokes as they are; `up` is what applies changed files.

    Example: stackctl restart traefik whoami
    """
    _act("restart", spokes, lock_wait, options_of(directory, json, verbose, no_colour))


@app.command()
def stop(
    spokes: SomeSpokes,
    lock_wait: LockWait = 0.0,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Stop the containers of spokes; the next `up` that means them starts them again.

    Example: stackctl stop whoami
    """
    _act("stop", spokes, lock_wait, options_of(directory, json, verbose, no_colour))


def _act(verb: str, spokes: list[str], lock_wait: float, options: Options) -> None:
    from stackctl.commands.locked import locked
    from stackctl.commands.running import act

    def tell(root: Path, _output: Output) -> Story:
        return locked(
            root,
            verb,
            lock_wait,
            lambda held: act(root, verb, names_of(spokes), environ=os.environ, held=held),
        )

    raise typer.Exit(run(verb, options, tell))


@app.command()
def pull(
    spokes: Spokes = None,
    profile: Profile = None,
    lock_wait: LockWait = 0.0,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Pull the images of spokes; restarts nothing: `plan` then shows which moved.

    Examples: stackctl pull --profile core · stackctl pull traefik
    """
    from stackctl.commands.locked import locked
    from stackctl.commands.pull import pull as tell

    raise typer.Exit(
        run(
            "pull",
            options_of(directory, json, verbose, no_colour),
            lambda root, _: locked(
                root,
                "pull",
                lock_wait,
                lambda held: tell(
                    root, names_of(spokes), profiles=frozenset(profile or ()), environ=os.environ, held=held
                ),
            ),
        )
    )


@app.command("exec", context_settings={"allow_interspersed_args": False})
def exec_(
    spoke: OneSpoke,
    command: Annotated[list[str], typer.Argument(metavar="-- CMD...", help="The command and its words.")],
    user: Annotated[
        str, typer.Option("--user", "-u", metavar="USER", help="Run it as this user of the container.")
    ] = "",
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Run a command inside a spoke's container; ends with its exit code. Options stand before SPOKE.

    Examples: stackctl exec traefik -- traefik version · stackctl exec -u 0 blog -- sh
    """
    from stackctl.commands.exec import exec as tell

    words = tuple(command[1:] if command[:1] == ["--"] else command)
    raise typer.Exit(
        run(
            "exec",
            options_of(directory, json, verbose, no_colour),
            lambda root, _: tell(
                root,
                spoke,
                words,
                user=user,
                attached=not json,
                terminal=not json and sys.stdin.isatty() and sys.stdout.isatty(),
                environ=os.environ,
            ),
        )
    )


class CaVerb(StrEnum):
    SHOW = "show"
    TRUST = "trust"


@app.command()
def ca(
    what: Annotated[
        CaVerb, typer.Argument(metavar="[trust]", help="Also how to make this machine trust it.")
    ] = CaVerb.SHOW,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Show the stack's own authority: what it signed, until when, and how to trust it.

    It signs for routes with `tls: internal`, and only for private names and the stack's domain. `stackctl up`
    makes it and renews what it signed. Its key stays in .stackctl/ca; this command changes nothing.

    Examples: stackctl ca · stackctl ca trust
    """
    from stackctl.commands.ca import ca as tell

    raise typer.Exit(
        run(
            "ca",
            options_of(directory, json, verbose, no_colour),
            lambda root, _: tell(root, trust=what is CaVerb.TRUST),
        )
    )
