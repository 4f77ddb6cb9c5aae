"""The operations of the Docker Engine API, what each exposes, and which consumer needs which.

The facts ship as data in `data/`; they are read once, when first asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

ID = "[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}"
"""What an id or a name may be in a path: never a dot segment, and nothing that anybody would decode."""
NAME = "[a-zA-Z0-9][a-zA-Z0-9_.:@-]{0,254}(/[a-zA-Z0-9][a-zA-Z0-9_.:@-]{0,254}){0,15}"
"""The same for images and plugins, whose names have a registry, slashes, a tag and a digest."""
VERSION = "(/v[0-9]{1,3}[.][0-9]{1,3})?"

_NAMED_LIKE_IMAGES = ("distribution", "images", "plugins", "{any}")


class Exposes(StrEnum):
    """The worst that a caller gets from one operation alone, from harmless to worst."""

    NOTHING = "nothing"
    METADATA = "metadata"
    SECRETS = "secrets"
    FILE_CONTENT = "file content"
    LOGS = "logs"
    EXEC = "exec"
    HOST_ROOT = "host root"


@dataclass(frozen=True, order=True)
class Operation:
    """A method and a path with placeholders, as the Engine routes them."""

    path: str
    method: str
    exposes: Exposes
    mutating: bool = False
    first: str = ""
    """First and last version of the API that documents it; empty where no document does."""
    last: str = ""
    switch: str = ""
    """The section switch that opens it; empty where none does."""
    body: bool = False
    """Whether the Engine reads a request body here."""
    stream: bool = False
    hijack: str = ""
    """The protocol to which the connection is upgraded: tcp, websocket or h2c; empty for none."""
    note: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def pattern(self) -> str:
        """A regular expression for the path as sent, version prefix included; to be anchored at both ends.

        It is valid for Python and PCRE alike, so the rendered proxy and the model cannot drift apart.
        """
        segments = self.path.split("/")
        name = NAME if segments[1] in _NAMED_LIKE_IMAGES else ID
        parts = (name if part.startswith("{") else part.replace(".", "[.]") for part in segments)
        return VERSION + "/".join(parts)

    def matches(self, method: str, path: str) -> bool:
        """Whether the request is exactly this operation, in the form in which clients send it."""
        return method == self.method and re.fullmatch(self.pattern, path) is not None

    def target(self, name: str) -> str:
        """A concrete path, with this name or id in place of every placeholder."""
        return re.sub(r"\{[a-z]+\}", name, self.path)


@dataclass(frozen=True)
class Consumer:
    """A program that asks the Docker API through a socket proxy."""

    name: str
    required: frozenset[Operation]
    optional: frozenset[Operation]
    aliases: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    """Repositories without their registry."""
    note: str = ""


@cache
def operations() -> tuple[Operation, ...]:
    """All of them, by path and method."""
    return tuple(
        sorted(
            Operation(**{**row, "exposes": Exposes(row["exposes"])})
            for row in _facts("engine_api.json")["operations"]
        )
    )


@cache
def consumers() -> tuple[Consumer, ...]:
    """The known consumers, by name."""
    by_text = _by_text()
    return tuple(
        Consumer(
            row["name"],
            frozenset(by_text[text] for text in row["required"]),
            frozenset(by_text[text] for text in row.get("optional", ())),
            tuple(row.get("aliases", ())),
            tuple(row.get("images", ())),
            row.get("note", ""),
        )
        for row in sorted(_facts("consumers.json"), key=lambda row: str(row["name"]))
    )


def operation(text: str) -> Operation | None:
    """The operation written as `GET /containers/{id}/logs`, whatever its placeholders are called."""
    method, _, path = text.strip().partition(" ")
    path = path.strip()
    exact = _by_text().get(f"{method.upper()} {path}")
    return exact or _by_shape().get((method.upper(), _shape(path)))


def consumer(name: str) -> Consumer | None:
    """The consumer of that name or alias."""
    wanted = name.strip().lower()
    return next((c for c in consumers() if wanted in (c.name, *c.aliases)), None)


def consumer_of_image(image: str) -> Consumer | None:
    """The consumer that this image is known to hold."""
    found = repository(image)
    return next((c for c in consumers() if found in c.images), None)


def repository(image: str) -> str:
    """The image's repository without registry, tag and digest: `traefik`, `amir20/dozzle`."""
    name = image.partition("@")[0]
    head, slash, rest = name.partition("/")
    if slash and ("." in head or ":" in head or head == "localhost"):
        name = rest
    return name.partition(":")[0].removeprefix("library/").lower()


def nearest_operation(text: str) -> str:
    """The known operation that is written most alike; empty where none is."""
    return _nearest(text, [str(operation) for operation in operations()])


def nearest_consumer(name: str) -> str:
    return _nearest(name.lower(), [word for c in consumers() for word in (c.name, *c.aliases)])


def by_exposure(found: Iterable[Operation]) -> tuple[tuple[Exposes, tuple[Operation, ...]], ...]:
    """The operations under the worst that each exposes, worst first; classes without any are left out."""
    ordered = sorted(found)
    groups = ((exposes, tuple(o for o in ordered if o.exposes is exposes)) for exposes in reversed(Exposes))
    return tuple((exposes, members) for exposes, members in groups if members)


@cache
def _by_text() -> dict[str, Operation]:
    return {str(operation): operation for operation in operations()}


@cache
def _by_shape() -> dict[tuple[str, str], Operation]:
    return {(o.method, _shape(o.path)): o for o in operations()}


def _shape(path: str) -> str:
    return re.sub(r"\{[^/{}]*\}", "{}", path)


def _nearest(word: str, known: list[str]) -> str:
    return next(iter(get_close_matches(word, known, 1, 0.7)), "")


def _facts(name: str) -> Any:
    return json.loads(files("stackctl").joinpath("data", name).read_text(encoding="utf-8"))
