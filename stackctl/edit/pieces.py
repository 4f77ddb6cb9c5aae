"""A Compose file as the pieces that its keys are: their lines, word for word, with their comments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode


@dataclass(frozen=True)
class Piece:
    """One key of a map: its lines, outdented, with the comments above and below that belong to it."""

    key: str
    text: str
    line: int
    """Of the key itself, counted from 1."""
    inner: tuple[Piece, ...] = ()
    head: str = ""
    """The comments above the key, and the one behind it."""
    flow: bool = False

    def piece(self, key: str) -> Piece | None:
        return next((piece for piece in self.inner if piece.key == key), None)

    @property
    def comments(self) -> str:
        """Every comment in it, for where its lines cannot be taken over."""
        return "".join(f"{line.strip()}\n" for line in self.text.splitlines() if _is_comment(line))


@dataclass(frozen=True)
class Pieces:
    """The top level of one file."""

    file: Path
    top: Piece = field(default_factory=lambda: Piece("", "", 1))

    def at(self, *keys: str) -> Piece | None:
        """The piece at a path of keys, where the file states it as a key of its own."""
        found: Piece | None = self.top
        for key in keys:
            found = found.piece(key) if found else None
        return found


def read_pieces(file: Path) -> Pieces:
    """The pieces of a file, three levels deep; none where it cannot be read as lines."""
    try:
        text = file.read_text(encoding="utf-8-sig").replace("\r\n", "\n")
        root = YAML(typ="safe", pure=True).compose(text)
    except (OSError, UnicodeDecodeError, YAMLError, ValueError):
        return Pieces(file)
    lines = [line for line in text.split("\n") if line.strip() not in ("---", "...")]
    if len(lines) != len(text.split("\n")):
        # Marks of documents take lines of their own; without them, the numbers still have to fit.
        lines = ["" if line.strip() in ("---", "...") else line for line in text.split("\n")]
    return Pieces(file, Piece("", text, 1, tuple(_inner(lines, root, 0, len(lines), 3))))


def _inner(lines: list[str], node: Node | None, begin: int, end: int, deep: int) -> Iterator[Piece]:
    if not isinstance(node, MappingNode) or node.flow_style or not node.value or deep == 0:
        return
    pairs = [(key, value) for key, value in node.value if isinstance(key, ScalarNode)]
    indent = pairs[0][0].start_mark.column if pairs else 0
    # An anchor can be stated above or below where it is used; an alias has its lines elsewhere.
    if any(not begin <= key.start_mark.line < end or key.start_mark.column != indent for key, _ in pairs):
        return
    start = begin
    for number, (key, value) in enumerate(pairs):
        line = key.start_mark.line
        last = number == len(pairs) - 1
        stop = end if last else _own_end(lines, line, pairs[number + 1][0].start_mark.line, indent)
        own = value.start_mark.line >= line and value.start_mark.line < stop
        head = [part for part in lines[start:line] if _is_comment(part)]
        behind = _behind(lines[line]) if isinstance(value, MappingNode) and not value.flow_style else ""
        first = line + 1
        yield Piece(
            str(key.value),
            "".join(f"{part}\n" for part in _outdented(lines[start:stop], indent)).strip("\n") + "\n",
            line + 1,
            tuple(_inner(lines, value, first, stop, deep - 1)) if own else (),
            "".join(f"{part.strip()}\n" for part in (*head, behind) if part),
            isinstance(value, MappingNode) and bool(value.flow_style),
        )
        start = stop


def _own_end(lines: list[str], line: int, following: int, indent: int) -> int:
    """Where the lines of a key end: comments that stand deeper than the next key are still its own."""
    last = following
    while last > line + 1 and (not lines[last - 1].strip() or _is_comment(lines[last - 1])):
        last -= 1
    while last < following and _is_comment(lines[last]) and _depth(lines[last]) > indent:
        last += 1
    return last


def _behind(line: str) -> str:
    """The comment behind `key:`; what stands behind a value stays with its line."""
    _, hash_, comment = line.partition(" #")
    return f"#{comment}" if hash_ else ""


def _outdented(lines: list[str], indent: int) -> Iterator[str]:
    for line in lines:
        yield line[min(indent, _depth(line)) :].rstrip()


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")
