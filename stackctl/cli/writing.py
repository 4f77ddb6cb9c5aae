"""The commands that write pages and manifests."""

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
    lock_wait: LockWait = 0.0,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Write the digest of each image into page or manifest, as its registry knows it.

    Nothing is pulled and nothing restarted; with --update, an unrouted throw-away copy runs the new image.

    Examples: stackctl pin · stackctl pin --check · stackctl pin whoami --update
    """
    from stackctl.commands.locked import locked
    from stackctl.commands.pin import pin as tell

    if check and update:
        raise typer.BadParameter("one looks, the other writes: leave --check or --update out")

    def story(root: Path) -> Story:
        return tell(root, names_of(spokes), check=check, update=update, environ=os.environ)

    raise typer.Exit(
        run(
            "pin",
            options_of(directory, json, verbose, no_colour),
            lambda root, _: (
                story(root) if check else locked(root, "pin", lock_wait, lambda _held: story(root))
            ),
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
    lock_wait: LockWait = 0.0,
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
    from stackctl.commands.locked import locked

    if check and evidence:
        raise typer.BadParameter("evidence is this host's, so it is never compared: leave --check out")

    def story(root: Path) -> Story:
        return sync(root, check=check, evidence=evidence)

    raise typer.Exit(
        run(
            "docs",
            options_of(directory, json, verbose, no_colour),
            lambda root, _: (
                story(root) if check else locked(root, "docs sync", lock_wait, lambda _held: story(root))
            ),
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
    lock_wait: LockWait = 0.0,
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
    from stackctl.commands.locked import locked
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

    def story(root: Path, output: Output) -> Story:
        # Nobody is kept waiting while a person thinks of an answer.
        chosen = wanted(root, output)
        with_page, with_manifest = not manifest_only, not page_only
        return locked(
            root,
            "new",
            lock_wait,
            lambda _held: tell(root, chosen, with_page=with_page, with_manifest=with_manifest),
        )

    raise typer.Exit(run("new", options_of(directory, json, verbose, no_colour), story))


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
