"""Edits of scalars in a YAML file, by their place; comments, quotes and order stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from stackctl import yaml_text
from stackctl.edit import Edit, Raw
from stackctl.errors import StackctlError
from stackctl.model import Path
from stackctl.read.text import Source, read_text


def set_scalar(raw: Raw, path: Path, old: str, new: str) -> Edit:
    """The value at `path`, which was read as `old`, becomes `new`.

    Raises:
        StackctlError: There is no such value, or it reads otherwise now.
    """
    source, root = _root(raw)
    for here, key, node in _entries(root, ()):
        if here == path and isinstance(node, ScalarNode) and key is not node:
            if node.value != old:
                break
            return _edit(raw, source, node, lambda _: new)
    raise StackctlError(
        f"{raw.file} does not state {'.'.join(path)} as `{old}`", "run the same command again"
    )


def rewrite(raw: Raw, change: Callable[[Path, str, bool], str]) -> Iterator[Edit]:
    """Every key and scalar for which `change` gives another text; it is told the path, and whether a key."""
    source, root = _root(raw)
    seen: set[int] = set()
    for path, key, node in _entries(root, ()):
        if not isinstance(node, ScalarNode) or id(node) in seen or node.style in ("|", ">"):
            continue
        seen.add(id(node))
        if change(path, node.value, key is node) != node.value:
            yield _edit(raw, source, node, lambda text, p=path, k=key is node: change(p, text, k))  # type: ignore[misc]


def without(raw: Raw, unwanted: Callable[[Path], bool]) -> Iterator[Edit]:
    """Takes out keys with all that stands under them; a map that would be left empty goes too."""
    source, root = _root(raw)
    if isinstance(root, MappingNode):
        yield from _without(raw, source, root, (), unwanted)


def _without(
    raw: Raw, source: Source, node: MappingNode, path: Path, unwanted: Callable[[Path], bool]
) -> Iterator[Edit]:
    def offset(mark: Any) -> int:
        return raw.offset(source.at(mark.line, mark.column))

    entries = [((*path, str(key.value)), key, value) for key, value in node.value]
    for number, (here, key, value) in enumerate(entries):
        inner = value.value if isinstance(value, MappingNode) else ()
        if not (unwanted(here) or (inner and all(unwanted((*here, str(k.value))) for k, _ in inner))):
            if inner:
                yield from _without(raw, source, value, here, unwanted)
            continue
        if not node.flow_style:
            first = key.start_mark.line + 1
            last = max(end.end_mark.line + (end.end_mark.column > 0) for end in _ends(value))
            lines = (raw.whole_line(line) for line in range(first, max(last, first) + 1))
            yield Edit(raw.place(raw.starts[first - 1]), "".join(lines), "")
            continue
        # Between braces a comma goes along: the one behind, or before the last the one before.
        start, end = offset(key.start_mark), offset(value.end_mark)
        if number + 1 < len(entries):
            end = offset(entries[number + 1][1].start_mark)
        elif number:
            start = offset(entries[number - 1][2].end_mark)
        yield Edit(raw.place(start), raw.text[start:end], "")


def _ends(node: Node) -> Iterator[Node]:
    """The nodes whose ends are where text ends; a block's own end is where the next thing begins."""
    if not isinstance(node, MappingNode | SequenceNode) or node.flow_style or not node.value:
        yield node
        return
    for child in _children(node):
        yield from _ends(child)


def repeated(raw: Raw) -> Iterator[Edit]:
    """Takes out keys that stand a second time with the same value, each alone on a line of its own."""
    source, root = _root(raw)
    for node in _nodes(root):
        if not isinstance(node, MappingNode) or node.flow_style:
            continue
        first: dict[str, Node] = {}
        for key, value in node.value:
            known = first.setdefault(str(key.value), value)
            if known is value or _data(known) != _data(value):
                continue
            mark = key.start_mark
            line = raw.line(mark.line + 1)
            alone = not line[: mark.column].strip() and value.end_mark.line == mark.line
            if alone and not line[value.end_mark.column :].strip():
                yield Edit(source.at(mark.line), raw.whole_line(mark.line + 1), "")


def _root(raw: Raw) -> tuple[Source, Node | None]:
    source, _ = read_text(raw.file, raw.data)
    try:
        return source, YAML(typ="safe", pure=True).compose(source.text)
    except YAMLError:
        return source, None


def _entries(node: Node | None, path: Path) -> Iterator[tuple[Path, Node | None, Node]]:
    """Path, key (None for an item of a list) and node of everything; a key comes as its own node too."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            yield here, key, key
            yield here, key, value
            yield from _entries(value, here)
    elif isinstance(node, SequenceNode):
        for number, item in enumerate(node.value):
            here = (*path, str(number))
            yield here, None, item
            yield from _entries(item, here)


def _nodes(root: Node | None) -> Iterator[Node]:
    if root is not None:
        yield root
    yield from (node for _, key, node in _entries(root, ()) if node is not key)


def _edit(raw: Raw, source: Source, node: ScalarNode, change: Callable[[str], str]) -> Edit:
    at = source.at(node.start_mark.line, node.start_mark.column)
    end = source.at(node.end_mark.line, node.end_mark.column)
    written = raw.text[raw.offset(at) : raw.offset(end)]
    if node.style in ("|", ">"):
        raise StackctlError(f"{at} is a block of text", "change it by hand")
    new = change(node.value)
    if node.style == "'":
        return Edit(at, written, "'" + new.replace("'", "''") + "'")
    if node.style == '"' or written != node.value:
        return Edit(at, written, yaml_text.quoted(new))
    return Edit(at, written, new if _plain(str(node.tag), new) else yaml_text.quoted(new))


def _plain(tag: str, text: str) -> bool:
    """Whether a text without quotes reads as itself and as that type, in brackets and braces too."""
    for around in (f"- {text}", f"[{text}]", f"{{{text}: {text}}}"):
        try:
            root = YAML(typ="safe", pure=True).compose(around)
        except YAMLError:
            return False
        nodes = _children(root)
        if any(not isinstance(node, ScalarNode) or (node.value, node.tag) != (text, tag) for node in nodes):
            return False
        if len(nodes) != (2 if isinstance(root, MappingNode) else 1):
            return False
    return True


def _children(node: Node | None) -> list[Node]:
    if isinstance(node, MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, SequenceNode) else []


def _data(node: Node) -> object:
    if isinstance(node, MappingNode):
        return [(str(key.value), _data(value)) for key, value in node.value]
    if isinstance(node, SequenceNode):
        return [_data(item) for item in node.value]
    return (node.tag, node.value)
