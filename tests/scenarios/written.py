"""A stack of manifests that a test writes and rewrites, driven through the command line alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.shipped import ShippedStack

STAYS = "import signal; print('up', flush=True); signal.pause()"


def python(code: str = STAYS, **more: Any) -> dict[str, Any]:
    """A service that runs this program."""
    return {"command": ["python", "-c", code], "init": True, "stop_grace_period": "2s", **more}


def health(*, good: bool = True) -> dict[str, Any]:
    code = "print('fine')" if good else "print('no answer'); raise SystemExit(1)"
    return {"test": ["CMD", "python", "-c", code], "interval": "1s", "timeout": "5s", "retries": 2}


def dying(code: int, before: str = "", **more: Any) -> dict[str, Any]:
    """A service that ends with this code, after what it does before; it is never healthy, however long that takes."""
    check = {**health(good=False), "start_period": "120s"}
    return python(f"{before}raise SystemExit({code})", healthcheck=check, **more)


class WrittenStack(ShippedStack):
    """Its files are what a test last wrote; no edge, so nothing but its spokes runs."""

    def write(self, room: EngineRoom, **spokes: Mapping[str, Any] | None) -> None:
        """The manifests of these spokes; None takes one away."""
        for name, manifest in spokes.items():
            path = self.root / "spokes" / f"{name}.yaml"
            if manifest is None:
                path.unlink()
            else:
                own = {"image": room.image("python"), "networks": ["proxy"]}
                path.write_text(json.dumps({**own, **manifest}))

    def newer_image(self, room: EngineRoom) -> str:
        """Another image with the same program in it, and `NEWER=1` in its environment."""
        newer = f"{self.name}:newer"
        (self.root / "Dockerfile").write_text(f"FROM {room.image('python')}\nENV NEWER=1\n")
        labels = [f"--label={key}={value}" for key, value in room.labels.items()]
        room.docker("build", "--quiet", *labels, "--tag", newer, str(self.root))
        return newer

    def settings(self, room: EngineRoom, **more: Any) -> None:
        """`stack.yaml`, with more of it."""
        own = {"name": self.name, "edge": "none", "prober_image": room.image("python")}
        (self.root / "stack.yaml").write_text(json.dumps({**own, **more}))


def written(root: Path, room: EngineRoom) -> WrittenStack:
    """A stack without spokes."""
    stack = WrittenStack(root, room.project())
    (root / "spokes").mkdir()
    stack.settings(room)
    return stack


def write(root: Path, name: str, spokes: Mapping[str, Mapping[str, Any]], **stack: Any) -> ShippedStack:
    """A stack of these manifests; what is stated of `stack` stands in its stack.yaml."""
    (root / "spokes").mkdir(parents=True, exist_ok=True)
    (root / "stack.yaml").write_text(json.dumps({"version": 1, "name": name, **stack}))
    for spoke, manifest in spokes.items():
        (root / "spokes" / f"{spoke}.yaml").write_text(json.dumps(manifest))
    return ShippedStack(root, name)
