"""The reference pages, from the program: every command with its options, every code with its reason."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import typer

from stackctl.cli.program import app
from stackctl.codes import CODES

DOCS = Path(__file__).parent.parent / "docs"
EVERYWHERE = ("directory", "json", "verbose", "no_colour")
NOTE = "<!-- Written by scripts/reference from the program: change it there. -->"


def commands() -> str:
    """docs/reference.md."""
    program = typer.main.get_command(app)
    assert isinstance(program, click.Group)
    lines = ["# Every command", "", NOTE, "", "What each prints with `--json` is declared in"]
    lines += [
        "[stackctl/data/schemas/](../stackctl/data/schemas/). Exit codes: [exit-codes.md](exit-codes.md).",
        "All but `completion` take `-C DIR`, `--json`, `--verbose` and `--no-color`.",
        "",
    ]
    context = click.Context(program, info_name="stackctl")
    for name in program.list_commands(context):
        command = program.commands[name]
        lines += [f"## stackctl {name}", "", *_help(command.help or "")]
        own = click.Context(command, info_name=name, parent=context)
        lines += ["| argument or option | what it means |", "|---|---|"]
        for parameter in command.params:
            if parameter.name in EVERYWHERE:
                continue
            record = parameter.get_help_record(own)
            if record is not None:
                lines.append(f"| {_code(record[0])} | {_cell(record[1])} |")
        lines.append("")
    return "\n".join(lines)


def _help(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        said = " ".join(paragraph.split())
        head, colon, examples = said.partition(": ")
        if head in ("Example", "Examples") and colon:
            yield "```text"
            yield from examples.split(" · ")
            yield "```"
        else:
            yield said
        yield ""


def codes() -> str:
    """docs/codes.md."""
    lines = ["# Every code", "", NOTE, ""]
    lines += [
        "SC: what is wrong in the files, found by `stackctl lint`. CK: what must hold of what runs, asked by"
    ]
    lines += ["`stackctl verify` and `stackctl doctor`. `stackctl lint --explain CODE` says the same.", ""]
    for code in CODES.values():
        lines += [
            f"## {code.id}",
            "",
            f"**{_sentence(code.title)}** ({code.severity.value})",
            "",
            code.why,
            "",
        ]
        examples = [f"# {word}\n{text}" for word, text in (("bad", code.bad), ("good", code.good)) if text]
        if examples:
            lines += ["```yaml", *examples, "```", ""]
        if code.hint:
            lines += [f"Way out: {code.hint}", ""]
    return "\n".join(lines)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _code(text: str) -> str:
    return f"`{text.replace('|', '¦')}`"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def main() -> int:
    pages = {DOCS / "reference.md": commands(), DOCS / "codes.md": codes()}
    differing = [page for page, text in pages.items() if not page.exists() or page.read_text() != text]
    for page in differing:
        print(page.relative_to(DOCS.parent))
        if "--check" not in sys.argv:
            page.write_text(pages[page])
    return 7 if differing and "--check" in sys.argv else 0


if __name__ == "__main__":
    raise SystemExit(main())
