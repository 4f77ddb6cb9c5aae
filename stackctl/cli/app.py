"""The program as a whole: its help, and the options that all commands share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import click
import typer
from typer import core

from stackctl import __version__
from stackctl.names import spoke_names
from stackctl.run import Options

# Otherwise typer escapes brackets for rich, which does not print this help.
core.HAS_RICH = False

_SECTIONS = {
    "Write": "init adopt new edit rename remove lint render",
    "Run": "plan up rollback down restart stop pull exec backup restore schedule",
    "See": "status show logs graph history",
    "Carry": "export import",
    "Prove": "verify records doctor policy fingerprint pin docs ca",
}
"""Commands in the order in which a person meets them; what stands nowhere here comes last."""


_ROOM = 62


class _Sections(core.TyperGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:
        listed = [name for names in _SECTIONS.values() for name in names.split() if name in self.commands]
        return [*listed, *(name for name in self.commands if name not in listed)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        names = self.list_commands(ctx)
        for title, listed in {**_SECTIONS, "More": " ".join(names)}.items():
            rows = [(name, self._summary(name)) for name in listed.split() if name in names]
            names = [name for name in names if name not in listed.split()]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def _summary(self, name: str) -> str:
        """The first clause of its help, which fits into one line of 80 columns."""
        clause = re.split(r"[;:.](?:\s|\Z)", self.commands[name].help or "")[0]
        return clause if len(clause) <= _ROOM else clause[: clause.rindex(",", 0, _ROOM)]


app = typer.Typer(
    cls=_Sections,
    name="stackctl",
    help="Runs self-hosted Docker services from their pages, and proves that the pages are true.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with: stackctl init mystack · stackctl lint · stackctl up --profile core",
)


def _spoke_names(ctx: click.Context, incomplete: str) -> Iterator[str]:
    """The spokes that a half typed word may mean."""
    taken = {*(ctx.params.get("spokes") or ()), ctx.params.get("spoke")}
    for name in spoke_names(Path(ctx.params.get("directory") or ".")):
        if name.startswith(incomplete) and name not in taken:
            yield name


Directory = Annotated[
    Path | None,
    typer.Option(
        "-C",
        "--directory",
        metavar="DIR",
        help="The stack's folder. [default: the nearest from here upwards]",
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
Spokes = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SPOKE]...", help="Only these spokes.", autocompletion=_spoke_names),
]
SomeSpokes = Annotated[
    list[str], typer.Argument(metavar="SPOKE...", help="The spokes.", autocompletion=_spoke_names)
]
OneSpoke = Annotated[str, typer.Argument(metavar="SPOKE", help="The spoke.", autocompletion=_spoke_names)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
LockWait = Annotated[
    float,
    typer.Option(
        "--lock-wait", metavar="SECONDS", min=0, help="Wait so long for another run that changes the stack."
    ),
]


def options_of(directory: Path | None, json: bool, verbose: bool, no_colour: bool) -> Options:
    """What every command takes, as the rest of the program knows it."""
    return Options(directory, json, verbose, False if no_colour else None)


def names_of(values: list[str] | None) -> tuple[str, ...]:
    """Each name once, in the order given."""
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
