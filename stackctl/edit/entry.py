"""One more entry in a map of stack.yaml; every other byte stays."""

from __future__ import annotations

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node

from stackctl.edit import Raw
from stackctl.errors import StackctlError


def with_entry(raw: Raw, section: str, name: str, value: str) -> bytes:
    """The file with `section: {name: value}`, behind what the section holds; as it is where it has that.

    `value` is one line of YAML.

    Raises:
        StackctlError: Another value stands there, or the section is written so that a line cannot be added.
    """
    yaml = YAML(typ="safe", pure=True)
    try:
        document = yaml.load(raw.text) or {}
        root = YAML(typ="safe", pure=True).compose(raw.text)
    except YAMLError as error:
        raise StackctlError(f"{raw.file} is no YAML", "see `stackctl lint`") from error
    line, wanted = f"{name}: {value}", yaml.load(value)
    there = (document.get(section) if isinstance(document, dict) else None) or {}
    if isinstance(there, dict) and name in there:
        if (there[name] or {}) == (wanted or {}):
            return raw.data
        raise StackctlError(
            f"`{name}` under `{section}` in {raw.file} is something else already", "choose another name"
        )
    text = _with_line(raw, root, section, line)
    # Whatever the file is written like: nothing but the entry is new in it.
    try:
        added = yaml.load(text) == {**document, section: {**there, name: wanted}}
    except (TypeError, YAMLError):
        added = False
    if not added:
        raise StackctlError(
            f"`{section}` in {raw.file} is not written line by line, so nothing was added",
            f"add `{line}` to it, and run the same command again",
        )
    return raw.mark + text.encode(raw.encoding, "surrogateescape" if raw.encoding == "utf-8" else "strict")


def _with_line(raw: Raw, root: Node | None, section: str, line: str) -> str:
    entries = root.value if isinstance(root, MappingNode) else []
    keys = [key for key, _ in entries]
    at = next((n for n, key in enumerate(keys) if key.value == section), None)
    if at is None:
        return _behind(raw, len(raw.starts), f"{section}:{raw.newline}  {line}")
    key, held = entries[at]
    column = key.start_mark.column + 2
    if isinstance(held, MappingNode) and held.value:
        column = held.value[0][0].start_mark.column
    end = keys[at + 1].start_mark.line if at + 1 < len(keys) else len(raw.starts)
    return _behind(raw, _last(raw, key.start_mark.line + 1, end), f"{' ' * column}{line}")


def _last(raw: Raw, first: int, end: int) -> int:
    """The last line, counted from 1, of what a section holds, with the comments that go on from it.

    A comment behind an empty line, or one at the margin, is about what follows.
    """
    last = end
    while last > first and raw.line(last).lstrip()[:1] in ("", "#"):
        last -= 1
    while last < end and raw.line(last + 1)[:1].isspace() and raw.line(last + 1).lstrip()[:1] == "#":
        last += 1
    return last


def _behind(raw: Raw, number: int, line: str) -> str:
    end = raw.starts[number] if number < len(raw.starts) else len(raw.text)
    before = raw.text[:end]
    gap = raw.newline if before and not before.endswith(("\n", "\r")) else ""
    return f"{before}{gap}{line}{raw.newline}{raw.text[end:]}"
