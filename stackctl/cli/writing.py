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
