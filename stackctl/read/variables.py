"""Variables as Compose understands them: `$NAME`, `${NAME…}` in values, and `.env` files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stackctl.model import Path

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATORS = (":-", ":?", ":+", "-", "?", "+")
_DEEPEST = 20


@dataclass(frozen=True)
class _Variable:
    """One `$NAME` or `${NAME<operator>word}`."""

    name: str
    operator: str = ""
    word: str = ""


class InvalidVariable(ValueError):
    """The text holds a `$` that Compose would refuse."""


class Undefined(LookupError):
    """A variable has no value and no default; `message` is what `${NAME:?message}` says."""

    def __init__(self, name: str, message: str = "") -> None:
        super().__init__(name, message)
        self.name = name
        self.message = message


def _parts(text: str) -> Iterator[str | _Variable]:
    position = 0
    while (dollar := text.find("$", position)) >= 0:
        if dollar > position:
            yield text[position:dollar]
        following = text[dollar + 1 : dollar + 2]
        if following == "$":
            yield "$"
            position = dollar + 2
        elif following == "{":
            end = _closing(text, dollar + 1)
            yield _braced(text[dollar + 2 : end])
            position = end + 1
        elif name := _NAME.match(text, dollar + 1):
            yield _Variable(name[0])
            position = name.end()
        else:
            raise InvalidVariable(f"`{text[dollar : dollar + 12]}` is no variable; write `$$` for a dollar")
    if position < len(text):
        yield text[position:]


def _closing(text: str, opening: int) -> int:
    depth = 0
    position = opening
    while position < len(text):
        if text[position] == "}":
            depth -= 1
            if depth == 0:
                return position
        elif text[position] == "{" and (position == opening or text[position - 1] == "$"):
            depth += 1
            if depth > _DEEPEST:
                raise InvalidVariable("variables nested too deep")
        position += 1
    raise InvalidVariable(f"`{text[opening - 1 : opening + 12]}` has no closing brace")


def _braced(inside: str) -> _Variable:
    name = _NAME.match(inside)
    rest = inside[name.end() :] if name else inside
    if name is None:
        raise InvalidVariable(f"`${{{inside}}}` has no name")
    if not rest:
        return _Variable(name[0])
    for operator in _OPERATORS:
        if rest.startswith(operator):
            return _Variable(name[0], operator, rest[len(operator) :])
    raise InvalidVariable(f"`${{{inside}}}` is not a form that Compose knows")


def names(text: str) -> frozenset[str]:
    """Every variable that the text names, those inside defaults included."""
    found: set[str] = set()
    for part in _parts(text):
        if isinstance(part, _Variable):
            found |= {part.name, *names(part.word)}
    return frozenset(found)


def needed(text: str) -> frozenset[str]:
    """The variables without which the text has no value."""
    found: set[str] = set()
    for part in _parts(text):
        if isinstance(part, _Variable):
            if part.operator in ("", ":?", "?"):
                found.add(part.name)
            elif part.operator in (":-", "-"):
                found |= needed(part.word)
    return frozenset(found)


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """The text with every variable replaced; raises Undefined, never leaves an empty place."""
    return "".join(part if isinstance(part, str) else _value(part, variables) for part in _parts(text))


def _value(variable: _Variable, variables: Mapping[str, str]) -> str:
    value = variables.get(variable.name)
    stands = value is not None and (value != "" or not variable.operator.startswith(":"))
    kind = variable.operator[-1:]
    if kind == "+":
        return interpolate(variable.word, variables) if stands else ""
    if stands and value is not None:
        return value
    if kind == "-":
        return interpolate(variable.word, variables)
    message = interpolate(variable.word, variables) if variable.word else ""
    raise Undefined(variable.name, message)


@dataclass(frozen=True)
class Unresolved:
    """A value that could not be resolved: its path inside the data, the variable, and why."""

    path: Path
    name: str
    message: str = ""


def interpolate_data(
    data: Any, variables: Mapping[str, str], path: Path = ()
) -> tuple[Any, tuple[Unresolved, ...]]:
    """Nested plain data with every text interpolated, and all values that could not be.

    Keys are left as they are, as in Compose.
    """
    if isinstance(data, str):
        if "$" not in data:
            return data, ()
        try:
            return interpolate(data, variables), ()
        except Undefined as error:
            return data, (Unresolved(path, error.name, error.message),)
        except InvalidVariable as error:
            return data, (Unresolved(path, "", str(error)),)
    if isinstance(data, Mapping):
        results = {key: interpolate_data(v, variables, (*path, str(key))) for key, v in data.items()}
        return {k: v for k, (v, _) in results.items()}, tuple(u for _, us in results.values() for u in us)
    if isinstance(data, list | tuple):
        items = [interpolate_data(v, variables, (*path, str(i))) for i, v in enumerate(data)]
        return [v for v, _ in items], tuple(u for _, us in items for u in us)
    return data, ()


_LINE = re.compile(
    r"\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]*(?:[=:][ \t]*(?P<value>.*))?\Z", re.DOTALL
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "$": "$$"}


def parse_env(
    text: str, variables: Mapping[str, str] | None = None
) -> tuple[dict[str, str], tuple[int, ...]]:
    """A `.env` file as Compose reads it, and the lines (from 1) that are not understood.

    Values may use `variables` and the names above them; a name that is not defined is left empty there,
    as in Compose.
    """
    found: dict[str, str] = {}
    wrong: list[int] = []
    known = _Lenient(variables or {}, found)
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    number = 0
    while number < len(lines):
        start, line = number, lines[number]
        number += 1
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            wrong.append(start + 1)
            continue
        value = match["value"]
        if value is None:
            # A name alone takes its value from the environment.
            if variables and match["name"] in variables:
                found[match["name"]] = variables[match["name"]]
            continue
        quote = value[:1]
        if quote in ("'", '"'):
            while (end := _end_of_quote(value, quote)) < 0 and number < len(lines):
                value += "\n" + lines[number]
                number += 1
            if end < 0:
                wrong.append(start + 1)
                number = start + 1
                continue
            value = value[1:end]
            if quote == '"':
                value = re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[0]), value)
        else:
            value = re.sub(r"(^|\s+)#.*\Z", "", value).strip()
        if quote != "'":
            try:
                value = interpolate(value, known)
            except (InvalidVariable, Undefined):
                wrong.append(start + 1)
                continue
        found[match["name"]] = value
    return found, tuple(wrong)


def _end_of_quote(value: str, quote: str) -> int:
    position = 1
    while position < len(value):
        if value[position] == "\\" and quote == '"':
            position += 1
        elif value[position] == quote:
            return position
        position += 1
    return -1


class _Lenient(Mapping[str, str]):
    """Inside `.env` the environment wins, then what stands above; anything else is empty."""

    def __init__(self, outer: Mapping[str, str], inner: Mapping[str, str]) -> None:
        self.outer = outer
        self.inner = inner

    def __getitem__(self, name: str) -> str:
        return self.outer.get(name, self.inner.get(name, ""))

    def get(self, name: str, default: Any = None) -> Any:
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self.inner, **self.outer})

    def __len__(self) -> int:
        return len({**self.inner, **self.outer})
