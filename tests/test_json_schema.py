from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import click
import pytest
import typer
from jsonschema import Draft202012Validator

from stackctl import json_schema
from stackctl.cli.program import app
from stackctl.commands.story import Ended
from stackctl.errors import StackctlError
from stackctl.findings import Finding, InvalidFiles, Location, Severity
from stackctl.json_output import JsonOutput
from tests.json_lines import valid

COMMANDS: dict[str, click.Command] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
FINDING = Finding("SC101", Severity.ERROR, Location("spokes/web.md", 3, 4), "it is wrong")


def printed(command: str, happen: str, *what: Any) -> str:
    out = io.StringIO()
    getattr(JsonOutput(command, streams=True, out=out), happen)(*what)
    return out.getvalue()


@pytest.mark.parametrize(
    "command", [name for name, c in COMMANDS.items() if any("--json" in p.opts for p in c.params)]
)
def test_every_command_that_prints_json_has_a_schema(command: str) -> None:
    """Where this fails: add the command to ANSWERS, then `python -m stackctl.json_schema`."""
    assert command in json_schema.ANSWERS


@pytest.mark.parametrize("command", json_schema.ANSWERS)
def test_the_schema_in_the_repository_is_that_of_the_classes(command: str) -> None:
    """Where this fails: `python -m stackctl.json_schema`, and read what changed: programs rely on it."""
    text = (json_schema.FOLDER / f"{command}.json").read_text()
    assert text == json_schema.text(command)
    Draft202012Validator.check_schema(json.loads(text))


def test_no_schema_is_left_of_a_command_that_is_gone() -> None:
    assert {path.stem for path in json_schema.FOLDER.glob("*.json")} == set(json_schema.ANSWERS)


@pytest.mark.parametrize("command", json_schema.ANSWERS)
def test_errors_of_every_command_are_valid(command: str) -> None:
    for error in (StackctlError("it failed", "do it again", "$ docker"), InvalidFiles([FINDING])):
        (document,) = valid(command, printed(command, "error", error))
        assert document["exit"] == error.exit_code
        assert "detail" not in document["error"]


def test_a_field_that_no_schema_declares_is_noticed() -> None:
    @dataclass(frozen=True)
    class More:
        removed: tuple[str, ...]
        networks: tuple[str, ...] = ()
        other: str = ""

    with pytest.raises(AssertionError, match="other"):
        valid("down", printed("down", "ended", Ended(More(())).answer, 0))  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="removed"):
        valid("down", '{"schema": 1, "command": "down", "exit": 0}')
    with pytest.raises(AssertionError, match="prints no"):
        valid("down", '{"schema": 1, "event": "line", "spoke": "", "text": ""}')
