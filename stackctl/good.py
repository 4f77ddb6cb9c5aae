"""The last good states of a stack, in `.stackctl/good/N/`: what it takes to run each of them again.

`files/` are the files that described it, `mounted/` is what its spokes mounted of the folder, and `bundle/`
what was rendered, for whoever must do without stackctl. The newest alone also keeps the values of variables,
which the rendered override holds too, and of secrets that are files, readable by nobody else. A secret in an
environment is never kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stackctl import __version__
from stackctl.errors import StackctlError
from stackctl.files import STATE_DIR, private_dir, state_dir, write_atomically
from stackctl.override import OVERRIDE_FILE
from stackctl.secrets import Secret

DIR = f"{STATE_DIR}/good"
KEPT = 5
SCHEMA = 1
_ABOUT, _VALUES, _SECRETS = "good.json", "values.json", "secrets"
_PARTS = ("files", "mounted", "bundle")
_OVERRIDE = f"bundle/{OVERRIDE_FILE}"
"""Rendered with the values of variables, so it goes when those go."""


@dataclass(frozen=True)
class Good:
    """A state that was applied, worked, and of which no check asked to go back."""

    number: int
    at: str
    """When it was seen to be good, UTC, ISO 8601."""
    by: str
    images: Mapping[str, str]
    """Spoke -> id of the image that it ran; these are the spokes that were good."""
    fingerprints: Mapping[str, str]
    """Spoke -> its declared fingerprint, as its label had it."""
    modes: Mapping[str, int]
    """The permissions of what was mounted."""
    partial: tuple[str, ...]
    """What was mounted but is not kept: links, and files that are too large."""
    sums: Mapping[str, str]
    """Of each kept file, its sha256."""
    folder: Path
    version: str = __version__

    def part(self, name: str) -> dict[str, bytes]:
        """The kept files of one part, by path.

        Raises:
            StackctlError: They are not what was kept.
        """
        found = {}
        for path, sum in self.sums.items():
            part, _, rest = path.partition("/")
            if part != name or (path == _OVERRIDE and not (self.folder / path).exists()):
                continue
            try:
                content = (self.folder / path).read_bytes()
            except OSError:
                content = b""
            if hashlib.sha256(content).hexdigest() != sum:
                raise StackctlError(
                    f"the good state {self.number} is damaged: {self.folder / path}",
                    "see `stackctl history` for another one",
                )
            found[rest] = content
        return found

    @property
    def variables(self) -> dict[str, str] | None:
        """The values that variables had; None where they are not kept any more."""
        with suppress(OSError, ValueError, AttributeError):
            told = json.loads((self.folder / _VALUES).read_text())
            return {str(name): str(value) for name, value in told.items()}
        return None

    @property
    def secrets(self) -> dict[str, Secret]:
        """The secrets whose files are kept."""
        found = {}
        for path in (self.folder / _SECRETS).glob("*"):
            with suppress(OSError, ValueError):
                found[path.name] = Secret(path.read_text())
        return found


@dataclass(frozen=True)
class Seen:
    """What is to be kept of a state."""

    at: str
    by: str
    images: Mapping[str, str]
    fingerprints: Mapping[str, str]
    parts: Mapping[str, Mapping[str, bytes]]
    """`files`, `mounted` and `bundle`: path -> content."""
    modes: Mapping[str, int] = field(default_factory=dict)
    partial: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: Mapping[str, Secret] = field(default_factory=dict, repr=False)


def all_good(root: Path) -> tuple[Good, ...]:
    """The good states that are kept, the newest first; what cannot be read is left out."""
    found = []
    for folder in (root / DIR).glob("[0-9]*"):
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
            found.append(_good(folder, json.loads((folder / _ABOUT).read_text())))
    return tuple(sorted(found, key=lambda good: -good.number))


def is_any(root: Path) -> bool:
    return any((root / DIR).glob("[0-9]*"))


def keep(root: Path, seen: Seen, in_use: Collection[str] = ()) -> int:
    """Keeps a state as the newest, and its number; the same as the newest one is kept once.

    `in_use` are paths that containers mount: an old state stays as long as one of its files is among them.

    Raises:
        OSError: It cannot be written; then nothing of it is left.
    """
    there = all_good(root)
    for left in (root / DIR).glob(".new-*"):
        # Of a run that was killed: whoever keeps one holds the stack's lock.
        shutil.rmtree(left, ignore_errors=True)
    sums = {
        f"{part}/{path}": hashlib.sha256(content).hexdigest()
        for part in _PARTS
        for path, content in sorted(seen.parts.get(part, {}).items())
    }
    newest = there[0] if there else None
    if newest and (newest.sums, newest.images) == (sums, dict(seen.images)):
        _keep_values(newest.folder, seen)
        return newest.number
    number = newest.number + 1 if newest else 1
    folder = private_dir(state_dir(root) / "good")
    fresh = folder / f".new-{os.getpid()}"
    try:
        _write(private_dir(fresh), seen)
        about = Good(
            number,
            seen.at,
            seen.by,
            seen.images,
            seen.fingerprints,
            seen.modes,
            seen.partial,
            sums,
            fresh,
        )
        told = {key: value for key, value in asdict(about).items() if key != "folder"}
        text = json.dumps({"schema": SCHEMA, **told}, indent=1, sort_keys=True) + "\n"
        write_atomically(fresh / _ABOUT, text.encode(), 0o600)
        fresh.rename(folder / str(number))
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    for older in there:
        _forget_values(older.folder)
    for old in there[KEPT - 1 :]:
        if any(path.startswith(f"{old.folder}/") for path in in_use):
            continue
        shutil.rmtree(old.folder, ignore_errors=True)
    return number


def forget_values(root: Path) -> None:
    """Takes away every kept value: nothing runs any more that has one."""
    for folder in (root / DIR).glob("*"):
        _forget_values(folder)


def link_into(good: Good, root: Path, paths: Collection[str]) -> None:
    """Puts rendered files of a state back where they were; also on a full disk, as it needs no space.

    What is there already is not touched: a newer file would be one that an edge has not read.
    """
    for path in paths:
        kept, place = good.folder / "bundle" / path, root / path
        if place.is_file() and place.read_bytes() == kept.read_bytes():
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = place.with_name(f".{place.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        os.link(kept, fresh)
        fresh.replace(place)


def _write(folder: Path, seen: Seen) -> None:
    for part in _PARTS:
        for path, content in seen.parts.get(part, {}).items():
            place = folder / part / path
            place.parent.mkdir(parents=True, exist_ok=True)
            # Not synced one by one: what a power cut damages does not have its sum any more.
            place.write_bytes(content)
            place.chmod(seen.modes.get(path, 0o644) if part != "files" else 0o600)
    _keep_values(folder, seen)


def _keep_values(folder: Path, seen: Seen) -> None:
    override = seen.parts.get("bundle", {}).get(OVERRIDE_FILE)
    if override is not None:
        write_atomically(folder / _OVERRIDE, override, 0o600)
    text = json.dumps(seen.variables, sort_keys=True, indent=1) + "\n"
    write_atomically(folder / _VALUES, text.encode(), 0o600)
    for name, secret in seen.secrets.items():
        write_atomically(private_dir(folder / _SECRETS) / name, secret.reveal().encode(), 0o600)


def _forget_values(folder: Path) -> None:
    (folder / _VALUES).unlink(missing_ok=True)
    (folder / _OVERRIDE).unlink(missing_ok=True)
    shutil.rmtree(folder / _SECRETS, ignore_errors=True)


def _good(folder: Path, told: Mapping[str, Any]) -> Good:
    if told["schema"] != SCHEMA or told["number"] != int(folder.name):
        raise ValueError("written by another version")
    return Good(
        told["number"],
        told["at"],
        told["by"],
        dict(told["images"]),
        dict(told["fingerprints"]),
        dict(told["modes"]),
        tuple(told["partial"]),
        dict(told["sums"]),
        folder,
        told["version"],
    )
