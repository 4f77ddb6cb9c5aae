"""No command imports what it does not need: a start costs little, and what is not imported cannot cost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
HEAVY = frozenset({"docker", "jinja2", "asyncio", "pyromark", "ruamel", "rich", "requests", "pydantic"})

# Runs the command line, then tells on a line of its own which of the heavy modules are there.
PROGRAM = f"""
import json, sys
from stackctl.cli import main
sys.argv = ["stackctl", *sys.argv[1:]]
try:
    main()
except SystemExit:
    pass
print()
print(json.dumps(sorted({{name.split(".")[0] for name in sys.modules}} & {set(HEAVY)!r})))
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stack")
    shutil.copy(REPOSITORY / "stack.yaml", root)
    shutil.copytree(REPOSITORY / "spokes", root / "spokes")
    return root


def imported(root: Path, *words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        cwd=root,
        env={**os.environ, "DOCKER_HOST": "unix:///nowhere/docker.sock"},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "words",
    [
        "--version",
        "--help",
        "",
        "lint --help",
        "up --help",
        "no-such-command",
        "lint --no-such-option",
        "logs",
    ],
)
def test_what_needs_no_stack_imports_nothing_heavy(root: Path, words: str) -> None:
    assert imported(root, *words.split()) == set()


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        ("lint --json", {"ruamel", "pyromark"}),
        ("lint", {"ruamel", "pyromark", "rich"}),
        ("render --check --json", {"ruamel", "pyromark", "jinja2"}),
        ("fingerprint --json", {"ruamel", "pyromark", "jinja2"}),
        ("plan --json", {"ruamel", "pyromark", "jinja2"}),
        ("status --json", {"ruamel", "pyromark", "jinja2"}),
    ],
)
def test_a_command_imports_at_most_what_it_needs(root: Path, words: str, needed: set[str]) -> None:
    assert imported(root, *words.split()) <= needed


def test_what_was_read_before_needs_no_markdown(root: Path) -> None:
    (root / ".stackctl").mkdir(mode=0o700, exist_ok=True)
    imported(root, "lint", "--json")
    assert "pyromark" not in imported(root, "lint", "--json")
