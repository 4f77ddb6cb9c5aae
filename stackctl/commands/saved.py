"""A plan in a file: written by `plan --out`, applied by `up --plan` as it stands or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackctl import __version__
from stackctl.commands.opened import Opened
from stackctl.errors import StackctlError, UsageError
from stackctl.files import write_atomically
from stackctl.model import Observed, Plan, Wanted
from stackctl.plain import plain

SCHEMA = 1


@dataclass(frozen=True)
class Asked:
    """What the plan was asked for; applying it asks for the same."""

    spokes: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    refresh: bool = False


@dataclass(frozen=True)
class Saved:
    path: Path
    asked: Asked
    document: Mapping[str, Any]


def save(
    path: Path, asked: Asked, opened: Opened, plan: Plan, wanted: Mapping[str, Wanted], observed: Observed
) -> None:
    """Writes the plan and what it rests on; digests and ids, no value that may be secret. Mode 0600."""
    text = json.dumps(_document(asked, opened, plan, wanted, observed), indent=1, ensure_ascii=False)
    write_atomically(path, f"{text}\n".encode(), 0o600)


def load(path: Path) -> Saved:
    """A plan that `save` wrote.

    Raises:
        UsageError: The file is none.
    """
    try:
        document = json.loads(path.read_text())
        if document["schema"] != SCHEMA:
            raise UsageError(
                f"{path} was written by stackctl {document['stackctl']}, in another form",
                "make it anew: `stackctl plan --out FILE`",
            )
        asked = document["asked"]
        return Saved(
            path,
            Asked(tuple(asked["spokes"]), tuple(asked["profiles"]), bool(asked["refresh"])),
            document,
        )
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}", "make it: `stackctl plan --out FILE`") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no saved plan", "make it: `stackctl plan --out FILE`") from error


def expect_unmoved(
    saved: Saved, opened: Opened, plan: Plan, wanted: Mapping[str, Wanted], observed: Observed
) -> None:
    """Nothing may have moved since the plan was made.

    Raises:
        StackctlError: Something has; the error names it.
    """
    now = json.loads(json.dumps(_document(saved.asked, opened, plan, wanted, observed)))
    if moved := tuple(dict.fromkeys(_moved(saved.document, now))):
        raise StackctlError(
            f"{saved.path} is out of date, and nothing was changed: {'; '.join(moved)}",
            "make it anew and look at it: `stackctl plan --out FILE`",
        )


_MOVED = {
    "files": "the files of {} changed",
    "host": "variables, secrets or mounted files of {} changed on this host",
    "images": "the image of {} is another on the Engine",
    "containers": "the containers of {} are others on the Engine, or in another state",
}


def _moved(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if then.get("stack") != now["stack"]:
        yield f"it is of the stack {then.get('stack')}"
        return
    for key, sentence in _MOVED.items():
        old, new = then.get(key) or {}, now[key]
        for name in sorted(old.keys() | new.keys()):
            # A change of the files changes what is given to the host too.
            hides = key == "host" and (then.get("files") or {}).get(name) != now["files"].get(name)
            if old.get(name) != new.get(name) and not hides:
                yield sentence.format(name)
    if then.get("plan") != now["plan"] and all(then.get(key) == now[key] for key in _MOVED):
        yield "what there is to do is something else by now"


def _document(
    asked: Asked, opened: Opened, plan: Plan, wanted: Mapping[str, Wanted], observed: Observed
) -> dict[str, Any]:
    containers: dict[str, list[str]] = {}
    for container in observed.containers:
        containers.setdefault(container.spoke, []).append(f"{container.id} {container.state}")
    files = {name: opened.bundle.service(name)["labels"] for name in wanted}
    return {
        "schema": SCHEMA,
        "stackctl": __version__,
        "stack": opened.stack.name,
        "asked": plain(asked),
        "plan": plain(plan),
        "files": {n: f"{o['stackctl.fingerprint']} {o['stackctl.rendered']}" for n, o in files.items()},
        "host": {name: want.applied for name, want in wanted.items()},
        "images": {name: want.image_id for name, want in wanted.items()},
        "containers": containers,
    }
