"""The shipped stack on other Engines than this machine's own: a newer one, and one without rights.

The newer one has a network namespace of its own, so what asks from the host's side asks from inside it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.engine_room import new_run
from tests.scenarios.shipped import REPOSITORY, ship

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PREFIX = "stackctl-second-"


class SecondEngine:
    def __init__(self, socket: str, namespace: str) -> None:
        self.socket = socket.removeprefix("unix://")
        self._environ = {**os.environ, "DOCKER_HOST": socket}
        self._inside = ["nsenter", f"--net=/run/netns/{namespace}"] if namespace else []

    def docker(self, *words: str) -> list[str]:
        done = subprocess.run(
            ["docker", *words], env=self._environ, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    def stackctl(self, root: Path, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._inside, sys.executable, "-m", "stackctl", *words],
            cwd=root,
            env=self._environ,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=180,
        )

    def sweep(self) -> None:
        """This Engine is the tests' own, so what bears their name is theirs whoever left it."""
        mine = ("--filter", f"name={PREFIX}", "--quiet")
        if containers := self.docker("ps", "--all", *mine):
            self.docker("rm", "--force", "--volumes", *containers)
        if networks := self.docker("network", "ls", *mine):
            self.docker("network", "rm", *networks)


@pytest.fixture(scope="module", params=["newer", "rootless"])
def second(request: pytest.FixtureRequest) -> Iterator[SecondEngine]:
    script = str(REPOSITORY / "scripts" / "second-engine")
    # Never stopped here: the script finds it again, and another run may be using it.
    started = subprocess.run([script, "start", request.param], capture_output=True, text=True, timeout=240)
    assert started.returncode == 0, started.stderr
    said = dict(line.split("=", 1) for line in started.stdout.splitlines())
    engine = SecondEngine(said["DOCKER_HOST"], said.get("NETNS", ""))
    engine.sweep()
    yield engine
    engine.sweep()


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that a user without rights may read too."""
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_it_is_the_engine_that_is_meant(second: SecondEngine) -> None:
    rootless = "name=rootless" in " ".join(second.docker("info", "--format", "{{.SecurityOptions}}"))
    version = second.docker("version", "--format", "{{.Server.Version}}")[0]
    assert rootless or version.startswith("26.1."), version
    own = subprocess.run(
        ["docker", "info", "--format", "{{.DockerRootDir}} {{.ID}}"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert not set(own.stdout.split()) & set(second.docker("info", "--format", "{{.DockerRootDir}} {{.ID}}"))


def test_the_shipped_stack_lives_its_life_on_it(second: SecondEngine, root: Path) -> None:
    stack = ship(root, f"{PREFIX}{new_run()}")

    up = second.stackctl(root, "up", "--profile", "core", "--yes")
    assert up.returncode == 0, up.stdout + up.stderr

    # The proxy filters the Engine on which it runs, not the one that the page's author had.
    proxy = f"{stack.name}-docker-socket-proxy-1"
    mounted = second.docker("inspect", "--format", "{{range .Mounts}}{{.Source}} {{end}}", proxy)
    assert second.socket in mounted

    verified = second.stackctl(root, "verify", "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    results = json.loads(verified.stdout.splitlines()[-1])["results"]
    assert results
    assert {r["outcome"] for r in results if r["check"]["severity"] == "error"} == {"passed"}

    pending = second.stackctl(root, "plan", "--profile", "core", "--check")
    assert pending.returncode == 0, pending.stdout

    again = second.stackctl(root, "up", "--profile", "core", "--yes", "--no-verify", "--json")
    assert {a["verb"] for a in json.loads(again.stdout.splitlines()[-1])["plan"]["actions"]} == {"nothing"}

    assert second.stackctl(root, "down", "--yes").returncode == 0
    assert second.docker("ps", "--all", "--filter", f"name={stack.name}", "--quiet") == []
