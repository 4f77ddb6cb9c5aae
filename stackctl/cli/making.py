"""The commands that make a spoke: its files, and the timer of a job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click
import typer

from stackctl.cli.app import (
    Directory,
    Json,
    LockWait,
    NoColour,
    OneSpoke,
    Verbose,
    app,
    names_of,
    options_of,
)
from stackctl.names import consumer_names, template_names
from stackctl.run import run

if TYPE_CHECKING:
    from stackctl.commands.story import Story


def _templates(ctx: click.Context, incomplete: str) -> Iterator[str]:
    known = template_names(Path(ctx.params.get("directory") or "."))
    return (name for name in known if name.startswith(incomplete))


def _consumers(incomplete: str) -> Iterator[str]:
    return (name for name in consumer_names() if name.startswith(incomplete))


@app.command()
def new(
    spoke: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The new spoke's name.")] = None,
    template: Annotated[
        str,
        typer.Option(
            "--template",
            "--kind",
            "-t",
            metavar="TEMPLATE",
            help="What to begin with; --list names them. [default: app]",
            autocompletion=_templates,
        ),
    ] = "",
    listing: Annotated[bool, typer.Option("--list", "-l", help="List the templates; write nothing.")] = False,
    image: Annotated[
        str, typer.Option("--image", metavar="IMAGE", help="Its image, with a tag. [default: the template's]")
    ] = "",
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
    schedule: Annotated[
        str, typer.Option("--schedule", metavar="TIME", help='When a job runs, as in crontab: "30 3 * * *".')
    ] = "",
    consumer: Annotated[
        str,
        typer.Option(
            "--consumer",
            metavar="NAME",
            help="Whom a socket proxy is for, as dozzle. [default: traefik]",
            autocompletion=_consumers,
        ),
    ] = "",
    page_only: Annotated[bool, typer.Option("--page-only", help="Write no manifest.")] = False,
    manifest_only: Annotated[bool, typer.Option("--manifest-only", help="Write no page.")] = False,
    lock_wait: LockWait = 0.0,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Write the page and manifest of a new spoke; at a terminal, asks for what is not given.

    A template may add networks and the sources of secrets to stack.yaml; values of secrets it never writes.

    Examples: stackctl new blog · stackctl new --list · stackctl new cache --template redis
    · stackctl new blog --image traefik/whoami:v1.11.0 --host blog --port 80
    · stackctl new dozzle-proxy -t socket-proxy --consumer dozzle
    """
    if page_only and manifest_only:
        raise typer.BadParameter("--page-only and --manifest-only leave nothing to write")
    from stackctl.commands.locked import locked
    from stackctl.commands.new import asked, expect_free, listed, templates_of
    from stackctl.commands.new import new as tell
    from stackctl.commands.story import TemplatesAnswer
    from stackctl.errors import UsageError
    from stackctl.model import Kind
    from stackctl.run import Output
    from stackctl.starter import NewSpoke

    options = options_of(directory, json, verbose, no_colour)
    if listing:
        raise typer.Exit(run("new", options, lambda root, _: listed(root), anywhere=True))

    def wanted(root: Path, output: Output) -> NewSpoke:
        name = spoke or output.ask_for("Name")
        if not name:
            raise UsageError(
                "the new spoke needs a name", "stackctl new blog; `stackctl new --list` shows more"
            )
        expect_free(root, name)
        known = {one.name: one for one in templates_of(root)}
        chosen = template
        if not (chosen or image):
            if output.asks:
                output.console.answer(TemplatesAnswer(tuple(known.values())))
            chosen = output.ask_for("Template", "app")
        if (chosen or "app") not in known:
            raise UsageError(f"`{chosen}` is no template", f"one of {', '.join(known)}")
        of = known[chosen or "app"]
        given = NewSpoke(
            name,
            Kind(of.kind),
            image,
            host,
            port,
            profile,
            names_of(depends_on),
            names_of(volume),
            of.name,
            schedule,
            consumer or NewSpoke.consumer,
        )
        # Whoever names the image wants no questions.
        return given if image else asked(given, of, output.ask_for)

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

    raise typer.Exit(run("new", options, story))


@app.command()
def schedule(
    spoke: OneSpoke,
    cron: Annotated[
        bool, typer.Option("--cron", help="A line for crontab in place of systemd units.")
    ] = False,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Print the systemd timer, or the line for cron, that runs a job as its `schedule` says.

    Nothing is installed: stackctl itself runs nothing on time. The job must have been brought up once.

    Examples: stackctl schedule report · stackctl schedule report --cron
    """
    from stackctl.commands.schedule import schedule as tell

    raise typer.Exit(
        run(
            "schedule",
            options_of(directory, json, verbose, no_colour),
            lambda root, _: tell(root, spoke, cron=cron),
        )
    )
