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
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from stackctl import files
from stackctl.codes import CODES
from stackctl.findings import Code, Finding, Location
from stackctl.lint import RULES, Rule, lint
from stackctl.model import Stack
from stackctl.read.stack import read_stack

CASES = Path(__file__).parent / "cases"
NOT_STACKS = ("adopt",)
STACKS = sorted(p for p in CASES.iterdir() if p.is_dir() and p.name not in NOT_STACKS)
FOLDERS = sorted(path.parent for path in CASES.glob("*/findings.txt")) or STACKS
READ_AND_LINT = ("SC1", "SC2", "SC3", "SC4", "SC5", "SC61", "SC62", "SC63", "SC70")


def findings_and_stack(folder: Path, texts: Mapping[str, bytes]) -> tuple[list[Finding], Stack | None]:
    reading = read_stack(texts)
    if reading.stack is None:
        return list(reading.findings), None
    stack, missing = files.with_mounted(reading.stack, folder)
    return list(lint(stack, (*reading.findings, *missing))), stack


@cache
def as_read(folder: Path) -> tuple[Stack | None, tuple[Finding, ...]]:
    reading = read_stack(files.load(folder))
    if reading.stack is None:
        return None, reading.findings
    stack, missing = files.with_mounted(reading.stack, folder)
    return stack, (*reading.findings, *missing)


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


@pytest.mark.parametrize("folder", STACKS, ids=lambda p: p.name)
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
    assert [folder.name for folder in STACKS if code in codes_in(folder)]


def fired(folder: Path) -> dict[str, set[str]]:
    """The codes that stand against each file of a case, accepted ones left out."""
    found: dict[str, set[str]] = {}
    for line in (folder / "findings.txt").read_text().splitlines():
        if line[0] != " " and "(accepted: " not in line:
            found.setdefault(line.split(":")[0], set()).add(line.split(" ")[1])
    return found


FINE = sorted(CASES.glob("*/spokes/*-fine.yaml"))


@pytest.mark.parametrize("path", FINE, ids=lambda p: f"{p.parent.parent.name}/{p.name}")
def test_what_only_looks_like_a_fault_is_none(path: Path) -> None:
    assert fired(path.parent.parent).get(f"spokes/{path.name}", set()) == set()


OF_RULES = ("SC2", "SC31", "SC32", "SC33", "SC34", "SC35", "SC36", "SC37", "SC4")
SAID_BY_READING = {"SC203"}


@pytest.mark.parametrize("code", [c for c in CODES if c.startswith(OF_RULES) and c not in SAID_BY_READING])
def test_every_rule_has_a_near_miss_beside_what_it_finds(code: str) -> None:
    """`NAME.yaml` or a relative of it has the fault, `NAME-fine.yaml` in the same case has not."""
    near = [
        path
        for path in FINE
        for file, codes in fired(path.parent.parent).items()
        if code in codes and file.startswith(f"spokes/{path.name.removesuffix('-fine.yaml')}")
    ]
    assert near


def rule_name(rule: Rule) -> str:
    return f"{rule.__module__.rpartition('.')[2]}.{rule.__name__}"


@pytest.mark.parametrize("rule", RULES, ids=rule_name)
def test_without_a_rule_some_case_turns_red(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stackctl.lint.RULES", tuple(other for other in RULES if other is not rule))
    assert any(
        "".join(map(shown, lint(stack, so_far))) != (folder / "findings.txt").read_text()
        for folder in FOLDERS
        for stack, so_far in (as_read(folder),)
        if stack is not None
    )


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_every_finding_has_a_place_and_a_way_out(folder: Path) -> None:
    found, _ = findings_and_stack(folder, files.load(folder))
    assert [f for f in found if not f.hint or f.at.line < 1 or f.at.column < 1] == []


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: code.id)
def test_every_code_explains_itself(code: Code) -> None:
    assert code.title
    assert code.why
    if code.id.startswith("SC"):
        assert code.bad
        assert code.good
    # For these, what to do depends on what runs, and `doctor` looks at that.
    assert code.hint or (code.id in ("CK101", "CK102", "CK301") and "`stackctl " in code.why)


def test_a_stack_without_faults_has_no_findings() -> None:
    assert (CASES / "clean" / "findings.txt").read_text() == ""


@pytest.mark.parametrize("folder", STACKS, ids=lambda p: p.name)
def test_the_order_of_the_files_changes_nothing(folder: Path) -> None:
    texts = list(files.load(folder).items())
    expected = findings_and_stack(folder, dict(texts))
    for seed in range(5):
        random.Random(seed).shuffle(texts)
        assert findings_and_stack(folder, dict(texts)) == expected


def test_the_hash_seed_changes_nothing() -> None:
    program = (
        "import pathlib, sys; sys.path.insert(0, sys.argv[1]); import test_cases as t\n"
        "for folder in t.STACKS: print(t.golden(folder))"
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
