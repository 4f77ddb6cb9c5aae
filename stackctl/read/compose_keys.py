"""Which keys the oldest supported Compose knows, and what to say about one that it does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path as File
from typing import Any

from stackctl.model import Path

_INSTEAD = {
    "use_api_socket": "it would hand the Engine's socket to the container; let it ask a socket-proxy spoke",
    "gpus": "`deploy: {resources: {reservations: {devices: …}}}` says the same",
    "label_file": "state them under `labels`",
}
"""What to write instead of a key that needs a newer Compose."""

Note = Callable[[str, Path, str, str], None]
"""Told of each problem: its code, the path of the field, a message, a hint."""


class Malformed(ValueError):
    """A value that cannot be read as what it should be; noted where its field ends."""

    def __init__(self, path: Path, message: str, hint: str = "", code: str = "SC103") -> None:
        super().__init__(message)
        self.path = path
        self.message = message
        self.hint = hint
        self.code = code

    def tell(self, note: Note) -> None:
        note(self.code, self.path, self.message, self.hint)


@cache
def known() -> Mapping[str, Any]:
    """The data of `data/compose_keys.json`."""
    text = (File(__file__).parent.parent / "data" / "compose_keys.json").read_text(encoding="utf-8")
    keys: Mapping[str, Any] = json.loads(text)
    return keys


def service_forms() -> Mapping[str, str]:
    """Every key of a service, and the form of its value."""
    forms: Mapping[str, str] = known()["service"]
    return forms


def nearest(word: str, words: Iterable[str]) -> str:
    """A hint that names the known word most like this one; empty where none is near."""
    import difflib  # a command that finds no mistake does without

    near = difflib.get_close_matches(word.lower(), sorted(words), n=1, cutoff=0.6)
    return f"did you mean `{near[0]}`?" if near else ""


def unknown_key(key: str, where: str, allowed: Iterable[str]) -> tuple[str, str]:
    """Message and hint for a key that is not known; `where` is the place in the data file's terms."""
    newer = known()["newer"].get(f"{where}.{key}")
    if newer is not None:
        since = f"Compose {newer}" if newer else "a newer Compose"
        message = f"`{key}` needs {since}; stackctl supports Compose from {known()['oldest']} on"
        return message, _INSTEAD.get(key, "leave it out")
    return f"unknown key `{key}`", nearest(key, allowed)


def check_keys(value: Mapping[str, Any], where: str, path: Path, note: Note) -> dict[str, Any]:
    """The known keys of a map; each other one is noted, except `x-…`, which Compose ignores."""
    allowed = known()["nested"][where]
    for key in value:
        if key not in allowed and not key.startswith("x-"):
            message, hint = unknown_key(key, where, allowed)
            note("SC102", (*path, key), message, hint)
    return {key: item for key, item in value.items() if key in allowed or key.startswith("x-")}
