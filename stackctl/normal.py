"""One spelling for each value, whether Compose or the Engine wrote it, so that equal things are equal text.

Nothing, zero and false are the empty text: the Engine does not tell them apart either.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

_SIZES = {"": 1, "b": 1} | {
    f"{unit}{rest}": 2**power
    for unit, power in (("k", 10), ("m", 20), ("g", 30), ("t", 40), ("p", 50))
    for rest in ("", "b", "i", "ib")
}
_SPANS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_SPAN = r"(\d+(?:\.\d*)?)(h|ms|us|µs|ns|m|s)"


def text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def flag(value: Any) -> str:
    return "true" if value in (True, "true") else ""


def number(value: Any) -> str:
    """A number without trailing zeros; the Engine's -1 for "no limit" is nothing too.

    What is no number stays the text that it is.
    """
    try:
        amount = float(value or 0)
    except (TypeError, ValueError):
        return text(value)
    return f"{amount:.6f}".rstrip("0").rstrip(".") if amount > 0 else ""


def size(value: Any) -> str:
    """`64m` as a number of bytes."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*([a-z]*)", text(value).strip().lower())
    if match is None or match[2] not in _SIZES:
        return number(0) if not value else text(value)
    return number(round(float(match[1]) * _SIZES[match[2]]))


def seconds(value: Any) -> float | None:
    """`1m30s` as a number of seconds; None where it is no duration."""
    if isinstance(value, int | float):
        return float(value)
    said = text(value)
    if said not in ("", "0") and not re.fullmatch(f"(?:{_SPAN})+", said):
        return None
    return sum(float(n) * _SPANS[unit] for n, unit in re.findall(_SPAN, said))


def span(value: Any) -> str:
    amount = seconds(value)
    return text(value) if amount is None else number(amount)


def nanoseconds(value: Any) -> str:
    """The Engine's way to state a duration, as a number of seconds."""
    return number(value / 1e9) if isinstance(value, int | float) else text(value)


def words(value: Any) -> list[str]:
    """A command as Compose splits it."""
    return shlex.split(value) if isinstance(value, str) else [text(word) for word in value or ()]


def command(value: Any) -> str:
    return shlex.join(words(value))


def pairs(value: Any) -> dict[str, Any]:
    """A map, also where it is written as a list of NAME=value; a NAME alone has no value."""
    if isinstance(value, Mapping):
        return dict(value)
    split = (text(entry).partition("=") for entry in value or ())
    return {name: value if equals else None for name, equals, value in split}


def unordered(values: Iterable[Any]) -> str:
    return ", ".join(sorted({text(value) for value in values}))


def texts(value: Any) -> str:
    return unordered([value] if isinstance(value, str) else value or ())


def capabilities(value: Any) -> str:
    return unordered(text(name).upper().removeprefix("CAP_") for name in value or ())


def security(value: Any) -> str:
    def one(option: Any) -> str:
        said = text(option).replace(":", "=", 1)
        if said.startswith("seccomp=") and said != "seccomp=unconfined":
            return "seccomp=profile"  # Compose sends the profile's content in place of its path.
        return said.removesuffix("=true")

    return unordered(map(one, value or ()))


def tmpfs(value: Any) -> str:
    """`["/run:size=1m"]`, `"/run"` or the Engine's `{"/run": "size=1m"}`."""
    if isinstance(value, Mapping):
        return unordered(f"{target}:{options}".rstrip(":") for target, options in value.items())
    return texts(value)


def hosts(value: Any) -> str:
    """`{name: address}`, `{name: [address]}`, `["name=address"]` or the Engine's `["name:address"]`."""
    if isinstance(value, Mapping):
        lists = ((name, [a] if isinstance(a, str) else a) for name, a in value.items())
        return unordered(f"{name}:{address}" for name, addresses in lists for address in addresses)
    return unordered(re.sub("[=:]", ":", text(entry), count=1) for entry in value or ())


def settings(value: Any) -> str:
    """A map of plain settings, such as sysctls."""
    return unordered(f"{name}={text(setting)}" for name, setting in pairs(value).items())


def logging(value: Any) -> str:
    value = value or {}
    driver = value.get("driver") or value.get("Type") or ""
    return f"{text(driver)} {settings(value.get('options') or value.get('Config'))}".strip()


def ulimits(value: Any) -> str:
    if isinstance(value, Mapping):
        both = {name: v if isinstance(v, Mapping) else {"soft": v, "hard": v} for name, v in value.items()}
        return unordered(f"{name} {v.get('soft')}:{v.get('hard')}" for name, v in both.items())
    return unordered(f"{v['Name']} {v['Soft']}:{v['Hard']}" for v in value or ())


def devices(value: Any) -> str:
    def one(device: Any) -> str:
        if isinstance(device, str):
            source, target, rights = (*device.split(":"), "", "")[:3]
        else:
            source, target, rights = (
                device.get(ours) or device.get(theirs) or ""
                for ours, theirs in (
                    ("source", "PathOnHost"),
                    ("target", "PathInContainer"),
                    ("permissions", "CgroupPermissions"),
                )
            )
        return f"{source}:{target or source}:{rights or 'rwm'}"

    return unordered(map(one, value or ()))


def path(value: Any) -> str:
    return text(value).rstrip("/") or text(value)
