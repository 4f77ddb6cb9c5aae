"""Files by whose names Caddy is led to single containers; it looks for them at each request.

Any reload would close the connections that clients hold open, so nothing of this is configuration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from stackctl.files import write_atomically

_NAME = re.compile(r"(\d\d)-(.+)")
_LAST = 99


def lead(folder: Path, to: Mapping[str, Sequence[str]]) -> None:
    """From now on, each of these spokes' new requests go to the first of its containers, by their names.

    What led elsewhere stays behind it until `let_go`: a request may be between listing and looking.
    """
    for spoke, containers in to.items():
        there = _there(folder / spoke)
        if containers and [name for _, name in there[:1]] != [containers[0]]:
            rank = there[0][0] - 1 if there else _LAST
            for needed in (folder, folder / spoke):
                needed.mkdir(parents=True, exist_ok=True)
                # Whatever this process would make: the edge is somebody else.
                needed.chmod(0o755)
            write_atomically(folder / spoke / f"{rank:02}-{containers[0]}", b"")


def let_go(folder: Path) -> None:
    """Requests go by the spokes' names again; never to what was led from before."""
    for spoke in sorted(folder.glob("*")):
        for rank, name in reversed(_there(spoke)):
            (spoke / f"{rank:02}-{name}").unlink(missing_ok=True)
        # What a run that was killed had half written.
        for rest in spoke.iterdir():
            rest.unlink(missing_ok=True)
        spoke.rmdir()
    if folder.is_dir():
        folder.rmdir()


def _there(folder: Path) -> list[tuple[int, str]]:
    """What the edge finds there, in its order."""
    found = (_NAME.fullmatch(path.name) for path in folder.glob("*"))
    return sorted((int(match[1]), match[2]) for match in found if match)
