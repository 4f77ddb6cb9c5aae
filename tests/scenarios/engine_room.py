"""What scenarios on a real Engine share: names of their own, images, waiting without sleeping, cleaning up.

Everything that a run creates carries its id: in the label `stackctl.test`, or in the name of its Compose
project. Only that is ever removed. Run as a program, this is the watchdog: it waits until the test run that
started it is gone, however that ended, and removes what it left.
"""

from __future__ import annotations

import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ruamel.yaml import YAML

REPOSITORY = Path(__file__).parent.parent.parent
LABEL = "stackctl.test"
PREFIX = "stackctl-test-"

# The images are the ones that the stack of this repository declares.
_TAGS = {
    "python": "python:3.13-alpine",
    "whoami": "traefik/whoami:v1.11.0",
    "docker-socket-proxy": "tecnativa/docker-socket-proxy:v0.4.2",
}
_DIGESTS = {
    "python": "sha256:399babc8b49529dabfd9c922f2b5eea81d611e4512e3ed250d75bd2e7683f4b0",
    "whoami": "sha256:200689790a0a0ea48ca45992e0450bc26ccab5307375b41c84dfc4f2475937ab",
    "docker-socket-proxy": "sha256:1f3a6f303320723d199d2316a3e82b2e2685d86c275d5e3deeaf182573b47476",
}

RUN = 12
"""Length of a run's id."""

T = TypeVar("T")


def new_run() -> str:
    """The time and some chance; the time tells what may be swept although nobody is left to do it."""
    return f"{int(time.time()):08x}{secrets.token_hex(2)}"


@dataclass(frozen=True)
class EngineRoom:
    """One test run's place on the Engine."""

    run: str

    @property
    def labels(self) -> dict[str, str]:
        """To be put on everything that is created here."""
        return {LABEL: self.run}

    def project(self) -> str:
        """A new name for a Compose project; whatever belongs to it is removed with the run."""
        return f"{PREFIX}{self.run}-{secrets.token_hex(3)}"

    def clear(self, project: str) -> None:
        """Remove what runs under that name: networks are few, and running containers slow the other tests."""
        mine = f"--filter=label=com.docker.compose.project={project}"
        for kind, force in (("container", "--force"), ("network", "--force")):
            everything = ["--all"] if kind == "container" else []
            if ids := self.docker(kind, "ls", "--quiet", mine, *everything).split():
                self.docker(kind, "rm", force, *ids, check=False)

    def docker(self, *words: str, check: bool = True) -> str:
        """One call of the `docker` command; what it printed."""
        done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=120)
        assert not check or done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
        return done.stdout.strip()

    def image(self, name: str) -> str:
        """The image that this machine uses for one of these: the stand-in, else the declared one."""
        return _stand_ins().get(name, f"{_TAGS[name]}@{_DIGESTS[name]}")


def wait_for(condition: Callable[[], T], deadline: float = 30.0, every: float = 0.02) -> T:
    """The first true answer; fails when there is none within `deadline` seconds."""
    ends, pause = time.monotonic() + deadline, threading.Event()
    while not (answer := condition()):
        assert time.monotonic() < ends, f"nothing came within {deadline:g} s"
        pause.wait(every)
    return answer


@contextmanager
def engine_room() -> Iterator[EngineRoom]:
    """A room for one test run, swept at its end, by the watchdog if need be."""
    room = EngineRoom(new_run())
    # Only this process holds the writing end; when it is gone, the watchdog reads the end of the pipe.
    watchdog = subprocess.Popen(
        [sys.executable, __file__, room.run], stdin=subprocess.PIPE, start_new_session=True
    )
    assert watchdog.stdin is not None
    sweep_old()
    try:
        yield room
    finally:
        sweep(room.run)
        watchdog.stdin.write(b"swept")
        watchdog.stdin.close()
        watchdog.wait(timeout=60)


def sweep(run: str) -> int:
    """Remove everything of that run; how many things there were."""
    return _remove(lambda of: of == run, _KINDS)


def sweep_running(run: str) -> int:
    """Remove the run's containers and networks."""
    return _remove(lambda of: of == run, ("container", "network"))


def sweep_old() -> int:
    """Remove what runs of another day left behind, their watchdogs gone too; no run takes three hours."""

    def old(run: str) -> bool:
        began = re.fullmatch(rf"([0-9a-f]{{8}})[0-9a-f]{{{RUN - 8}}}", run)
        return began is not None and time.time() - int(began[1], 16) > 3 * 3600

    return _remove(old, _KINDS)


def _remove(belongs: Callable[[str], bool], kinds: Iterable[str]) -> int:
    count = 0
    for kind in kinds:
        force = _KINDS[kind]
        names = sorted({name for name, run in _ours(kind) if belongs(run)})
        count += len(names)
        if names:
            subprocess.run(["docker", kind, "rm", *force, *names], capture_output=True, timeout=120)
    return count


_KINDS = {"container": ["--force", "--volumes"], "network": [], "volume": ["--force"], "image": ["--force"]}
"""In the order in which they let go of each other."""


def _ours(kind: str) -> Iterator[tuple[str, str]]:
    """Everything that a test run made: its name or id, and the run."""
    everything = ["--all"] if kind == "container" else []
    name = "{{.Name}}" if kind == "volume" else "{{.ID}}"
    form = f'{name}\t{{{{.Label "{LABEL}"}}}}\t{{{{.Label "com.docker.compose.project"}}}}'
    rows = _lines(kind, "ls", *everything, "--format", form) if kind != "image" else _labelled_images()
    for row in rows:
        name, label, project = row.split("\t")
        if run := label or (project.removeprefix(PREFIX)[:RUN] if project.startswith(PREFIX) else ""):
            yield name, run


def _labelled_images() -> list[str]:
    ids = sorted(set(_lines("image", "ls", "--all", "--filter", f"label={LABEL}", "--quiet")))
    form = f'{{{{.Id}}}}\t{{{{index .Config.Labels "{LABEL}"}}}}\t'
    return _lines("image", "inspect", "--format", form, *ids) if ids else []


def _lines(*words: str) -> list[str]:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=60)
    return [line for line in done.stdout.splitlines() if line.strip()]


def _stand_ins() -> dict[str, str]:
    """What `stack.local.yaml` runs on this machine in place of the declared images."""
    path = REPOSITORY / "stack.local.yaml"
    local = (YAML(typ="safe", pure=True).load(path) if path.exists() else None) or {}
    images = {**local.get("images", {}), "python": local.get("prober_image", "")}
    return {name: image for name, image in images.items() if image}


def _watch(run: str) -> None:
    said = sys.stdin.buffer.read()
    if said == b"swept":
        return
    # What the dead run had started may still be creating: it counts as over after some quiet seconds.
    quiet, pause = 0, threading.Event()
    while quiet < 5:
        quiet = 0 if sweep(run) else quiet + 1
        pause.wait(1)


if __name__ == "__main__":
    _watch(sys.argv[1])
