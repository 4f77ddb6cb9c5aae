"""What labels cannot hold, in the stack's `.stackctl` directory; its loss never hurts the running stack.

`host.key`: the key of the applied fingerprints. Lost: containers are compared field by field until recreated.
`secrets.json`: what tells whether a secret changed since it was last given to a container; no value. Lost: a
change is noticed by the next `plan` or `up`, which read the secrets themselves.
`exposed.json`: what each spoke opened when somebody last said yes. Lost: asked again.
`elements.json`: digests of the networks and volumes as last declared. Lost: they moved by the files, it says.
`rendered.json`: digests of the rendered files as last written. Lost: altered ones are not noticed.
`reloaded.json`: what edges were made to read again. Lost: it is read again once more.
`images.json`: the image id that each spoke was last applied with. Lost: asked from the Engine again.
`generations.json`: which generation of a spoke runs, for whoever renders without asking the Engine. Lost: the
next `up` reads it from the running containers.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from stackctl.files import STATE_DIR, state_dir, write_atomically

_KEY_FILE = "host.key"
_IMAGES_FILE = "images.json"
_SECRETS_FILE = "secrets.json"
_EXPOSED_FILE = "exposed.json"
_ELEMENTS_FILE = "elements.json"
_RENDERED_FILE = "rendered.json"
_GENERATIONS_FILE = "generations.json"
_RELOADED_FILE = "reloaded.json"

WRITTEN_AHEAD = tuple(
    f"{STATE_DIR}/{file}" for file in (_EXPOSED_FILE, _ELEMENTS_FILE, _RENDERED_FILE, _SECRETS_FILE)
)
"""What a run writes before it changes anything that runs: true only if it comes to that."""


def host_key(root: Path) -> bytes:
    """This host's key, made at first use. Two first uses at once agree on one key."""
    directory = state_dir(root)
    path = directory / _KEY_FILE
    if not path.exists():
        fresh = directory / f"{_KEY_FILE}.{os.getpid()}"
        write_atomically(fresh, secrets.token_bytes(32), 0o600)
        # A link, unlike a rename, leaves a key that another run put there first.
        with suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    return path.read_bytes()


def applied_images(root: Path) -> dict[str, str]:
    """Spoke -> id of the image that it was last applied with; empty where nothing is known."""
    return _recalled(root, _IMAGES_FILE)


def remember_images(root: Path, images: Mapping[str, str]) -> None:
    """In place of what `applied_images` gave."""
    _write(root, _IMAGES_FILE, images)


def reloaded(root: Path) -> dict[str, str]:
    """Container and start of it -> what stackctl last made it read; only the newest of each spoke is kept."""
    return _recalled(root, _RELOADED_FILE)


def remember_reloaded(root: Path, read: Mapping[str, str]) -> None:
    """In place of what `reloaded` gave."""
    _write(root, _RELOADED_FILE, read)


def applied_secrets(root: Path) -> dict[str, str]:
    """Secret -> what `fingerprint.secret_mac` said of the value that was last given out."""
    return _recalled(root, _SECRETS_FILE)


def remember_secrets(root: Path, macs: Mapping[str, str]) -> None:
    """Adds to what `applied_secrets` gives."""
    _remember(root, _SECRETS_FILE, macs)


def exposed(root: Path) -> dict[str, tuple[str, ...]]:
    """Spoke -> keys of what it opens with somebody's consent."""
    return {name: tuple(filter(None, k.split("\n"))) for name, k in _recalled(root, _EXPOSED_FILE).items()}


def remember_exposed(root: Path, keys: Mapping[str, Iterable[str]]) -> None:
    """Replaces what `exposed` gives of these spokes."""
    _remember(root, _EXPOSED_FILE, {name: "\n".join(of) for name, of in keys.items()})


def applied_elements(root: Path) -> dict[str, str]:
    """`network NAME` or `volume NAME` -> digest of how it was declared."""
    return _recalled(root, _ELEMENTS_FILE)


def remember_elements(root: Path, digests: Mapping[str, str]) -> None:
    """Adds to what `applied_elements` gives."""
    _remember(root, _ELEMENTS_FILE, digests)


def written(root: Path) -> dict[str, str]:
    """Path of a rendered file -> sha256 of what stackctl wrote there last."""
    return _recalled(root, _RENDERED_FILE)


def remember_written(root: Path, digests: Mapping[str, str]) -> None:
    """Adds to what `written` gives."""
    _remember(root, _RENDERED_FILE, digests)


def generations(root: Path) -> dict[str, int]:
    """Spoke -> the generation that runs; the first where it is not named."""
    return {spoke: int(n) for spoke, n in _recalled(root, _GENERATIONS_FILE).items() if n.isdecimal()}


def remember_generations(root: Path, running: Mapping[str, int]) -> None:
    """In place of what `generations` gave."""
    if dict(running) != generations(root):
        _write(root, _GENERATIONS_FILE, running)


def _recalled(root: Path, file: str) -> dict[str, str]:
    try:
        data = json.loads((state_dir(root) / file).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {str(name): str(value) for name, value in data.items()} if isinstance(data, dict) else {}


def _remember(root: Path, file: str, values: Mapping[str, str]) -> None:
    _write(root, file, {**_recalled(root, file), **values})


def _write(root: Path, file: str, values: Mapping[str, object]) -> None:
    text = json.dumps(dict(values), sort_keys=True, indent=1) + "\n"
    write_atomically(state_dir(root) / file, text.encode(), 0o600)


def root_certificate(root: Path) -> str:
    """The certificate of the stack's own authority, as PEM; empty where there is none."""
    try:
        return (root / STATE_DIR / "ca" / "root.pem").read_text()
    except OSError:
        return ""
