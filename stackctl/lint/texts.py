"""The texts inside a stanza."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from stackctl.model import Path


def texts(value: Any, holding: str, path: Path = ()) -> list[tuple[Path, str]]:
    """Every text in `value`, keys left out, in which `holding` stands; their paths begin with `path`."""
    found: list[tuple[Path, str]] = []
    _add(value, holding, path, found)
    return found


def _add(value: Any, holding: str, path: Path, found: list[tuple[Path, str]]) -> None:
    inside: Iterable[tuple[object, Any]] = ()
    # A plain map first: asking whether something is any Mapping takes four times as long.
    if isinstance(value, (dict, Mapping)):
        inside = value.items()
    elif isinstance(value, (list, tuple)):
        inside = enumerate(value)
    elif isinstance(value, str) and holding in value:
        found.append((path, value))
    for key, item in inside:
        # Nearly all texts do not hold it, and a path for each of them would cost more than the search.
        if type(item) not in _SCALARS or (type(item) is str and holding in item):
            _add(item, holding, (*path, str(key)), found)


_SCALARS = frozenset({str, int, float, bool, type(None)})
