"""What labels cannot hold, in the stack's `.stackctl` directory; its loss never hurts the running stack.

`host.key`: the key of the applied fingerprints. Lost: containers are compared field by field until recreated.
`images.json`: the image id that each spoke was last applied with. Lost: asked from the Engine again.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from stackctl.files import state_dir, write_atomically

_KEY_FILE = "host.key"
_IMAGES_FILE = "images.json"


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
    try:
        data = json.loads((state_dir(root) / _IMAGES_FILE).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {str(spoke): str(image) for spoke, image in data.items()} if isinstance(data, dict) else {}


def remember_images(root: Path, images: Mapping[str, str]) -> None:
    """Adds to what `applied_images` gives."""
    text = json.dumps({**applied_images(root), **images}, sort_keys=True, indent=1) + "\n"
    write_atomically(state_dir(root) / _IMAGES_FILE, text.encode(), 0o600)
