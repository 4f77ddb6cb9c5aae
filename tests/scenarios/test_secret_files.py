"""A value that came from a secret's source stands where its manifest asked for it, and nowhere else."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.engine_room import EngineRoom, wait_for
from tests.scenarios.shipped import ShippedStack

pytestmark = pytest.mark.engine

KINDS = ("file", "env", "command")

READER = """
import hashlib, os, signal
def told(name, value): print(name, hashlib.sha256(value.encode()).hexdigest(), flush=True)
for kind in ("file", "env", "command"):
    path = "/run/secrets/from-" + kind
    told("file", open(path).read())
    told("environment", os.environ["TOKEN_" + kind.upper()])
    try:
        open(path, "w")
        print("writable", flush=True)
    except OSError:
        pass
print("all read", flush=True)
signal.signal(signal.SIGTERM, lambda *_: exit())
signal.pause()
"""
LOUD = "import os, sys; print(open('/run/secrets/from-file').read(), dict(os.environ)); sys.exit(3)"


@dataclass(frozen=True)
class Canaries(ShippedStack):
    """A stack with a secret from each kind of source, as a file and in the environment."""

    values: Mapping[str, str] = ()  # type: ignore[assignment]
    argv: Path = Path()
    """Every command line of `docker` stands in this file."""

    def run(self, *words: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        path = f"{self.argv.parent}:{os.environ['PATH']}"
        own = {"PATH": path, "CANARY": self.values["env"]}
        return super().run(*words, environ={**own, **(environ or {})})

    def manifest(self, name: str, **service: Any) -> Path:
        path = self.root / "spokes" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(service))
        return path

    def marks(self) -> list[str]:
        """What no text may hold: the part of each value that no quoting changes."""
        return [value[:24] for value in self.values.values()]

    def files_with_canaries(self) -> set[str]:
        found = set()
        for path in self.root.rglob("*"):
            if path.is_file() and any(mark.encode() in path.read_bytes() for mark in self.marks()):
                found.add(str(path.relative_to(self.root)))
        return found

    def up(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("up", "--yes", "--no-verify", *words)


@pytest.fixture
def canaries(room: EngineRoom, tmp_path: Path) -> Iterator[Canaries]:
    root, outside = tmp_path / "stack", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    values = {kind: f'{secrets.token_hex(12)}-{kind}-$HOME-$$-"it\'s"-%s\\' for kind in KINDS}
    for kind in ("file", "command"):
        (outside / kind).write_text(values[kind] + "\n")
    shim = outside / "docker"
    shim.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {outside}/argv\nexec {shutil.which("docker")} "$@"\n')
    shim.chmod(0o755)
    name = room.project()
    (root / "stack.yaml").write_text(
        json.dumps(
            {
                "name": name,
                "prober_image": room.image("python"),
                "secret_sources": {
                    "from-file": {"file": "../outside/file"},
                    "from-env": {"env": "CANARY"},
                    "from-command": {"command": ["cat", "../outside/command"]},
                },
            }
        )
    )
    stack = Canaries(root, name, values=values, argv=outside / "argv")
    stack.manifest(
        "reader",
        image=room.image("python"),
        user="65534:65534",
        command=["python3", "-c", READER],
        secrets=["from-file", "from-env", {"source": "from-command"}],
        environment={f"TOKEN_{kind.upper()}": {"secret": f"from-{kind}"} for kind in KINDS},
        restart="no",
    )
    yield stack
    stack.run("down", "--yes")


def reads(stack: Canaries) -> str:
    """What the reader's container wrote, once it has read everything or failed."""
    container = stack.container("reader")
    wait_for(
        lambda: (
            "all read" in stack.docker("logs", container)
            or "false" in stack.docker("inspect", "-f", "{{.State.Running}}", container)
        )
    )
    done = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def test_a_container_without_any_right_reads_its_secrets_as_files_and_from_its_environment(
    canaries: Canaries,
) -> None:
    done = canaries.up()
    assert done.returncode == 0, done.stdout + done.stderr
    said = reads(canaries)
    for value in canaries.values.values():
        digest = hashlib.sha256(value.encode()).hexdigest()
        assert f"file {digest}" in said
        assert f"environment {digest}" in said
    assert "writable" not in said
    inspected = json.loads(canaries.docker("inspect", canaries.container("reader")))[0]
    assert inspected["HostConfig"]["ReadonlyRootfs"]
    assert inspected["HostConfig"]["CapDrop"] == ["ALL"]
    assert inspected["Config"]["User"] == "65534:65534"


