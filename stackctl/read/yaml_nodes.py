"""YAML text -> plain data, the place of each key and item, and findings instead of exceptions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.cyaml import CParser  # type: ignore[attr-defined]
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.tag import Tag

from stackctl.codes import finding
from stackctl.findings import Finding, Location
from stackctl.model import Path
from stackctl.read.text import Source

_MOST_NODES = 100_000
_DEEPEST = 100
_STANDARD = "tag:yaml.org,2002:"
_TEXT = Tag(suffix=f"{_STANDARD}str")
_UNTAGGED = Tag(suffix=f"{_STANDARD}untagged")

_INT = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL_OR_HEX = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_BEGINS_NUMBER = frozenset("+-.0123456789")
_HALF_CHARACTER = re.compile(r"\\[uU](?:0000)?[dD][89a-fA-F]")
_SEVERAL_DASHES = re.compile(rf"^\s*(?:[-?:][ \t]+){{{_DEEPEST}}}", re.MULTILINE)


@dataclass(frozen=True)
class Document:
    """A YAML file as plain data."""

    value: Any
    places: Mapping[Path, Location]
    written: Mapping[Path, str]
    """Each number as it stands in the file: `1.10` is 1.1 as a number, but not as a version."""
    findings: tuple[Finding, ...] = ()


def load_yaml(source: Source, first_line: int = 0, indent: int = 0, text: str | None = None) -> Document:
    """Read a file, or `text` that stands inside it from `first_line` on, indented by `indent`."""
    text = source.text if text is None else text
    try:
        root = None if _too_deep(text) else _compose(text)
    except MarkedYAMLError as error:
        marks = [m for m in (error.problem_mark, error.context_mark) if m is not None]
        # What is never closed is noticed at the end of the file, where there is nothing to see.
        marks = [m for m in marks if m.index < len(text.rstrip())] or marks[-1:]
        line, column = (marks[0].line, marks[0].column) if marks else (0, 0)
        problem = " ".join(filter(None, (error.context, error.problem))) or "not valid YAML"
        at = source.at(first_line + line, column + indent)
        return Document(None, {}, {}, (finding("SC101", at, *_in_words(problem)),))
    except (YAMLError, ValueError, RecursionError) as error:
        first = str(error).split("\n")[0] or "not valid YAML"
        return Document(None, {}, {}, (finding("SC101", source.at(first_line, indent), first),))
    if root is None:
        deep = _too_deep(text)
        problem = f"nested deeper than {_DEEPEST} levels"
        wrong = (finding("SC101", source.at(first_line, indent), problem),) if deep else ()
        return Document(None, {(): source.at(first_line, indent)}, {}, wrong)
    if _HALF_CHARACTER.search(text):
        _join_halves(root)
    builder = _Builder(source, first_line, indent)
    value = builder.build(root, ())
    return Document(value, builder.places, builder.written, tuple(builder.findings))


_TAB = ("a tab, which does not indent in YAML", "indent with spaces, not with tabs")
_IN_WORDS = {
    r"'\t'": _TAB,
    "tab character": _TAB,
    "<block end>": (
        "out of place: indented unlike what it stands beside, or left over from what is before it",
        "indent it as far as what it stands beside; or put what is above it into quotes",
    ),
    "mapping values are not allowed": (
        "a `:` where no value can begin",
        "indent the line as far as its neighbours, end its key above with `:`, or put the text into quotes",
    ),
    "could not find expected ':'": (
        "a line without the `:` that ends a key",
        "write `key: value`; or indent it deeper, as part of the text above",
    ),
    "quoted scalar found unexpected end": ("a quote that is never closed", "close it; or remove it"),
    "flow sequence": (
        "a `[` that is not closed, or a part of it that needs quotes",
        "close it with `]`; part it by `,`",
    ),
    "flow mapping": (
        "a `{` that is not closed, or a part of it that needs quotes",
        "close it with `}`; part it by `,`",
    ),
}
"""What the parser's words mean for whoever wrote the file, and what to do about it; the first that fits."""


def _in_words(problem: str) -> tuple[str, str]:
    found = (words for phrase, words in _IN_WORDS.items() if phrase in problem)
    return next(found, (problem, ""))


def _compose(text: str) -> Node | None:
    try:
        root: Node | None = _Parser(text).get_single_node()
    except MarkedYAMLError:
        # The C parser refuses the colon in `[8080:80]`, which YAML 1.2 and Compose allow.
        root = YAML(typ="safe", pure=True).compose(text)
    return root


class _Parser(CParser):  # type: ignore[misc]
    """The C parser without ruamel's search for each word's type, which costs twice the parsing itself.

    What a plain word means is `_Builder.scalar`'s to say.
    """

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)

    def resolve(self, kind: type[Node], _value: str | None, implicit: tuple[bool, bool]) -> Tag:
        return _TEXT if kind is ScalarNode and not implicit[0] else _UNTAGGED

    def descend_resolver(self, *_: object) -> None:
        """Asked for by the parser; there are no rules by path."""

    ascend_resolver = descend_resolver


