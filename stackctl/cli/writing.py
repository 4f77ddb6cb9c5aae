"""The commands that write pages and manifests."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

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


class NewKind(StrEnum):
    APP = "app"
    JOB = "job"
    SOCKET_PROXY = "socket-proxy"


@app.command()
def pin(
    spokes: Spokes = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 7 where a tag is not pinned, or has moved.")
    ] = False,
    update: Annotated[
        bool,
        typer.Option("--update", help="Pull what moved, try it in a copy, and write it if its checks hold."),
    ] = False,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Write the digest of each image into page or manifest, as its registry knows it.

    Nothing is pulled and nothing restarted; with --update, an unrouted throw-away copy runs the new image.

    Examples: stackctl pin · stackctl pin --check · stackctl pin whoami --update
    """
    from stackctl.commands.pin import pin as tell

    if check and update:
        raise typer.BadParameter("one looks, the other writes: leave --check or --update out")
    raise typer.Exit(
        run(
            "pin",
            options_of(directory, json, verbose, no_colour),
            lambda root, _: tell(root, names_of(spokes), check=check, update=update, environ=os.environ),
        )
    )


class DocsVerb(StrEnum):
    SYNC = "sync"


@app.command()
def docs(
    what: Annotated[DocsVerb, typer.Argument(metavar="sync", help="Bring the pages up to date.")],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 7 where a page lacks a fact.")
    ] = False,
    evidence: Annotated[
        bool,
        typer.Option("--evidence", help="Also status, last pass and artifacts, from this host's records."),
    ] = False,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Write into the pages what follows from the files, and find links that lead nowhere.

    That is: the last change fingerprint, the image's digest, dependents, the commands under Start/Stop, the
    list of spokes in spokes/README.md and that of decisions in adr/README.md. No other byte changes.

    Examples: stackctl docs sync · stackctl docs sync --check · stackctl docs sync --evidence
    """
    from stackctl.commands.docs import sync

    if check and evidence:
        raise typer.BadParameter("evidence is this host's, so it is never compared: leave --check out")
    raise typer.Exit(
        run(
            "docs",
            options_of(directory, json, verbose, no_colour),
            lambda root, _: sync(root, check=check, evidence=evidence),
        )
    )


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
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Write a first stack: stack.yaml, a socket proxy, an edge; writes over nothing.

    Examples: stackctl init homelab · stackctl init . --name homelab --domain example.org
    """
    from stackctl.commands.init import init as tell

    raise typer.Exit(
        run(
            "init",
            options_of(directory, json, verbose, no_colour),
            lambda here, _: tell(here / folder, name=name, domain=domain),
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


@app.command()
def new(
    spoke: Annotated[str, typer.Argument(metavar="NAME", help="The new spoke's name.")],
    kind: Annotated[NewKind | None, typer.Option("--kind", help="What it is. [default: app]")] = None,
    image: Annotated[str, typer.Option("--image", metavar="IMAGE", help="Its image, with a tag.")] = "",
    host: Annotated[
        str, typer.Option("--host", metavar="NAME", help="The host name that the edge routes to it.")
    ] = "",
    port: Annotated[
        int,
        typer.Option(
            "--port", metavar="PORT", help="The port that its container listens on.", show_default=False
        ),
    ] = 0,
    profile: Annotated[
        str, typer.Option("--profile", "-p", metavar="NAME", help="Start it with this profile only.")
    ] = "",
    depends_on: Annotated[
        list[str] | None,
        typer.Option("--depends-on", metavar="SPOKE", help="A spoke that it needs; repeatable."),
    ] = None,
    volume: Annotated[
        list[str] | None,
        typer.Option("--volume", metavar="NAME:PATH", help="A volume that it keeps its data in; repeatable."),
    ] = None,
    page_only: Annotated[bool, typer.Option("--page-only", help="Write no manifest.")] = False,
    manifest_only: Annotated[bool, typer.Option("--manifest-only", help="Write no page.")] = False,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Write the page and manifest of a new spoke; at a terminal, asks for what is not given.

    Examples: stackctl new blog · stackctl new blog --image traefik/whoami:v1.11.0 --host blog --port 80
    """
    if page_only and manifest_only:
        raise typer.BadParameter("--page-only and --manifest-only leave nothing to write")
    from stackctl.commands.new import asked, expect_free
    from stackctl.commands.new import new as tell
    from stackctl.errors import UsageError
    from stackctl.model import Kind
    from stackctl.run import Output
    from stackctl.starter import NewSpoke

    def wanted(root: Path, output: Output) -> NewSpoke:
        expect_free(root, spoke)
        chosen = kind.value if kind else ""
        if not (chosen or image):
            chosen = output.ask_for("Kind: app, job or socket-proxy", "app")
        if chosen and chosen not in list(NewKind):
            raise UsageError(f"`{chosen}` is not a kind of spoke", f"one of {', '.join(NewKind)}")
        of_kind = Kind(chosen or NewKind.APP)
        given = NewSpoke(spoke, of_kind, image, host, port, profile, names_of(depends_on), names_of(volume))
        # Whoever names the image wants no questions.
        return given if image else asked(given, output.ask_for)

    raise typer.Exit(
        run(
            "new",
            options_of(directory, json, verbose, no_colour),
            lambda root, output: tell(
                root, wanted(root, output), with_page=not manifest_only, with_manifest=not page_only
            ),
        )
    )


@app.command()
def edit(
    spoke: OneSpoke,
    manifest: Annotated[bool, typer.Option("--manifest", help="Open the manifest, not the page.")] = False,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Open a spoke's page in $VISUAL or $EDITOR, and lint what was saved.

    Examples: stackctl edit traefik · stackctl edit traefik --manifest
    """
    from stackctl.commands.edit import edit as tell

    raise typer.Exit(
        run(
            "edit",
            options_of(directory, json, verbose, no_colour),
            lambda root, output: tell(
                root,
                spoke,
                manifest=manifest,
                again=lambda found: output.asks and output.edit_again(found),
                terminal=output.asks and sys.stdout.isatty(),
                environ=os.environ,
            ),
        )
    )


@app.command()
def rename(
    old: OneSpoke,
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")],
    yes: Yes = False,
    lock_wait: LockWait = 0.0,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Rename a spoke: its files, what others say of it, and its history; volumes keep their names.

    Shows each line that changes, and asks. The next `up` replaces its container.

    Example: stackctl rename blog journal
    """
    from stackctl.commands.locked import locked
    from stackctl.commands.rename import rename as tell

    raise typer.Exit(
        run(
            "rename",
            options_of(directory, json, verbose, no_colour),
            lambda root, output: locked(
                root,
                "rename",
                lock_wait,
                lambda _held: tell(
                    root, old, new, confirm=lambda text: output.confirm(text, yes=yes), environ=os.environ
                ),
            ),
        )
    )


@app.command()
def remove(
    spoke: OneSpoke,
    keep_container: Annotated[
        bool, typer.Option("--keep-container", help="Leave the container to the next `up`.")
    ] = False,
    yes: Yes = False,
    lock_wait: LockWait = 0.0,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Delete a spoke's files, and its container; refuses while another depends on it; never a volume.

    Examples: stackctl remove blog · stackctl remove blog --keep-container
    """
    from stackctl.commands.locked import locked
    from stackctl.commands.remove import remove as tell

    raise typer.Exit(
        run(
            "remove",
            options_of(directory, json, verbose, no_colour),
            lambda root, output: locked(
                root,
                "remove",
                lock_wait,
                lambda held: tell(
                    root,
                    spoke,
                    keep_container=keep_container,
                    confirm=lambda text: output.confirm(text, yes=yes),
                    environ=os.environ,
                    held=held,
                ),
            ),
        )
    )
