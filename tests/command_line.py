"""The program itself, run where no Engine answers."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from stackctl import files
from stackctl.starter import first_stack

NOWHERE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}


def stackctl(cwd: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stackctl", *words],
        cwd=cwd,
        env={**os.environ, **NOWHERE, **environ},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def done(cwd: Path, *words: str, **environ: str) -> dict[str, Any]:
    ran = stackctl(cwd, *words, "--json", **environ)
    document: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    assert document["exit"] == ran.returncode
    return document


def at_a_terminal(cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run where its output is a terminal, and nobody types."""
    return subprocess.run(
        ["script", "-qec", shlex.join([sys.executable, "-m", "stackctl", *words]), "/dev/null"],
        cwd=cwd,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def written(root: Path) -> Path:
    """The folder, with the files of a first stack in it."""
    for path, content in first_stack("home", "stack.localhost").items():
        files.write_atomically(root / path, content)
    return root
