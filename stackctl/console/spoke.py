"""What `show` lays out of one spoke."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.text import Text

from stackctl import yaml_text
from stackctl.commands.story import Runs, ShowAnswer, Value

_FIELD = 26
"""Columns for the name of a field; values stand below each other to the right of it."""
_LONG = 100_000

_OUTCOMES = {"passed": ("✔", "green"), "failed": ("✘", "red"), "unreachable": ("?", "magenta")}


def spoke(answer: ShowAnswer) -> RenderableType:
    """Everything, from what the files state to what was last proved."""
    return Group(*_parts(answer))


def _parts(answer: ShowAnswer) -> Iterator[RenderableType]:
    title = Text.assemble((answer.spoke, "bold"), f"  {answer.kind}")
    if answer.title and answer.title.lower() != answer.spoke:
        title.append(f"  {answer.title}", "dim")
    yield title
    files = " + ".join(file for file in (answer.page, answer.manifest) if file)
    yield Text(files, "dim")
    yield Text("\nvalues", "bold")
    yield Values(answer.values)
    # Never wrapped, so that it can be copied.
    stanza = yaml_text.dump({answer.spoke: answer.stanza}).rstrip()
    yield Text("\nrendered", "bold")
    yield Text(stanza, no_wrap=True, overflow="ignore")
    yield from _section("fingerprint", Group(*_fingerprint(answer)))
    yield from _section("runs", Group(*_runs(answer)))
    yield from _section("proof", Group(*_proof(answer)))
    if answer.dependents:
        yield from _section("dependents", Text(", ".join(answer.dependents)))


def _section(title: str, body: RenderableType) -> Iterator[RenderableType]:
    yield Text(f"\n{title}", "bold")
    yield Padding(body, (0, 0, 0, 2))


@dataclass(frozen=True)
class Values:
    """Field, value and origin; names are never broken, as they are there to be copied and clicked on.

    What is too long for its place begins, or ends, on a line of its own.
    """

    rows: tuple[Value, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width if console.is_terminal else sys.maxsize
        indent = min(_FIELD, max((len(row.field) for row in self.rows), default=0)) + 4
        for row in self.rows:
            line = Text(f"  {row.field}", "cyan", no_wrap=True, overflow="ignore")
            if line.cell_len + 2 > indent:
                yield line
                line = Text(no_wrap=True, overflow="ignore")
            for part in Text(row.value).wrap(console, min(width - indent, _LONG)):
                if line.cell_len >= indent:
                    yield line
                    line = Text(no_wrap=True, overflow="ignore")
                line.append(" " * (indent - line.cell_len)).append(part.plain, "default")
            if line.cell_len + 2 + len(row.origin) > width:
                yield line
                line = Text(" " * (indent - 2), no_wrap=True, overflow="ignore")
            yield line.append(f"  {row.origin}", "dim")


def _fingerprint(answer: ShowAnswer) -> Iterator[RenderableType]:
    documented = "its page records it" if answer.documented else "its page does not record it"
    yield Text.assemble(answer.fingerprint.digest[:32], ("…  ", "dim"), (documented, "dim"))
    inputs = (f"{name} {digest[:12]}" for name, digest in sorted(answer.fingerprint.inputs.items()))
    yield Text("  ".join(inputs), "dim")


def _runs(answer: ShowAnswer) -> Iterator[RenderableType]:
    if not answer.runs:
        told = "no container" if answer.engine[:1].isdigit() else f"unknown: {answer.engine}"
        yield Text(told, "yellow")
    for container in answer.runs:
        style = "green" if container.state in ("running", "running, healthy") else "yellow"
        yield Text.assemble(container.name, "  ", (container.state, style), (f"  {container.id}", "dim"))
        yield from (Text(line, "dim") for line in _details(container))


def _details(container: Runs) -> Iterator[str]:
    yield f"image    {container.image} ({container.image_id})"
    if container.restarts:
        yield f"restarts {container.restarts}"
    for network, address in container.networks.items():
        yield f"network  {network}  {address}"
    for port in container.ports:
        yield f"port     {port.host_ip}:{port.published} → {port.target}/{port.protocol}"
    for mount in container.mounts:
        yield f"mount    {mount.source} → {mount.target}{' (read-only)' if mount.read_only else ''}"


def _proof(answer: ShowAnswer) -> Iterator[RenderableType]:
    styles = {"proved": "green", "failing": "red", "stale": "yellow"}
    at = f"  checked {answer.proved_at}" if answer.proved_at else ""
    yield Text.assemble((answer.proof.value, styles.get(answer.proof.value, "dim")), (at, "dim"))
    if not answer.last:
        yield from (Text(f"· {title}", "dim") for title in answer.checks)
    for seen in answer.last:
        mark, style = _OUTCOMES[seen.outcome.value]
        yield Text.assemble((f"{mark} ", style), seen.title, (f"  {seen.code}", "dim"))
        if mark != "✔":
            yield Padding(Text(seen.saw, "dim"), (0, 0, 0, 2))
