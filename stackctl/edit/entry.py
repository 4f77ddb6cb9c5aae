"""One more entry in a map of stack.yaml; every other byte stays."""

from __future__ import annotations

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode

from stackctl.edit import Raw
from stackctl.errors import StackctlError


def with_entry(raw: Raw, section: str, name: str, value: str) -> bytes:
    """The file with `section: {name: value}`; as it is where that stands there already.

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
    line = f"{name}: {value}"
    there = document.get(section) if isinstance(document, dict) else None
    if isinstance(there, dict) and name in there:
        if (there[name] or {}) == (yaml.load(value) or {}):
            return raw.data
        raise StackctlError(
            f"`{name}` under `{section}` in {raw.file} is something else already", "choose another name"
        )
    if not isinstance(document, dict) or section not in document:
        text = raw.text if raw.text.endswith("\n") or not raw.text else raw.text + raw.newline
        return _encoded(raw, f"{text}{section}:{raw.newline}  {line}{raw.newline}")
    found = next(
        (
            (key, node)
            for key, node in (root.value if isinstance(root, MappingNode) else ())
            if key.value == section and isinstance(node, MappingNode) and not node.flow_style and node.value
        ),
        None,
    )
    if found is None:
        raise StackctlError(
            f"`{section}` in {raw.file} is not written line by line, so nothing was added",
            f"add `{line}` to it, and run the same command again",
        )
    first = found[1].value[0][0].start_mark
    start = raw.starts[first.line]
    indent = raw.text[start : start + first.column]
    return _encoded(raw, f"{raw.text[:start]}{indent}{line}{raw.newline}{raw.text[start:]}")


def _encoded(raw: Raw, text: str) -> bytes:
    return raw.mark + text.encode(raw.encoding, "surrogateescape" if raw.encoding == "utf-8" else "strict")
