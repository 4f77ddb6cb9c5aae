"""The commands about the program itself."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

from stackctl.cli.app import Directory, Json, NoColour, Verbose, app, options_of
from stackctl.run import run

COMPLETE_VAR = "_STACKCTL_COMPLETE"


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@app.command()
def version(
    directory: Directory = None, json: Json = False, verbose: Verbose = False, no_colour: NoColour = False
) -> None:
    """Show the versions of stackctl, Python, the Engine and Compose.

    Example: stackctl version --json
    """
    from stackctl.commands.version import version as tell

    raise typer.Exit(
        run(
            "version",
            options_of(directory, json, verbose, no_colour),
            lambda _root, _: tell(os.environ),
            anywhere=True,
        )
    )


class Described(StrEnum):
    MANIFEST = "manifest"
    STACK = "stack"


@app.command()
def schema(
    what: Annotated[Described, typer.Argument(help="Which file is described.")] = Described.MANIFEST,
    directory: Directory = None,
    json: Json = False,
    verbose: Verbose = False,
    no_colour: NoColour = False,
) -> None:
    """Print the JSON Schema of manifests, or of stack.yaml; editors complete and check with it.

    Examples: stackctl schema > manifest.schema.json · stackctl schema stack > stack.schema.json
    """
    from stackctl.commands.schema import schema as tell

    raise typer.Exit(
        run(
            "schema",
            options_of(directory, json, verbose, no_colour),
            lambda _root, _: tell(what.value),
            anywhere=True,
        )
    )


@app.command()
def completion(
    shell: Annotated[Shell, typer.Argument(help="The shell to complete in.")],
) -> None:
    """Print the script with which your shell completes commands, options and spokes.

    Examples: stackctl completion bash >> ~/.bashrc · stackctl completion zsh > ~/.zfunc/_stackctl
    """
    from typer._completion_shared import get_completion_script

    print(get_completion_script(prog_name="stackctl", complete_var=COMPLETE_VAR, shell=shell.value))
