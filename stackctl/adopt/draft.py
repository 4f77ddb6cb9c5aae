"""The texts of the spokes: word for word where they can be, else as Compose understood them.

Each key of a service has several ways to be written. Which of them Compose reads as it read the original is
not guessed: `attempt.py` asks Compose, and takes the next way for whatever differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from stackctl import normal, yaml_text
from stackctl.adopt.paths import Move, moved, sites
from stackctl.adopt.project import Project, texts
from stackctl.edit import Raw
from stackctl.edit.manifest import set_scalar
from stackctl.edit.pieces import Piece, Pieces, read_pieces
from stackctl.fingerprint import OWN_LABELS
from stackctl.read.text import Source
from stackctl.read.yaml_nodes import load_yaml
from stackctl.starter import prober_image

ELEMENTS = ("networks", "volumes", "configs", "secrets")
_DROPPED = ("version", "name", "services", "include")
_MERGE = "<<"
_FROM_ELSEWHERE = ("extends", _MERGE)


@dataclass(frozen=True)
class Stated:
    """A key where a file states it, and the folder where its relative paths begin."""

    file: Path
    piece: Piece
    base: Path


@dataclass
class Draft:
    """A stack in the making; `out` is the folder that it will be in."""

    project: Project
    out: Path
    ways: dict[tuple[str, str], int] = field(default_factory=dict)
    """Service (empty for an element of the stack) and key -> the number of the way that is taken."""

    @cached_property
    def files(self) -> tuple[tuple[Pieces, Path], ...]:
        own = [(path, self.project.directory) for path in self.project.files]
        return tuple((read_pieces(path), base) for path, base in (*own, *self.project.included))

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(self.project.resolved.get("services") or ())

    def place(self, service: str, key: str = "") -> tuple[Path, int]:
        """File and line where a service, or a key of it, is stated last."""
        keys = ("services", service, key) if service else (key,)
        there = self._stated(*(part for part in keys if part)) or self._stated(*keys[:2])
        return (there[-1].file, there[-1].piece.line) if there else (self.project.files[0], 1)

    def next_way(self, service: str, key: str) -> bool:
        """Takes the next way to write a key; False where there is none left."""
        number = self.ways.get((service, key), 0) + 1
        if number >= len(self._ways(service, key)):
            return False
        self.ways[service, key] = number
        return True

    # ---- manifests

    def keys(self, service: str) -> tuple[str, ...]:
        model = self.project.model["services"][service]
        raw = [inner.key for s in self._stated("services", service) for inner in s.piece.inner]
        resolved = self.project.resolved["services"][service]
        return tuple(dict.fromkeys((*(k for k in raw if k not in _FROM_ELSEWHERE), *model, *resolved)))

    def manifest(self, service: str) -> str:
        head = "".join(dict.fromkeys(s.piece.head for s in self._stated("services", service)))
        written = "".join(self._way(service, key) for key in self.keys(service))
        return f"{head}hardening: as-is\n{written}"

    def lines_of(self, service: str) -> Mapping[int, str]:
        """Line of the manifest -> the key that it belongs to."""
        found: dict[int, str] = {}
        line = self.manifest(service).split("hardening: as-is\n")[0].count("\n") + 2
        for key in self.keys(service):
            text = self._way(service, key)
            found |= dict.fromkeys(range(line, line + text.count("\n")), key)
            line += text.count("\n")
        return found

    def _ways(self, service: str, key: str) -> tuple[str, ...]:
        cache = self.__dict__.setdefault("_known_ways", {})
        if (service, key) not in cache:
            cache[service, key] = tuple(self._ways_of(service, key) if service else self._element(key))
        known: tuple[str, ...] = cache[service, key]
        return known

    def _way(self, service: str, key: str) -> str:
        ways = self._ways(service, key)
        return ways[min(self.ways.get((service, key), 0), len(ways) - 1)]

    def _ways_of(self, service: str, key: str) -> Iterator[str]:
        stated = self._stated("services", service, key)
        comments = "".join(dict.fromkeys(s.piece.comments for s in stated))
        model: Mapping[str, Any] = self.project.model["services"][service]
        if key not in model:
            # What Compose fills in by itself, as the variables of a file, it fills in again.
            yield comments
            return
        if key == "networks" and not stated and model.get(key) == {"default": None}:
            yield ""
            yield "networks: [default]\n"
            return
        elif (word := self._word_for_word(service, key, stated)) is not None:
            yield word
        resolved = self.project.resolved["services"][service].get(key)
        value = _as_mounted(model[key], resolved) if key == "volumes" else model[key]
        move = self._move(self.project.directory)
        yield comments + yaml_text.dump({key: moved(key, value, move)})
        if key == "environment":
            # Values of this host, or of a file of variables, stay where they are.
            here = normal.pairs(value)
            same = {
                n: (resolved or {}).get(n) for n, v in here.items() if v is not None and not any(texts(v))
            }
            yield comments + yaml_text.dump({key: {**here, **same}})
        elif resolved is not None and not any(texts(value)):
            yield comments + yaml_text.dump({key: resolved})
        if key == "labels":
            # What an earlier stackctl wrote, this one writes again by itself.
            others = {n: v for n, v in normal.pairs(value).items() if not n.startswith(OWN_LABELS)}
            yield comments + (yaml_text.dump({key: others}) if others else "")

    def _word_for_word(self, service: str, key: str, stated: list[Stated]) -> str | None:
        """The lines of a key, where one file alone states it and they stand without the rest of the file."""
        if len(stated) != 1:
            return None
        (one,) = stated
        around = [s.piece for s in self._stated("services", service)]
        extended = any(piece.piece("extends") for piece in around)
        document = load_yaml(Source("", one.piece.text))
        if document.findings or not isinstance(document.value, dict) or list(document.value) != [key]:
            return None
        value = document.value[key]
        if extended and isinstance(value, (dict, list)):
            return None
        return self._rewritten(key, one, value)

    def _rewritten(self, key: str, one: Stated, value: Any) -> str:
        raw = Raw("", one.piece.text.encode())
        edits = [
            set_scalar(raw, path, old, new) for path, old, new in sites(key, value, self._move(one.base))
        ]
        return raw.edited(edits).decode()

    # ---- stack.yaml

    def stack_yaml(self) -> str:
        head = "".join(
            piece.head for pieces, _ in self.files for piece in pieces.top.inner if piece.key in _DROPPED
        )
        written = "".join(self._way("", key) for key in self.elements())
        name = yaml_text.scalar(self.project.name)
        own = f"version: 1\nname: {name}\nedge: none\nprober_image: {prober_image()}\n"
        return f"{head}{own}{written}"

    def elements(self) -> tuple[str, ...]:
        raw = [piece.key for pieces, _ in self.files for piece in pieces.top.inner]
        known = (*raw, *self.project.model)
        return tuple(dict.fromkeys(k for k in known if k in ELEMENTS or k.startswith("x-")))

    def _element(self, key: str) -> Iterator[str]:
        stated = self._stated(key)
        value = self.project.model.get(key)
        comments = "".join(dict.fromkeys(s.piece.comments for s in stated))
        if value is None:
            yield comments
            return
        if len(stated) == 1:
            document = load_yaml(Source("", stated[0].piece.text))
            if not document.findings and isinstance(document.value, dict) and list(document.value) == [key]:
                yield self._rewritten(key, stated[0], document.value[key])
        if key in ELEMENTS and isinstance(value, Mapping):
            value = {name: self._explicit(key, name, how) for name, how in value.items()}
            if key == "networks" and not value.get("default"):
                # Compose makes this one by itself.
                value.pop("default", None)
        if not value:
            yield comments
            return
        yield comments + yaml_text.dump({key: moved(key, value, self._move(self.project.directory))})

    def _explicit(self, key: str, name: str, how: Mapping[str, Any] | None) -> dict[str, Any]:
        """An element as Compose understood it, without the name that it would get anyway."""
        options = dict(how or {})
        external = bool(options.get("external"))
        if options.get("name") == (name if external else f"{self.project.name}_{name}"):
            del options["name"]
        if key == "networks" and name == "socket" and not external:
            # A stack's own network of this name has no way out unless it says that it has one.
            options.setdefault("internal", False)
        return options

    def _move(self, base: Path) -> Move:
        return Move(str(base), str(self.out), self.project.variables)

    def _stated(self, *keys: str) -> list[Stated]:
        found = ((pieces, pieces.at(*keys), base) for pieces, base in self.files)
        return [Stated(pieces.file, piece, base) for pieces, piece, base in found if piece is not None]


def _as_mounted(mounts: Any, resolved: Any) -> Any:
    """A source that begins with a variable looks like a volume until its value is known."""
    kinds = {mount.get("target"): mount.get("type") for mount in resolved or ()}

    def one(mount: Any) -> Any:
        by_variable = isinstance(mount, dict) and str(mount.get("source", "")).startswith("$")
        if not by_variable or mount.get("type") != "volume" or kinds.get(mount.get("target")) != "bind":
            return mount
        kept = {name: value for name, value in mount.items() if name != "volume"}
        return {**kept, "type": "bind", "bind": {"create_host_path": True}}

    return [one(mount) for mount in mounts] if isinstance(mounts, list) else mounts
