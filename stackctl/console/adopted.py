"""How a stack looks that was adopted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stackctl.commands.story import AdoptAnswer, AdoptedStack
from stackctl.findings import Finding

_MOST = 12
"""Lines of one kind that are shown; the whole report stands in ADOPTED.md."""


def adopted(answer: AdoptAnswer) -> RenderableType:
    """Who holds the socket first; then what was taken over, where pages are wrong, what could be hardened."""
    sockets = [found for stack in answer.stacks for found in stack.sockets]
    parts: list[RenderableType] = [
        Text.assemble(("✘ ", "red"), (found.message, "bold red")) for found in sockets
    ]
    if sockets:
        told = "whoever takes one of them over is root on this host; `stackctl verify` fails until it is gone"
        parts.append(Padding(Text(told, "red"), (0, 0, 0, 2)))
    for stack in answer.stacks:
        parts += _stack(stack)
    parts += [Text("now", "dim"), *(Text(f"  {command}") for command in answer.next)]
    return Group(*parts)


def _stack(stack: AdoptedStack) -> Iterator[RenderableType]:
    count = f"{len(stack.spokes)} spoke{'' if len(stack.spokes) == 1 else 's'}"
    yield Text.assemble(
        ("✔ ", "green"),
        (stack.stack, "bold"),
        f"  {count} in {stack.folder}/, as they run",
    )
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for _ in range(3):
        table.add_column(overflow="fold")
    for spoke in stack.spokes:
        page = spoke.page or "its page was made"
        table.add_row(f"  {spoke.spoke}", Text(spoke.origin, "dim"), Text(page, "dim"))
    yield table
    for note in stack.notes:
        yield Padding(Text.assemble(("! ", "yellow"), note), (0, 0, 0, 2))
    yield from _listed("page and Compose file disagree; Compose is what runs", stack.pages, stack.folder)
    yield from _listed("what lint warns of", stack.risks, stack.folder)
    if stack.lacks:
        yield Text(
            f"what stackctl would harden, one by one ({len(stack.lacks)} lines in {stack.folder}/ADOPTED.md)",
            "bold",
        )
        for spoke, group in groupby(stack.lacks, lambda lack: lack.spoke):
            keys = ", ".join(lack.line.partition(":")[0] for lack in group)
            yield Padding(Text.assemble(f"{spoke}  ", (keys, "dim")), (0, 0, 0, 2))


def _listed(title: str, findings: Iterable[Finding], folder: str) -> Iterator[RenderableType]:
    found = list(findings)
    if not found:
        return
    yield Text(title, "bold")
    for one in found[:_MOST]:
        line = Text.assemble((str(one.at), "bold"), f" {one.code} ", one.message)
        yield Padding(line, (0, 0, 0, 2))
    if len(found) > _MOST:
        yield Padding(Text(f"and {len(found) - _MOST} more in {folder}/ADOPTED.md", "dim"), (0, 0, 0, 2))