def test_on_the_host_a_secret_is_its_users_alone(canaries: Canaries) -> None:
    assert canaries.up().returncode == 0
    folder = canaries.root / ".stackctl" / "secrets"
    assert [f.stat().st_mode & 0o777 for f in (folder.parent, folder, folder / "reader")] == [0o700] * 3
    for kind in KINDS:
        found = (folder / "reader" / f"from-{kind}").stat()
        assert (found.st_mode & 0o777, found.st_uid) == (0o400, 65534 if os.geteuid() == 0 else os.geteuid())


def test_a_canary_stands_nowhere_but_where_it_was_asked_for(canaries: Canaries) -> None:
    assert canaries.up().returncode == 0
    reads(canaries)
    loud = canaries.manifest(
        "loud",
        image=json.loads((canaries.root / "spokes" / "reader.yaml").read_text())["image"],
        command=["python3", "-c", LOUD],
        secrets=["from-file"],
        environment={"TOKEN": {"secret": "from-env"}, "OTHER": {"secret": "from-command"}},
        restart="no",
    )
    shown = []
    for words in (
        "lint --verbose",
        "render",
        "render --stdout",
        "plan --verbose",
        "plan --json",
        "up --yes --verbose",
        "up --yes --json",
        "status --json",
        "status --verbose",
        "verify --json",
        "verify --verbose",
        "fingerprint --applied --json",
        "logs loud reader",
        "logs loud --json",
    ):
        done = canaries.run(*words.split())
        shown.append((words, done.stdout + done.stderr))
        assert not [mark for mark in canaries.marks() if mark in shown[-1][1]], words
        assert "bug" not in done.stderr, done.stderr
    told = dict(shown)
    assert "[redacted]" in told["up --yes --verbose"]
    assert "TOKEN" in told["up --yes --verbose"], "the last words of the failing container are shown"
    assert "[redacted]" in told["up --yes --json"]
    loud.unlink()
    assert canaries.up().returncode == 0
    # What is mounted, and what the newest good state keeps of it to go back to.
    folders = (".stackctl/secrets/reader", ".stackctl/good/1/secrets")
    found = {re.sub(r"/good/\d+/", "/good/1/", path) for path in canaries.files_with_canaries()}
    assert found == {f"{folder}/from-{kind}" for folder in folders for kind in KINDS}
    argv = canaries.argv.read_text()
    assert "compose" in argv
    assert not [mark for mark in canaries.marks() if mark in argv]
    inspected = json.loads(canaries.docker("inspect", canaries.container("reader")))[0]
    environment = inspected["Config"].pop("Env")
    assert sorted(e.partition("=")[2] for e in environment if e.startswith("TOKEN_")) == sorted(
        canaries.values.values()
    )
    assert not [mark for mark in canaries.marks() if mark in json.dumps(inspected)]


def test_a_changed_secret_is_named_and_recreates_only_who_uses_it(canaries: Canaries) -> None:
    canaries.manifest(
        "other",
        image=json.loads((canaries.root / "spokes" / "reader.yaml").read_text())["image"],
        command=["sleep", "1000"],
        init=True,
        secrets=["from-file"],
    )
    assert canaries.up().returncode == 0
    assert canaries.run("plan", "--check").returncode == 0
    assert canaries.run("status").returncode == 0
    before = canaries.container_ids()
    (canaries.argv.parent / "command").write_text("changed-and-secret\n")
    plan = canaries.run("plan", "--check")
    assert plan.returncode == 7
    assert "secret from-command changed" in plan.stdout
    assert "changed-and-secret" not in plan.stdout
    assert {row["changes"] for row in canaries.json("status")["spokes"]} == {""}, "status starts no source"
    assert canaries.up().returncode == 0
    after = canaries.container_ids()
    assert {name for name in before if before[name] != after[name]} == {"reader"}
    assert hashlib.sha256(b"changed-and-secret").hexdigest() in reads(canaries)
    assert canaries.run("plan", "--check").returncode == 0


