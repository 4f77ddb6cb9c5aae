"""Relative paths of a Compose file, as they must be written in another folder to mean the same. Pure."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stackctl.model import Path
from stackctl.read.mounts import split_outside_braces
from stackctl.read.variables import interpolate_data

_REMOTE = ("git@", "github.com/")


@dataclass(frozen=True)
class Move:
    """From the folder where relative paths began to the one where they begin now."""

    old: str
    new: str
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    def path(self, text: str) -> str:
        """The path as it is written from the new folder; what is absolute on this host stays."""
        known, undefined = interpolate_data(text, self.variables)
        if undefined or not known or str(known).startswith(("/", "~")):
            return text
        return posixpath.normpath(posixpath.join(os.path.relpath(self.old, self.new), text))

    def context(self, text: str) -> str:
        return text if "://" in text or text.startswith(_REMOTE) else self.path(text)

    def source(self, text: str) -> str:
        """The source of a mount in the short syntax, where a name without a dot is a volume."""
        known, undefined = interpolate_data(text, self.variables)
        return text if undefined or not str(known).startswith(".") else self.path(text)


def sites(key: str, value: Any, move: Move) -> Iterator[tuple[Path, str, str]]:
    """Path inside the key, text and new text of each place that holds a path of the host."""
    for path, old, new in _sites(key, value, move):
        if isinstance(old, str) and new != old:
            yield (key, *path), old, new


def moved(key: str, value: Any, move: Move) -> Any:
    """The value with its paths rewritten."""
    changed = {path[1:]: new for path, _, new in sites(key, value, move)}

    def walk(item: Any, path: Path) -> Any:
        if path in changed:
            return changed[path]
        if isinstance(item, Mapping):
            return {name: walk(inner, (*path, str(name))) for name, inner in item.items()}
        if isinstance(item, list):
            return [walk(inner, (*path, str(number))) for number, inner in enumerate(item)]
        return item

    return walk(value, ())


def _sites(key: str, value: Any, move: Move) -> Iterator[tuple[Path, Any, str]]:
    if key == "volumes" and isinstance(value, list):
        for number, item in enumerate(value):
            yield from _mount(str(number), item, move)
    elif key == "env_file":
        for number, item in enumerate(value if isinstance(value, list) else [value]):
            here = (str(number),) if isinstance(value, list) else ()
            if isinstance(item, Mapping):
                yield (*here, "path"), item.get("path"), move.path(str(item.get("path")))
            else:
                yield here, item, move.path(str(item))
    elif key == "build":
        yield from _build(value, move)
    elif key == "develop" and isinstance(value, Mapping):
        for number, item in enumerate(value.get("watch") or ()):
            yield ("watch", str(number), "path"), item.get("path"), move.path(str(item.get("path")))
    elif key == "credential_spec" and isinstance(value, Mapping) and value.get("file"):
        yield ("file",), value["file"], move.path(str(value["file"]))
    elif key in ("configs", "secrets") and isinstance(value, Mapping):
        for name, item in value.items():
            if isinstance(item, Mapping) and item.get("file"):
                yield (name, "file"), item["file"], move.path(str(item["file"]))


def _mount(number: str, item: Any, move: Move) -> Iterator[tuple[Path, Any, str]]:
    if isinstance(item, str):
        parts = split_outside_braces(item, ":")
        if len(parts) > 1:
            yield (number,), item, ":".join((move.source(parts[0]), *parts[1:]))
    elif isinstance(item, Mapping) and item.get("type") == "bind" and isinstance(item.get("source"), str):
        yield (number, "source"), item["source"], move.path(item["source"])


def _build(value: Any, move: Move) -> Iterator[tuple[Path, Any, str]]:
    if isinstance(value, str):
        yield (), value, move.context(value)
    if not isinstance(value, Mapping):
        return
    context = value.get("context")
    if isinstance(context, str):
        yield ("context",), context, move.context(context)
    more = value.get("additional_contexts")
    if isinstance(more, Mapping):
        for name, place in more.items():
            yield ("additional_contexts", name), place, _additional(str(place), move)
    for number, item in enumerate(more if isinstance(more, list) else ()):
        name, equals, place = str(item).partition("=")
        yield ("additional_contexts", str(number)), item, f"{name}{equals}{_additional(place, move)}"


def _additional(place: str, move: Move) -> str:
    other = place.startswith(("docker-image:", "oci-layout:", "service:", "target:"))
    return place if other else move.context(place)
