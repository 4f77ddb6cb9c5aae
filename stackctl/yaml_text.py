"""Plain data to YAML text, the same bytes with every version of every library.

Compose reads YAML with other rules for bare words than Python's libraries do (`1_000` is a number there), so
every string that is not plainly a word is written as a JSON string, which all of them read alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

_WORD = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*\Z")
_NOT_A_WORD = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
_BREAKS = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")


class Override(list[Any]):
    """A list that replaces the one it is merged over, where Compose would append."""


class OverrideMap(dict[str, Any]):
    """A map that replaces the one it is merged over, where Compose would add to it."""


def scalar(value: Any) -> str:
    """One value on one line."""
    return _text(value) if isinstance(value, str) else json.dumps(value)


@lru_cache(maxsize=4096)
def _text(value: str) -> str:
    return value if _WORD.match(value) and value.lower() not in _NOT_A_WORD else quoted(value)


def quoted(text: str) -> str:
    """A text as a JSON string, which every YAML parser reads alike."""
    return _BREAKS.sub(lambda m: f"\\u{ord(m[0]):04x}", json.dumps(text, ensure_ascii=False))


def dump(document: Mapping[str, Any], comments: Mapping[tuple[str, ...], str] | None = None) -> str:
    """The document as YAML; `comments` maps a key's path to a comment that stands above it."""
    lines: list[str] = []
    _add(lines, document, "", (), comments or {})
    return "\n".join(lines) + "\n"


def _add(
    lines: list[str], data: Any, indent: str, path: tuple[str, ...], comments: Mapping[tuple[str, ...], str]
) -> None:
    if isinstance(data, (dict, Mapping)):
        for name, value in data.items():
            key = str(name)
            here = (*path, key)
            if comment := comments.get(here):
                lines.extend(f"{indent}# {line}" for line in comment.splitlines())
            if isinstance(value, str):
                lines.append(f"{indent}{scalar(key)}: {scalar(value)}")
                continue
            tag = " !override" if isinstance(value, (Override, OverrideMap)) else ""
            if value and isinstance(value, (dict, list, tuple, Mapping)):
                lines.append(f"{indent}{scalar(key)}:{tag}")
                _add(lines, value, indent + "  ", here, comments)
            else:
                lines.append(f"{indent}{scalar(key)}:{tag} {_leaf(value)}")
    else:
        for item in data:
            if item and not isinstance(item, str) and isinstance(item, (dict, list, tuple, Mapping)):
                # The item's first line stands behind the dash.
                first = len(lines)
                _add(lines, item, indent + "  ", (*path, "-"), comments)
                lines[first] = f"{indent}- {lines[first].lstrip()}"
            else:
                lines.append(f"{indent}- {_leaf(item)}")


def _leaf(value: Any) -> str:
    if isinstance(value, str):
        return scalar(value)
    if isinstance(value, Mapping):
        return "{}"
    return "[]" if isinstance(value, Sequence) else scalar(value)
