"""The commands of every day: from the files to a proved stack, and down again."""

from __future__ import annotations

import os
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
    Yes,
    app,
    names_of,
    options_of,
)
from stackctl.run import run

if TYPE_CHECKING:
    from stackctl.commands.story import Story
    from stackctl.run import Output


@app.command()
def lint(
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend what can be mended without changing what it means.")
    ] = False,
    explain: Annotated[
        str | None, typer.Option("--explain", metavar="CODE", help="Why a code is one, with examples.")
    ] = None,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Find every mistake in pages, manifests and stack.yaml; needs no Docker.

    Examples: stackctl lint · stackctl lint --fix · stackctl lint --explain SC401
    """
    options = options_of(directory, json, verbose, no_colour)
    if explain is not None:
        from stackctl.commands.explain import explain as tell_why

        raise typer.Exit(run("lint", options, lambda _root, _: tell_why(explain), anywhere=True))
    from stackctl.commands.lint import lint as tell

    raise typer.Exit(run("lint", options, lambda root, _: tell(root, fix=fix)))


@app.command()
def render(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 7 where a committed file would change.")
    ] = False,
    stdout: Annotated[bool, typer.Option("--stdout", help="Write nothing; print the Compose file.")] = False,
    allow_exposure: Annotated[
        bool,
        typer.Option("--allow-exposure", help="Say yes to routes that a running edge would open at once."),
    ] = False,
    lock_wait: LockWait = 0.0,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Write docker-compose.yml, rendered/, and this host's override.

    Examples: stackctl render · stackctl render --check · stackctl render --stdout
    """
    from stackctl.commands.locked import locked
    from stackctl.commands.render import render as tell

    def story(root: Path, output: Output) -> Story:
        return tell(
            root,
            check=check,
            stdout=stdout,
            environ=os.environ,
            expose=lambda question: output.confirm(question, yes=allow_exposure, flag="--allow-exposure"),
        )

    raise typer.Exit(
        run(
            "render",
            options_of(directory, json, verbose, no_colour),
            lambda root, output: (
                story(root, output)
                if check or stdout
                else locked(root, "render", lock_wait, lambda _held: story(root, output))
            ),
            streams=stdout,
        )
    )


@app.command()
def status(
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Go on showing it, until Ctrl-C, which then exits 0.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Exit 8 unless each spoke that should run does, as declared and proved."
        ),
    ] = False,
    profile: Profile = None,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Show per spoke what runs, whether it is what the files declare, and what was proved of it.

    A wide terminal, or --verbose, adds the fingerprint and the time of the last checks.

    Spokes of a profile count for --check where they run, or with --profile.

    Examples: stackctl status · stackctl status --watch · stackctl status --check --profile core
    """
    from stackctl.commands import status as tell

    if watch and check:
        raise typer.BadParameter("what goes on for ever has no exit code: leave --watch or --check out")
    names = frozenset(profile or ())
    raise typer.Exit(
        run(
            "status",
            options_of(directory, json, verbose, no_colour),
            lambda root, _: (
                tell.watch(root, environ=os.environ)
                if watch
                else tell.status(root, environ=os.environ, check=check, profiles=names)
            ),
            streams=watch,
            endless=watch,
        )
    )


@app.command()
def verify(
    spokes: Spokes = None,
    profile: Profile = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the results as JUnit XML too.")
    ] = None,
    host: Annotated[
        bool, typer.Option("--host", help="What others on this host expose is a failure, not a warning.")
    ] = False,
    prove: Annotated[
        bool,
        typer.Option("--prove", help="Break each guard in a throw-away copy; every check must notice."),
    ] = False,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Run the checks against what runs; exit 8 where one does not hold. Harmless on a live host.

    Examples: stackctl verify · stackctl verify docker-socket-proxy --json · stackctl verify --junit out.xml
    """
    from stackctl.commands.notified import notified
    from stackctl.commands.prove import prove as break_guards
    from stackctl.commands.verify import verify as tell

    chosen, profiles = names_of(spokes), frozenset(profile or ())
    raise typer.Exit(
        run(
            "verify",
            options_of(directory, json, verbose, no_colour),
            lambda root, _: (
                break_guards(root, chosen, profiles=profiles, environ=os.environ, report=junit)
                if prove
                else notified(
                    root,
                    "verify",
                    tell(
                        root,
                        chosen,
                        profiles=profiles,
                        environ=os.environ,
                        report=junit,
                        whole_host=host,
                    ),
                    os.environ,
                )
            ),
        )
    )


@app.command()
def policy(
    spoke: OneSpoke,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Also the smallest policy that its consumers can do with.")
    ] = False,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Show what a socket proxy lets through, by what it exposes, and what its consumers need.

    Examples: stackctl policy docker-socket-proxy · stackctl policy docker-socket-proxy --suggest
    """
    from stackctl.commands.policy import policy as tell

    raise typer.Exit(
        run(
            "policy",
            options_of(directory, json, verbose, no_colour),
            lambda root, _: tell(root, spoke, suggest=suggest),
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
            options_of(directory, json, verbose, no_colour),
            lambda root, _: tell(root, names_of(spokes), check=check, applied=applied, environ=os.environ),
        )
    )


@app.command()
def logs(
    spokes: SomeSpokes,
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
            options_of(directory, json, verbose, no_colour),
            lambda root, _: tell(root, names_of(spokes), follow=follow, tail=tail, environ=os.environ),
            streams=True,
            endless=follow,
        )
    )


@app.command()
def down(
    yes: Yes = False,
    lock_wait: LockWait = 0.0,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Remove the stack's containers and networks, of all profiles; volumes are kept.

    Example: stackctl down
    """
    from stackctl.commands.down import down as tell
    from stackctl.commands.locked import locked

    raise typer.Exit(
        run(
            "down",
            options_of(directory, json, verbose, no_colour),
            lambda root, output: locked(
                root,
                "down",
                lock_wait,
                lambda held: tell(
                    root,
                    confirm=lambda text: output.confirm(text, yes=yes),
                    environ=os.environ,
                    held=held,
                ),
            ),
        )
    )
