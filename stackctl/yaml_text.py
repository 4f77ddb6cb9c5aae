"""Plain data to YAML text, the same bytes with every version of every library.

Compose reads YAML with other rules for bare words than Python's libraries do (`1_000` is a number there), so
every string that is not plainly a word is written as a JSON string, which all of them read alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_WORD = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*\Z")
_NOT_A_WORD = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
_BREAKS = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")


class Override(list[Any]):
    """A list that replaces the one it is merged over, where Compose would append."""


def scalar(value: Any) -> str:
    """One value on one line."""
    if isinstance(value, str):
        if _WORD.match(value) and value.lower() not in _NOT_A_WORD:
            return value
        return quoted(value)
    return json.dumps(value)


def quoted(text: str) -> str:
    """A text as a JSON string, which every YAML parser reads alike."""
    return _BREAKS.sub(lambda m: f"\\u{ord(m[0]):04x}", json.dumps(text, ensure_ascii=False))


def dump(document: Mapping[str, Any], comments: Mapping[tuple[str, ...], str] | None = None) -> str:
    """The document as YAML; `comments` maps a key's path to a comment that stands above it."""
    return "\n".join(_lines(document, (), comments or {})) + "\n"


def _lines(data: Any, path: tuple[str, ...], comments: Mapping[tuple[str, ...], str]) -> Iterator[str]:
    indent = "  " * len(path)
    if isinstance(data, Mapping):
        for key, value in data.items():
            here = (*path, str(key))
            if comment := comments.get(here):
                yield from (f"{indent}# {line}" for line in comment.splitlines())
            tag = " !override" if isinstance(value, Override) else ""
            if isinstance(value, (Mapping, list, tuple)) and value:
                yield f"{indent}{scalar(str(key))}:{tag}"
                yield from _lines(value, here, comments)
            else:
                yield f"{indent}{scalar(str(key))}:{tag} {_leaf(value)}"
    else:
        for item in data:
            if isinstance(item, (Mapping, list, tuple)) and item:
                first, *rest = _lines(item, (*path, "-"), comments)
                yield f"{indent}- {first.lstrip()}"
                yield from rest
            else:
                yield f"{indent}- {_leaf(item)}"


def _leaf(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{}"
    return "[]" if isinstance(value, Sequence) and not isinstance(value, str) else scalar(value)