def test_after_render_compose_alone_leaves_what_runs(canaries: Canaries) -> None:
    """Where secrets are files, Compose needs nothing from stackctl."""
    manifest = json.loads((canaries.root / "spokes" / "reader.yaml").read_text())
    canaries.manifest("reader", **{**manifest, "environment": {}, "command": ["sleep", "1000"], "init": True})
    assert canaries.up().returncode == 0
    before = canaries.container_ids()
    assert canaries.run("render").returncode == 0
    subprocess.run(["docker", "compose", "up", "-d"], cwd=canaries.root, check=True, capture_output=True)
    assert canaries.container_ids() == before


def test_what_no_spoke_names_any_more_is_taken_away(canaries: Canaries) -> None:
    assert canaries.up().returncode == 0
    manifest = json.loads((canaries.root / "spokes" / "reader.yaml").read_text())
    canaries.manifest(
        "reader", **{**manifest, "command": ["sleep", "1000"], "init": True, "secrets": ["from-env"]}
    )
    assert canaries.up().returncode == 0
    folder = canaries.root / ".stackctl" / "secrets"
    assert {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} == {"reader/from-env"}
    assert canaries.run("down", "--yes").returncode == 0
    assert not folder.exists()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"command": ["sh", "-c", "echo half; echo half broken >&2; exit 4"]}, "exit code 4"),
        ({"command": ["no-such-program"]}, "`no-such-program` is not there"),
        ({"file": "nowhere"}, "nowhere"),
        ({"env": "NOT_SET_ANYWHERE"}, "NOT_SET_ANYWHERE is not set"),
        ({"command": ["true"]}, "is empty"),
    ],
)
def test_a_source_that_fails_names_the_secret_and_changes_nothing(
    canaries: Canaries, source: dict[str, Any], said: str
) -> None:
    settings = json.loads((canaries.root / "stack.yaml").read_text())
    settings["secret_sources"]["from-file"] = source
    (canaries.root / "stack.yaml").write_text(json.dumps(settings))
    for command in ("plan", "up --yes"):
        done = canaries.run(*command.split(), "--verbose")
        assert done.returncode == 1
        assert "the secret from-file" in done.stderr
        assert said in done.stderr
        assert "hint:" in done.stderr
        assert "half" not in done.stderr.replace("echo half; echo half broken", "").replace("broken", "")
    assert canaries.container_ids() == {}
    assert canaries.files_with_canaries() == set()


def test_what_only_an_environment_holds_is_taken_out_of_logs_too(canaries: Canaries) -> None:
    """Its source is a program that `logs` does not start, so the container has to tell."""
    canaries.manifest(
        "shouter",
        image=canaries.json("show", "reader")["stanza"]["image"],
        command=[
            "python3",
            "-c",
            "import os, signal; print(os.environ['ONLY_HERE'], flush=True); signal.pause()",
        ],
        environment={"ONLY_HERE": {"secret": "only-here"}},
        stop_signal="SIGKILL",
    )
    stack = json.loads((canaries.root / "stack.yaml").read_text())
    value = secrets.token_hex(12)
    (canaries.argv.parent / "only").write_text(value)
    stack["secret_sources"]["only-here"] = {"command": ["cat", "../outside/only"]}
    (canaries.root / "stack.yaml").write_text(json.dumps(stack))
    assert canaries.up("shouter").returncode == 0
    said = wait_for(lambda: canaries.run("logs", "shouter").stdout)
    assert "[redacted]" in said
    assert value not in said
    assert value not in canaries.run("exec", "--json", "shouter", "--", "env").stdout
