"""The texts inside a stanza."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackctl.model import Path


def texts(value: Any, holding: str, path: Path = ()) -> list[tuple[Path, str]]:
    """Every text in `value`, keys left out, in which `holding` stands; their paths begin with `path`."""
    found: list[tuple[Path, str]] = []
    _add(value, holding, path, found)
    return found


def _add(value: Any, holding: str, path: Path, found: list[tuple[Path, str]]) -> None:
    if isinstance(value, str):
        if holding in value:
            found.append((path, value))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            _add(item, holding, (*path, str(number)), found)
    # A plain map first: asking whether something is any Mapping takes four times as long.
    elif isinstance(value, (dict, Mapping)):
        for key, item in value.items():
            _add(item, holding, (*path, str(key)), found)
