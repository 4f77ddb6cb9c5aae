"""What a spoke keeps survives a change and a mistake, on a real Engine."""

from __future__ import annotations

import gzip
import json
import os
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.engine_room import EngineRoom, wait_for
from tests.scenarios.shipped import ShippedStack

pytestmark = [pytest.mark.engine, pytest.mark.slow]

SERVES = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit()); signal.pause()"


@pytest.fixture
def keeping(room: EngineRoom, tmp_path: Path) -> Any:
    """Two spokes that keep something: one is backed up by its folder, one by a command."""
    stack = ShippedStack(tmp_path, room.project())
    (tmp_path / "spokes").mkdir()
    python = room.image("python")
    (tmp_path / "stack.yaml").write_text(f"name: {stack.name}\nprober_image: {python}\n")
    write(stack, python, "one")
    done = stack.run("up", "--yes", "--no-verify")
    assert done.returncode == 0, done.stderr
    yield stack
    stack.run("down", "--yes")


def write(stack: ShippedStack, python: str, level: str) -> None:
    common = {
        "image": python,
        "command": ["python", "-c", SERVES],
        "environment": {"LEVEL": level},
        "user": "1000:1000",
        "tmpfs": ["/tmp"],
    }
    by_folder = {**common, "volumes": ["files:/data"], "user": "0:0", "backup": {"path": "/data"}}
    by_command = {
        **common,
        "volumes": ["db:/data"],
        "user": "0:0",
        "backup": {
            "command": ["cat", "/data/text"],
            "restore": ["python", "-c", "import sys; open('/data/text', 'w').write(sys.stdin.read())"],
        },
    }
    (stack.root / "spokes" / "files.yaml").write_text(json.dumps(by_folder))
    (stack.root / "spokes" / "db.yaml").write_text(json.dumps(by_command))


def put(stack: ShippedStack, spoke: str, name: str, text: str) -> None:
    code = "import sys; open(sys.argv[1], 'w').write(sys.argv[2])"
    stack.docker("exec", stack.container(spoke), "python", "-c", code, f"/data/{name}", text)


def held(stack: ShippedStack, spoke: str) -> dict[str, str]:
    code = "import json, os; print(json.dumps({n: open(f'/data/{n}').read() for n in os.listdir('/data')}))"
    return dict(json.loads(stack.docker("exec", stack.container(spoke), "python", "-c", code)))


def test_what_is_kept_comes_back_as_it_was(keeping: ShippedStack) -> None:
    put(keeping, "files", "text", "before")
    put(keeping, "db", "text", "before")
    made = keeping.json("backup")["backups"]
    assert [one["spoke"] for one in made] == ["db", "files"]
    for one in made:
        assert stat.S_IMODE((keeping.root / one["file"]).stat().st_mode) == 0o600
    put(keeping, "files", "text", "after")
    put(keeping, "files", "later", "after")
    put(keeping, "db", "text", "after")
    refused = keeping.run("restore", "files")
    assert refused.returncode == 2
    assert held(keeping, "files") == {"text": "after", "later": "after"}
    for spoke in ("files", "db"):
        done = keeping.run("restore", spoke, "--yes")
        assert done.returncode == 0, done.stderr
        assert held(keeping, spoke) == {"text": "before"}, "what came later is gone too"
    saved = keeping.json("backup", "--list", "files")["backups"]
    assert len(saved) == 2, "what was there before the restore was backed up first"
    assert keeping.run("restore", "files", str(keeping.root / saved[-1]["file"]), "--yes").returncode == 0
    assert held(keeping, "files") == {"text": "after", "later": "after"}


def test_a_file_that_is_no_backup_takes_nothing_away(keeping: ShippedStack) -> None:
    put(keeping, "files", "text", "here")
    made = keeping.json("backup", "files")["backups"][0]["file"]
    packed = keeping.root / "old.tar.gz"
    packed.write_bytes(gzip.compress((keeping.root / made).read_bytes()))
    done = keeping.run("restore", "files", "old.tar.gz", "--yes")
    said = " ".join(done.stderr.split())
    assert done.returncode == 1, said
    assert "cannot be read as a backup of files: nothing was changed" in said
    assert held(keeping, "files") == {"text": "here"}
    assert not (keeping.root / ".stackctl" / "journal").exists()


def test_what_is_stopped_is_backed_up_again_after_the_hint(keeping: ShippedStack) -> None:
    put(keeping, "db", "text", "here")
    assert keeping.run("stop", "db").returncode == 0
    refused = keeping.run("backup", "db")
    assert refused.returncode == 1
    assert "`stackctl restart db`" in refused.stderr
    all_of_them = keeping.run("backup")
    assert all_of_them.returncode == 1
    assert len(keeping.json("backup", "--list", "files")["backups"]) == 1, "it is tried all the same"
    assert keeping.run("restart", "db").returncode == 0
    assert keeping.run("backup", "db").returncode == 0


def test_a_restore_that_is_killed_is_ended_before_anything_works_on_it(keeping: ShippedStack) -> None:
    put(keeping, "files", "text", "before")
    assert keeping.run("backup", "files").returncode == 0
    put(keeping, "files", "text", "after")
    run = keeping.start("restore", "files", "--yes")
    journal = keeping.root / ".stackctl" / "journal"
    wait_for(lambda: journal.exists() and '"step": "restore"' in journal.read_text(), 120)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate(timeout=60)
    for command in (["up", "--yes", "--no-verify"], ["rollback", "--yes"]):
        done = keeping.run(*command)
        said = " ".join(done.stderr.split())
        assert done.returncode == 1, said
        assert "the restore of files, by " in said
        assert "came to no end" in said
    # Of the two files, the later one is what was there before.
    *_, before = keeping.json("backup", "--list", "files")["backups"]
    assert f"`stackctl restore files {before['file']}`" in said
    (keeping.root / "deep").mkdir()
    done = keeping.run("restore", "files", before["file"], "--yes", "-C", "..", at="deep")
    assert done.returncode == 0, done.stderr
    assert not journal.exists()
    assert keeping.run("up", "--yes", "--no-verify").returncode == 0
    assert held(keeping, "files") == {"text": "after"}


def test_a_change_of_what_keeps_data_is_backed_up_before(keeping: ShippedStack, room: EngineRoom) -> None:
    put(keeping, "files", "text", "before")
    put(keeping, "db", "text", "before")
    write(keeping, room.image("python"), "two")
    planned = {action["spoke"]: action for action in keeping.json("plan")["plan"]["actions"]}
    assert planned["db"]["replacement"]["way"] == "stop-first"
    assert planned["db"]["consequences"]["irreversible"] == ""
    done = keeping.run("up", "--yes", "--no-verify")
    assert done.returncode == 0, done.stderr
    saved = [one["spoke"] for one in keeping.json("backup", "--list")["backups"]]
    assert saved == ["db", "files"]
    assert held(keeping, "db") == held(keeping, "files") == {"text": "before"}


def test_what_cannot_be_backed_up_is_not_changed(keeping: ShippedStack, room: EngineRoom) -> None:
    before = keeping.container_ids()
    write(keeping, room.image("python"), "two")
    # Its command fails: there is no such file yet.
    done = keeping.run("up", "--yes", "--no-verify", "db")
    assert done.returncode == 1, "nothing was begun, so there is nothing to go back on"
    assert "db: the backup failed" in done.stderr
    assert "has written to its data" not in " ".join(done.stderr.split())
    assert keeping.container_ids() == before
    assert keeping.json("backup", "--list", "db")["backups"] == []