def _join_halves(root: Node) -> None:
    """Escaped halves of a character become the character; a half alone cannot be written into any file."""
    todo, seen = [root], set()
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, ScalarNode):
            node.value = str(node.value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        elif isinstance(node, MappingNode):
            todo += (child for pair in node.value for child in pair)
        elif isinstance(node, SequenceNode):
            todo += node.value


def plain(text: str) -> Any:
    """The plain data of a YAML text that is not a file of the stack; None where it cannot be read."""
    return load_yaml(Source("", text)).value


def _too_deep(text: str) -> bool:
    """Whether composing could overflow the C stack: the parser nests without a limit of its own."""
    flow = text.count("[") + text.count("{") > _DEEPEST
    if not (flow or _SEVERAL_DASHES.search(text)):
        return len(text) > 4_000_000
    depth = 0
    try:
        for event in YAML(typ="safe").parse(text):
            name = type(event).__name__
            depth += name.endswith("StartEvent") - name.endswith("EndEvent")
            if depth > _DEEPEST:
                return True
    except (YAMLError, ValueError):
        return False
    return False


class _Builder:
    """Walks a node graph once; aliases are walked again, within the limits above."""

    def __init__(self, source: Source, first_line: int, indent: int) -> None:
        self.source = source
        self.first_line = first_line
        self.indent = indent
        self.places: dict[Path, Location] = {}
        self.written: dict[Path, str] = {}
        self.findings: list[Finding] = []
        self.left = _MOST_NODES
        self.around: list[int] = []
        """The nodes that the current one stands in, so that an alias to one of them is noticed."""

    def at(self, node: Node) -> Location:
        mark = node.start_mark
        return self.source.at(self.first_line + mark.line, mark.column + self.indent)

    def note(self, code: str, node: Node, message: str) -> None:
        self.findings.append(finding(code, self.at(node), message))

    def build(self, node: Node, path: Path) -> Any:
        self.left -= 1
        if self.left < 0 or len(self.around) > _DEEPEST or id(node) in self.around:
            if not any(f.code == "SC101" for f in self.findings):
                self.note("SC101", node, "aliases repeat too much of the document, or refer to themselves")
            return None
        if path not in self.places:
            self.places[path] = self.at(node)
        if node.ctag is not _UNTAGGED and not str(node.tag).startswith(_STANDARD):
            self.note("SC103", node, f"the tag {node.tag} is not supported")
        if isinstance(node, ScalarNode):
            return self.scalar(node, path)
        self.around.append(id(node))
        value = self.mapping(node, path) if isinstance(node, MappingNode) else self.sequence(node, path)
        self.around.pop()
        return value

    def sequence(self, node: Node, path: Path) -> list[Any]:
        items = []
        for number, item in enumerate(node.value):
            items.append(self.build(item, (*path, str(number))))
        return items

    def mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        value: dict[str, Any] = {}
        merged: list[Node] = []
        for key, item in node.value:
            if not isinstance(key, ScalarNode):
                self.note("SC103", key, "a key must be a plain word")
                continue
            if key.value == "<<" and not key.style:
                merged += item.value if isinstance(item, SequenceNode) else [item]
                continue
            if key.value in value:
                first = self.places[(*path, key.value)]
                self.note("SC104", key, f"`{key.value}` stands here and at line {first.line}")
                continue
            here = (*path, key.value)
            self.places[here] = self.at(key)
            value[key.value] = self.build(item, here)
        for item in merged:
            self.merge(item, path, value)
        return value

    def merge(self, node: Node, path: Path, value: dict[str, Any]) -> None:
        """Take over the keys of `node` that `value` does not state itself, with their own places."""
        if not isinstance(node, MappingNode):
            self.note("SC103", node, "`<<` needs a map, or a list of maps")
            return
        places, self.places = self.places, {}
        written, self.written = self.written, {}
        known = len(self.findings)
        more = self.build(node, path) or {}
        # The anchor's own problems are found where it is defined; only the limits are news here.
        self.findings[known:] = [f for f in self.findings[known:] if f.code == "SC101"]
        new = {(*path, key) for key in more.keys() - value.keys()}
        places |= {at: place for at, place in self.places.items() if at[: len(path) + 1] in new}
        written |= {at: text for at, text in self.written.items() if at[: len(path) + 1] in new}
        self.places, self.written = places, written
        for key, item in more.items():
            value.setdefault(key, item)

    def scalar(self, node: ScalarNode, path: Path) -> str | int | float | bool | None:
        text = str(node.value)
        if node.style or (
            node.ctag is not _UNTAGGED and node.tag == f"{_STANDARD}str" and _INT.match(text) is not None
        ):
            return text
        if text in _WORDS:
            return _WORDS[text]
        number = _number(text)
        if number is not None:
            self.written[path] = text
            return number
        return text


def _number(text: str) -> int | float | None:
    if text[0] not in _BEGINS_NUMBER or len(text) > 40:
        return None
    if _INT.match(text):
        return int(text)
    if _OCTAL_OR_HEX.match(text):
        return int(text, 0)
    if _FLOAT.match(text):
        number = float(text)
        return number if abs(number) != float("inf") else None
    return None
