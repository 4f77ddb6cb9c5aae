"""Each folder of tests/cases is a stack; what reading and lint make of it stands beside it as golden files.

Run with `--update-goldens` after a change that is meant, and read the difference.
"""

from __future__ import annotations

import dataclasses
import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from stackctl import files
from stackctl.codes import CODES
from stackctl.findings import Finding, Location
from stackctl.lint import lint
from stackctl.model import Stack
from stackctl.read.stack import read_stack

CASES = Path(__file__).parent / "cases"
FOLDERS = sorted(path.parent for path in CASES.glob("*/findings.txt")) or sorted(CASES.iterdir())
READ_AND_LINT = ("SC1", "SC2", "SC3", "SC4", "SC5", "SC7")


def findings_and_stack(folder: Path, texts: Mapping[str, bytes]) -> tuple[list[Finding], Stack | None]:
    reading = read_stack(texts)
    found = set(reading.findings)
    stack = reading.stack
    if stack is not None:
        stack, missing = files.with_mounted(stack, folder)
        found |= {*missing, *lint(stack)}
    return sorted(found, key=lambda f: (f.at, f.code, f.message)), stack


def shown(finding: Finding) -> str:
    accepted = f" (accepted: {finding.accepted})" if finding.accepted else ""
    hint = f"\n    {finding.hint}" if finding.hint else ""
    return f"{finding.at} {finding.code} {finding.severity}: {finding.message}{accepted}{hint}\n"


def plain(value: Any) -> Any:
    if isinstance(value, Location):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            "type": type(value).__name__,
            **{
                field.name: plain(getattr(value, field.name))
                for field in dataclasses.fields(value)
                if field.name != "places" and getattr(value, field.name) not in ("", (), {}, None)
            },
        }
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(plain(item) for item in value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value


def golden(folder: Path) -> dict[str, str]:
    found, stack = findings_and_stack(folder, files.load(folder))
    document = json.dumps(plain(stack), indent=1, ensure_ascii=False) + "\n"
    return {"findings.txt": "".join(map(shown, found)), "stack.json": document}


@pytest.mark.parametrize("folder", sorted(p for p in CASES.iterdir() if p.is_dir()), ids=lambda p: p.name)
def test_a_stack_reads_as_its_golden_files_say(folder: Path, request: pytest.FixtureRequest) -> None:
    for name, text in golden(folder).items():
        path = folder / name
        if name == "stack.json" and not path.exists():
            continue
        if request.config.getoption("--update-goldens"):
            path.write_text(text)
        assert path.read_text() == text, f"{path.parent.name}/{name}: --update-goldens, where it is meant"


def codes_in(folder: Path) -> set[str]:
    return {
        line.split(" ")[1] for line in (folder / "findings.txt").read_text().splitlines() if line[0] != " "
    }


@pytest.mark.parametrize("code", [code for code in CODES if code.startswith(READ_AND_LINT)])
def test_every_code_of_the_files_fires_in_some_case(code: str) -> None:
    assert [folder.name for folder in CASES.iterdir() if code in codes_in(folder)]


def test_a_stack_without_faults_has_no_findings() -> None:
    assert (CASES / "clean" / "findings.txt").read_text() == ""


@pytest.mark.parametrize("folder", sorted(p for p in CASES.iterdir() if p.is_dir()), ids=lambda p: p.name)
def test_the_order_of_the_files_changes_nothing(folder: Path) -> None:
    texts = list(files.load(folder).items())
    expected = findings_and_stack(folder, dict(texts))
    for seed in range(5):
        random.Random(seed).shuffle(texts)
        assert findings_and_stack(folder, dict(texts)) == expected


def test_the_hash_seed_changes_nothing() -> None:
    program = (
        "import pathlib, sys; sys.path.insert(0, sys.argv[1]); import test_cases as t\n"
        "for folder in sorted(t.CASES.iterdir()): print(t.golden(folder))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program, str(Path(__file__).parent)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert len(printed) == 1
