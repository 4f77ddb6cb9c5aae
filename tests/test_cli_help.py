"""Every command explains itself: what it does, an example, and each of its options."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
import typer.main

from stackctl.cli.program import app

PROGRAM = typer.main.get_command(app)
assert isinstance(PROGRAM, click.Group)
COMMANDS = dict(PROGRAM.commands)
WITHOUT_A_STACK = {"completion"}


def command(name: str) -> click.Command:
    return COMMANDS[name]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_help_with_an_example_of_itself(name: str) -> None:
    said = command(name).help or ""
    assert "Example" in said
    assert f"stackctl {name}" in said.partition("Example")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_argument_is_documented(name: str) -> None:
    context = click.Context(command(name), info_name=name)
    for parameter in command(name).params:
        record = parameter.get_help_record(context)
        assert record is not None
        assert record[1].strip(), f"{name}: {parameter.name}"


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - WITHOUT_A_STACK))
def test_a_command_takes_a_folder_and_prints_json(name: str) -> None:
    options = {option for parameter in command(name).params for option in parameter.opts}
    assert {"-C", "--json", "--verbose", "--no-color"} <= options


@pytest.mark.parametrize("name", ["up", "down", "remove", "rename", "restore"])
def test_what_takes_something_away_asks_unless_told_not_to(name: str) -> None:
    assert "--yes" in {option for parameter in command(name).params for option in parameter.opts}


def test_the_help_names_every_command_once_and_fits_into_80_columns() -> None:
    context = click.Context(PROGRAM, info_name="stackctl", terminal_width=80, max_content_width=80)
    said = PROGRAM.get_help(context)
    assert max(map(len, said.splitlines())) <= 80
    listed = [line.split()[0] for line in said.splitlines() if line.startswith("  ") and line[2] != " "]
    for name in COMMANDS:
        assert listed.count(name) == 1, name


# ---- completion


def completed(cwd: Path, *words: str) -> list[str]:
    """What the shell is told for a command line whose last word is not finished."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "stackctl"],
        env={
            **os.environ,
            "_STACKCTL_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(("stackctl", *words)),
            "COMP_CWORD": str(len(words)),
        },
        cwd=cwd,
        capture_output=True,
        text=True,
    )
    imported = {
        line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "import time:" in line
    }
    assert not imported & {
        "docker",
        "jinja2",
        "markdown_it",
        "pyromark",
        "ruamel.yaml",
        "rich.console",
        "asyncio",
    }
    return done.stdout.split()


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    (tmp_path / "stack.yaml").write_text("name: s\n")
    (tmp_path / "spokes").mkdir()
    for name in ("web.md", "web.yaml", "wiki.yml", "store.md", "README.md", "notes.txt"):
        (tmp_path / "spokes" / name).touch()
    return tmp_path


def test_spokes_and_commands_are_completed_without_reading_a_file(stack: Path) -> None:
    assert completed(stack, "show", "w") == ["web", "wiki"]
    assert completed(stack / "spokes", "logs", "web", "w") == ["wiki"]
    assert completed(stack.parent, "-C", "x", "re")[:0] == []
    assert completed(stack.parent, "up", "-C", str(stack), "st") == ["store"]
    assert completed(stack, "re") == ["rename", "remove", "render", "restart", "restore", "records"]
    assert completed(stack.parent.parent, "show", "w") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed_for_each_shell(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stackctl", "completion", shell], capture_output=True, text=True, check=True
    )
    assert "_STACKCTL_COMPLETE" in done.stdout
    assert f"complete_{shell}" in done.stdout
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=True)


@pytest.mark.parametrize(
    "words", [["--help"], ["lint", "--explain", "SC401", "--json"], ["version", "--json"]]
)
def test_what_needs_nothing_heavy_imports_nothing_heavy(words: list[str]) -> None:
    program = (
        "import sys; from stackctl.cli.program import app\n"
        "try: app(sys.argv[1:], prog_name='stackctl')\n"
        "except SystemExit: pass\n"
        "print(sorted({'docker', 'jinja2', 'markdown_it', 'pyromark', 'ruamel', 'asyncio', 'rich'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
