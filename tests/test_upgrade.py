"""Files that were written for a newer stackctl are refused as a whole: what is not understood is not applied."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SPOKE = "image: traefik/whoami:v1.11.0\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "stack.yaml").write_text("version: 2\nname: future\nfrom_the_future: true\n")
    (tmp_path / "spokes").mkdir()
    (tmp_path / "spokes" / "web.yaml").write_text(SPOKE)
    return tmp_path


def stackctl(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stackctl", *words],
        cwd=root,
        env={**os.environ, "DOCKER_HOST": "unix:///nowhere/docker.sock"},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


@pytest.mark.parametrize(
    "words", ["lint", "render", "render --check", "plan", "up --yes", "verify", "fingerprint"]
)
def test_a_stack_of_a_newer_version_is_refused_and_nothing_is_written(root: Path, words: str) -> None:
    done = stackctl(root, *words.split())
    assert done.returncode == 3, done.stdout + done.stderr
    assert sorted(path.name for path in root.iterdir()) == ["spokes", "stack.yaml"]


def test_the_refusal_names_both_versions_and_the_place(root: Path) -> None:
    said = json.loads(stackctl(root, "lint", "--json").stdout)
    newer = [finding for finding in said["findings"] if finding["code"] == "SC109"]
    assert [finding["at"]["line"] for finding in newer] == [1]
    assert "version 2" in newer[0]["message"]
    assert "reads 1" in newer[0]["message"]


def test_the_version_of_today_is_read_whether_stated_or_not(root: Path) -> None:
    for text in ("version: 1\nname: today\n", "name: today\n"):
        (root / "stack.yaml").write_text(text)
        assert stackctl(root, "lint").returncode == 0
