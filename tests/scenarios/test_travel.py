"""A stack travels in one file to an Engine that has no image of its own, and is proved there."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.shipped import REPOSITORY, ShippedStack
from tests.scenarios.test_second_engine import PREFIX, SecondEngine

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def bare() -> Iterator[SecondEngine]:
    """A second Engine, emptied of images; the script brings them back for whoever needs them next."""
    script = str(REPOSITORY / "scripts" / "second-engine")
    started = subprocess.run([script, "start", "newer"], capture_output=True, text=True, timeout=240)
    assert started.returncode == 0, started.stderr
    said = dict(line.split("=", 1) for line in started.stdout.splitlines())
    engine = SecondEngine(said["DOCKER_HOST"], said.get("NETNS", ""))
    engine.sweep()
    if images := engine.docker("image", "ls", "--all", "--quiet"):
        engine.docker("image", "rm", "--force", *dict.fromkeys(images))
    assert engine.docker("image", "ls", "--all", "--quiet") == []
    yield engine
    engine.sweep()


def test_export_changes_nothing_and_import_brings_up_a_proved_stack_without_a_network(
    shipped_apart: ShippedStack, bare: SecondEngine, room: EngineRoom
) -> None:
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        archive = folder / "homelab.tar"
        # Its containers over there bear the name by which that Engine is swept.
        settings = shipped_apart.root / "stack.yaml"
        settings.write_text(settings.read_text().replace(shipped_apart.name, f"{PREFIX}{room.run}"))
        (shipped_apart.root / ".env").write_text("KEPT=here\n")
        assert shipped_apart.run("render").returncode == 0
        before = room.docker("image", "ls", "--all", "--quiet", "--no-trunc")
        done = shipped_apart.run("export", str(archive), "--profile", "core")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "save 4 images" in done.stderr
        assert " and 4 images: " in done.stdout
        # Other tests may be building theirs; what is gone or renamed would be this one's doing.
        assert set(before.split()) <= set(
            room.docker("image", "ls", "--all", "--quiet", "--no-trunc").split()
        )
        assert b"KEPT=here" not in archive.read_bytes()
        assert ".env holds values of this host, so it stays here" in done.stderr

        done = bare.stackctl(folder, "import", "homelab.tar", "there", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        there = folder / "there"
        assert (there / "spokes" / "traefik.md").read_bytes() == (
            shipped_apart.root / "spokes" / "traefik.md"
        ).read_bytes()
        assert json.loads(done.stdout)["next"][-1] == "stackctl up --profile core"
        assert not (there / ".env").exists()
        assert bare.stackctl(there, "render", "--check").returncode == 0

        done = bare.stackctl(there, "up", "--profile", "core", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        document = json.loads(bare.stackctl(there, "verify", "--json").stdout)
        assert document["exit"] == 0, document
        assert len(document["results"]) > 20

        again = bare.stackctl(folder, "import", "homelab.tar", "there")
        assert again.returncode == 2
        assert "not empty" in again.stderr
        assert bare.stackctl(there, "down", "--yes").returncode == 0


def test_an_image_that_is_not_here_is_named_and_no_file_is_written(
    shipped_apart: ShippedStack, tmp_path: Path
) -> None:
    local = shipped_apart.root / "stack.local.yaml"
    local.write_text(local.read_text().replace("whoami:v1.11.0", "whoami:never"))
    target = tmp_path / "x.tar"
    done = shipped_apart.run("export", str(target), "--profile", "core")
    assert done.returncode == 1
    assert "whoami:never" in done.stderr
    assert not target.exists()
