"""What the documents show exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
import typer

from stackctl.cli.program import app
from stackctl.codes import CODES
from stackctl.lint.links import broken
from tests.shown import mentioned

REPOSITORY = Path(__file__).parent.parent
DOCUMENTS = sorted((REPOSITORY / "docs").glob("*.md"))
PAGES = [REPOSITORY / "README.md", *DOCUMENTS, *sorted((REPOSITORY / "spokes").glob("*.md"))]
NAMES = [str(page.relative_to(REPOSITORY)) for page in PAGES]
COMMANDS: dict[str, click.Command] = typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_and_option_that_a_page_shows_exists(page: Path) -> None:
    for command, *rest in mentioned(page):
        assert command in COMMANDS, f"stackctl {command}"
        known = {option for parameter in COMMANDS[command].params for option in parameter.opts}
        own = rest[: rest.index("--")] if "--" in rest else rest
        assert {word for word in own if word.startswith("-")} <= known, f"stackctl {command} {rest}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_code_that_a_page_names_exists(page: Path) -> None:
    assert set(re.findall(r"\b(?:SC|CK)\d{3}\b", page.read_text())) <= CODES.keys()


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    there = {str(page.relative_to(REPOSITORY)): page.read_bytes()}
    assert [str(f) for f in broken(there, lambda path: (REPOSITORY / path).exists())] == []


def test_the_reference_is_that_of_the_program() -> None:
    """Where this fails: `scripts/reference`."""
    script = str(REPOSITORY / "scripts" / "reference.py")
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_troubleshooting_page_stays_short_enough_to_search() -> None:
    assert len((REPOSITORY / "docs" / "troubleshooting.md").read_text().splitlines()) < 200


def test_the_readme_stays_short_and_the_index_lists_every_document() -> None:
    assert len((REPOSITORY / "README.md").read_text().splitlines()) < 170
    index = (REPOSITORY / "docs" / "README.md").read_text()
    for page in DOCUMENTS:
        assert page.name == "README.md" or f"{page.name})" in index, page.name


def test_pages_lists_and_links_of_this_repository_are_up_to_date() -> None:
    """Where this fails: `stackctl docs sync`."""
    words = ["docs", "sync", "--check", "-C", str(REPOSITORY)]
    done = subprocess.run([sys.executable, "-m", "stackctl", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
