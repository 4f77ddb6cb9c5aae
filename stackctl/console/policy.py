"""How a socket proxy's policy looks: what it opens, worst first, beside what its consumers need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stackctl import yaml_text
from stackctl.commands.image_answers import PolicyAnswer, ReviewedOperation, Suggestion

_MARK = {
    "needed": ("✓", "green"),
    "optional": ("·", "dim"),
    "excess": ("!", "yellow"),
    "unclaimed": ("?", "magenta"),
    "missing": ("✘", "red"),
}


def policy(answer: PolicyAnswer) -> RenderableType:
    """A block for each class of what is exposed, then what is missing, then the count."""
    return Group(*_parts(answer))


def _parts(answer: PolicyAnswer) -> Iterator[RenderableType]:
    yield Text.assemble((answer.spoke, "bold"), f" · {_mode(answer)} · {_for(answer)}")
    width = max((len(row.operation) for row in (*answer.opens, *answer.missing)), default=0)
    for exposes, rows in groupby(answer.opens, key=lambda row: row.exposes):
        yield from _block(exposes, rows, width)
    if answer.missing:
        yield from _block("missing", answer.missing, width)
    yield Text(f"\n{_count(answer)}", "red" if answer.missing else "")
    if answer.suggestion:
        yield from _suggestion(answer.suggestion)


def _mode(answer: PolicyAnswer) -> str:
    if answer.mode == "strict":
        return "strict"
    if not answer.dialect:
        return "switches (of an unknown image)"
    return f"switches ({answer.dialect}{'' if answer.measured else ', not measured'})"


def _for(answer: PolicyAnswer) -> str:
    if not answer.consumers:
        return "for nobody who is named"
    by = "" if answer.declared else " (by its image)" if len(answer.consumers) == 1 else " (by their images)"
    return f"for {', '.join(answer.consumers)}{by}"


def _count(answer: PolicyAnswer) -> str:
    excess = sum(row.role == "excess" for row in answer.opens)
    told = [f"{answer.needs} needed", f"{len(answer.opens)} open", f"{excess} in excess"]
    return ", ".join(told + ([f"{len(answer.missing)} missing"] if answer.missing else []))


def _block(title: str, rows: Iterable[ReviewedOperation], width: int) -> Iterator[RenderableType]:
    yield Text(f"\n{title}", "bold red" if title == "missing" else "bold")
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(no_wrap=True, min_width=width)
    table.add_column(style="dim", overflow="fold")
    for row in rows:
        mark, style = _MARK[row.role]
        operation = Text(row.operation, "red" if row.role == "missing" else "")
        table.add_row(Text(mark, style), operation, row.note)
    yield Padding(table, (0, 0, 0, 2))


def _suggestion(found: Suggestion) -> Iterator[RenderableType]:
    policy = {"consumers": list(found.consumers), "operations": list(found.operations)}
    yield Text("\nthe smallest policy", "bold")
    yield _yaml({"policy": {key: value for key, value in policy.items() if value}})
    yield Text("\nthe same with switches", "bold")
    yield _yaml({"environment": dict(found.environment)})
    opened = f"they open {found.opened_by_switches}"
    if found.impossible:
        yield Text(f"  no switch opens {', '.join(found.impossible)}", "red")
    if found.left_open:
        yield Text(f"  {opened}, {len(found.left_open)} of which nobody needs:", "yellow")
        yield from (Text(f"    ! {operation}", "yellow") for operation in found.left_open)
    else:
        yield Text(f"  {opened}, all of which somebody uses", "dim")


def _yaml(document: dict[str, object]) -> RenderableType:
    # Never wrapped, so that it can be copied.
    text = Text(yaml_text.dump(document).rstrip(), no_wrap=True, overflow="ignore")
    return Padding(text, (0, 0, 0, 2), expand=False)
