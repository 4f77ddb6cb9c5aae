"""Sizes and durations of a service, wherever they stand: Compose must be able to read them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stackctl.model import Path

_SIZE = re.compile(r"[0-9]+(?:\.[0-9]+)? ?(?:[kmgtp]i?)?b?", re.IGNORECASE)
_DURATION = re.compile(r"0|(?:[0-9]+(?:\.[0-9]*)?(?:h|ms|us|µs|ns|m|s))+")
_SIZES = ("mem_limit", "memswap_limit", "mem_reservation", "shm_size")
_DURATIONS = ("interval", "timeout", "start_period", "start_interval")
_SIZE_HINT = "write it as `512m` or `1.5g`"
_DURATION_HINT = "write it as `30s` or `1m30s`"


def wrong_amounts(key: str, value: Any) -> Iterator[tuple[Path, str, str]]:
    """Path inside the key, message and hint of each amount that cannot be read; `value` is in long form."""
    if key in _SIZES:
        yield from _size((), key, value, unlimited=key == "memswap_limit")
    elif key == "stop_grace_period":
        yield from _duration((), key, value)
    elif key == "healthcheck":
        for name in _DURATIONS:
            yield from _duration((name,), name, value.get(name))
    elif key == "deploy":
        resources = _map(value.get("resources"))
        for name in ("limits", "reservations"):
            memory = _map(resources.get(name)).get("memory")
            yield from _size(("resources", name, "memory"), "memory", memory)
    elif key == "tmpfs":
        for number, entry in enumerate(value):
            for option in entry.partition(":")[2].split(","):
                name, equals, size = option.partition("=")
                if name == "size" and equals and not size.endswith("%"):
                    yield from _size((str(number),), "size", size)
    elif key == "volumes":
        for number, mount in enumerate(value):
            yield from _size((str(number), "tmpfs", "size"), "size", _map(mount.get("tmpfs")).get("size"))


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _size(path: Path, name: str, value: Any, *, unlimited: bool = False) -> Iterator[tuple[Path, str, str]]:
    if value is None or (unlimited and str(value) == "-1"):
        return
    if not _readable(_SIZE, value) and not (isinstance(value, int | float) and value >= 0):
        yield path, f"`{value}` is not a size: `{name}`", _SIZE_HINT


def _duration(path: Path, name: str, value: Any) -> Iterator[tuple[Path, str, str]]:
    if value is not None and not _readable(_DURATION, str(value)):
        yield path, f"`{value}` is not a duration: `{name}`", _DURATION_HINT


def _readable(form: re.Pattern[str], value: Any) -> bool:
    """What holds a variable is read on each host."""
    return isinstance(value, str) and ("$" in value or form.fullmatch(value) is not None)
