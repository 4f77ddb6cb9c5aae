"""What `--json` printed, held against the schemas in the repository."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).parent.parent / "stackctl" / "data" / "schemas"


def valid(command: str, printed: str) -> list[dict[str, Any]]:
    """The lines as data; each must be one that the command's schema knows."""
    lines = [json.loads(line) for line in printed.splitlines()]
    for line in lines:
        # Against the branch that the line claims to be, as "not any of these" tells nobody what is wrong.
        for problem in _validator(command, _claim(line)).iter_errors(line):
            raise AssertionError(f"{command}: {problem.json_path}: {problem.message}")
    return lines


def _claim(line: dict[str, Any]) -> str:
    return str(line.get("event") or ("error" if "error" in line else "answer"))


@cache
def _validator(command: str, claim: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{command}.json").read_text())
    branches = [branch for branch in schema["anyOf"] if _branch(branch["properties"]) == claim]
    assert branches, f"{command} prints no {claim}"
    return Draft202012Validator(
        {**schema, "anyOf": branches} if len(branches) > 1 else _merged(schema, branches)
    )


def _branch(properties: dict[str, Any]) -> str:
    event = properties.get("event", {}).get("const")
    return str(event or ("error" if "error" in properties else "answer"))


def _merged(schema: dict[str, Any], branches: list[dict[str, Any]]) -> dict[str, Any]:
    return {"$defs": schema["$defs"], **branches[0]}
