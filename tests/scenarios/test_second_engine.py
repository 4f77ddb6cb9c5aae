"""The shipped stack on a newer Engine, which runs in a network namespace of its own.

Everything that asks from the host's side runs inside that namespace: there the stack's ports are published.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.engine_room import new_run
from tests.scenarios.shipped import REPOSITORY, ship

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PREFIX = "stackctl-second-"


class SecondEngine:
    def __init__(self, socket: str, namespace: str) -> None:
        self.environ = {**os.environ, "DOCKER_HOST": socket}
        self._inside = ["nsenter", f"--net=/run/netns/{namespace}"]

    def docker(self, *words: str) -> list[str]:
        done = subprocess.run(
            ["docker", *words], env=self.environ, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    def stackctl(self, root: Path, *words: str) -> subprocess.CompletedProcess[str]:
        argv = [*self._inside, sys.executable, "-m", "stackctl", *words]
        return subprocess.run(
            argv,
            cwd=root,
            env=self.environ,
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


@pytest.fixture(scope="module")
def second() -> Iterator[SecondEngine]:
    script = str(REPOSITORY / "scripts" / "second-engine")
    # Never stopped here: the script finds it again, and another run may be using it.
    started = subprocess.run([script, "start"], capture_output=True, text=True, timeout=240)
    assert started.returncode == 0, started.stderr
    said = dict(line.split("=", 1) for line in started.stdout.splitlines())
    engine = SecondEngine(said["DOCKER_HOST"], said["NETNS"])
    engine.sweep()
    yield engine
    engine.sweep()


def test_the_shipped_stack_lives_its_life_on_it(second: SecondEngine, tmp_path: Path) -> None:
    stack = ship(tmp_path, f"{PREFIX}{new_run()}")
    version = second.docker("version", "--format", "{{.Server.Version}}")[0]
    assert version.startswith("26.1."), version

    up = second.stackctl(tmp_path, "up", "--profile", "core", "--yes")
    assert up.returncode == 0, up.stdout + up.stderr

    verified = second.stackctl(tmp_path, "verify", "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    results = json.loads(verified.stdout.splitlines()[-1])["results"]
    assert results
    assert {r["outcome"] for r in results if r["check"]["severity"] == "error"} == {"passed"}

    pending = second.stackctl(tmp_path, "plan", "--profile", "core", "--check")
    assert pending.returncode == 0, pending.stdout

    again = second.stackctl(tmp_path, "up", "--profile", "core", "--yes", "--no-verify", "--json")
    assert {a["verb"] for a in json.loads(again.stdout.splitlines()[-1])["plan"]["actions"]} == {"nothing"}

    assert second.stackctl(tmp_path, "down", "--yes").returncode == 0
    assert second.docker("ps", "--all", "--filter", f"name={stack.name}", "--quiet") == []


def test_it_is_apart_from_the_machines_own_engine(second: SecondEngine) -> None:
    assert shutil.which("docker")
    own = subprocess.run(
        ["docker", "info", "--format", "{{.DockerRootDir}} {{.ID}}"],
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.split()
    assert not set(own) & set(second.docker("info", "--format", "{{.DockerRootDir}} {{.ID}}"))
