"""Lists that follow from the files: the spokes by phase and profile, and the decisions.

They stand between two comments in a file that is otherwise its author's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import groupby

from stackctl.edit import Edit, Raw
from stackctl.errors import StackctlError
from stackctl.model import Spoke, Stack
from stackctl.read.blocks import Heading, Line, read_blocks
from stackctl.read.page_values import split_field
from stackctl.read.text import read_text

SPOKES_FILE = "spokes/README.md"
DECISIONS_FILE = "adr/README.md"
_BEGIN, _END = "<!-- stackctl: {} -->", "<!-- stackctl: end -->"
_PLAIN_STATUS = re.compile(r"status\s*:\s*(?P<status>.+)\Z", re.IGNORECASE)


def with_spokes(before: bytes | None, stack: Stack) -> bytes:
    """`spokes/README.md` with the list of all spokes; None is a file that is not there yet."""
    return _between(SPOKES_FILE, before, f"# Spokes of {stack.name}", "spokes", _spokes(stack))


def with_decisions(before: bytes | None, texts: Mapping[str, bytes]) -> bytes:
    """`adr/README.md` with the list of the other files of that folder."""
    rows = [_decision(file, texts[file]) for file in sorted(texts) if file != DECISIONS_FILE]
    return _between(DECISIONS_FILE, before, "# Decisions", "decisions", rows)


def _between(file: str, before: bytes | None, title: str, name: str, lines: list[str]) -> bytes:
    """The file with these lines between its comments; a file without the comments gets them at its end."""
    begin = _BEGIN.format(name)
    raw = Raw(file, before if before is not None else f"{title}\n".encode())
    listed = raw.newline.join((begin, "", *lines, "", _END))
    start = raw.text.find(begin)
    if start < 0:
        gap = "" if not raw.text else raw.newline if raw.text.endswith(("\n", "\r")) else 2 * raw.newline
        return raw.edited((Edit(raw.place(len(raw.text)), "", gap + listed + raw.newline),))
    end = raw.text.find(_END, start)
    if end < 0:
        raise StackctlError(
            f"{raw.place(start)} begins a list that has no end", f"write `{_END}` below it, or take both out"
        )
    return raw.edited((Edit(raw.place(start), raw.text[start : end + len(_END)], listed),))


# ---- spokes


def _spokes(stack: Stack) -> list[str]:
    lines: list[str] = []
    for phase, spokes in groupby(sorted(stack.spokes, key=_order), key=lambda spoke: spoke.phase):
        if lines:
            lines.append("")
        if phase or lines:
            lines += [f"## {f'Phase {phase}' if phase[:1].isdigit() else phase or 'No phase'}", ""]
        lines += ["| Spoke | Profile | Kind | Reached at | Depends on |", "|---|---|---|---|---|"]
        lines += [_row(spoke) for spoke in spokes]
    return lines


def _order(spoke: Spoke) -> tuple[bool, tuple[int, str], tuple[str, ...], str]:
    number = re.match(r"\d+", spoke.phase)
    return not spoke.phase, (int(number[0]) if number else 10**6, spoke.phase), spoke.profiles, spoke.name


def _row(spoke: Spoke) -> str:
    name = (
        f"[{spoke.title or spoke.name}]({spoke.page.rpartition('/')[2]})" if spoke.page else f"`{spoke.name}`"
    )
    reached = ", ".join(f"`{host}{route.path.rstrip('/')}`" for route in spoke.routes for host in route.hosts)
    cells = (
        name,
        ", ".join(spoke.profiles) or "always",
        spoke.kind.value,
        reached or "–",
        ", ".join(f"`{dependency.spoke}`" for dependency in spoke.dependencies) or "–",
    )
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


# ---- decisions


def _decision(file: str, data: bytes) -> str:
    source, _ = read_text(file, data)
    title = status = ""
    for block in read_blocks(source.text):
        if isinstance(block, Heading) and block.level == 1:
            title = title or block.text
        elif isinstance(block, Line) and not status:
            found = split_field(block.text)
            plain = _PLAIN_STATUS.match(block.text)
            if found and found[0].lower() == "status":
                status = found[1]
            elif plain:
                status = plain["status"]
    name = file.rpartition("/")[2]
    return f"- [{title or name}]({name})" + (f": {status}" if status else "")
