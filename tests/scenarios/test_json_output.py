"""Every command, run for real with `--json`: each line that it prints is one that its schema declares."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackctl.json_schema import ANSWERS
from tests.json_lines import valid
from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.shipped import ShippedStack

pytestmark = [pytest.mark.engine, pytest.mark.slow]

RUNS = """
init ../fresh --name fresh
new other --image {image} --kind app --manifest-only
lint
lint --fix
lint --explain SC202
edit other --manifest
render
render --check
render --stdout
plan --check
new nightly --image {image} --kind job --schedule @daily --manifest-only
schedule nightly
schedule nightly --cron
up web --yes --no-verify
status
verify web
fingerprint --applied
show web
restart web
stop web
pull web
up web --yes
logs web
exec web -- echo hello
rename other another --yes
remove another --yes
up other --yes
policy web
docs sync
docs sync --check
schema stack
graph
graph --observed
ca
doctor web
history
records
backup --list
restore web --yes
rollback --yes
pin --check
export ../web.tar
import ../web.tar ../imported
adopt --out ../adopted
version
down --yes
"""
"""One after the other on one stack; some fail, and that is valid too."""


@pytest.fixture
def stack(room: EngineRoom, tmp_path: Path) -> Iterator[ShippedStack]:
    root = tmp_path / "stack"
    (root / "spokes").mkdir(parents=True)
    settings = {"name": room.project(), "prober_image": room.image("python")}
    (root / "stack.yaml").write_text(json.dumps(settings))
    server = ["python3", "-m", "http.server", "8080"]
    web = {
        "image": room.image("python"),
        "user": "65534",
        "command": server,
        "init": True,
        "networks": ["proxy"],
        "volumes": ["data:/data"],
        "checks": [{"from": "proxy", "request": "http://web:8080/", "expect": {"status": 200, "body": "x"}}],
    }
    (root / "spokes" / "web.yaml").write_text(json.dumps(web))
    made = ShippedStack(root, settings["name"])
    yield made
    made.run("down", "--yes")


def test_each_command_prints_what_its_schema_declares(stack: ShippedStack, room: EngineRoom) -> None:
    done = {}
    for line in RUNS.format(image=room.image("python")).split("\n"):
        if words := line.split():
            ended = stack.run(words[0], "--json", *words[1:], environ={"EDITOR": "true"})
            assert ended.stdout or words[0] == "policy", (line, ended.stderr)
            assert "Traceback" not in ended.stderr
            done[line] = ended.returncode
    assert {line.split()[0] for line in done} == set(ANSWERS)
    assert {line: code for line, code in done.items() if code} == {
        "plan --check": 7,
        "verify web": 8,
        "up web --yes": 8,
        "up other --yes": 2,
        "ca": 1,
        "doctor web": 8,
        "restore web --yes": 1,
        "pin --check": 1,
        **{line: code for line, code in done.items() if line == "policy web"},
    }


@pytest.mark.parametrize("command", ["plan", "up --yes", "status", "verify", "fingerprint --applied"])
def test_errors_are_documents_too(stack: ShippedStack, command: str) -> None:
    nowhere = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}
    document = valid(command.split()[0], stack.run(*command.split(), "--json", environ=nowhere).stdout)[-1]
    assert "no Docker Engine answers" in document["error"]["message"]
    (stack.root / "spokes" / "web.yaml").write_text("enviroment: {}\n")
    document = valid(command.split()[0], stack.run(*command.split(), "--json").stdout)[-1]
    assert document["exit"] == 3
    assert {f["code"] for f in document["error"]["findings"]} == {"SC102", "SC201"}


def test_a_stream_of_states_is_valid_line_by_line(stack: ShippedStack) -> None:
    watch = [sys.executable, "-m", "stackctl", "status", "--watch", "--json"]
    with subprocess.Popen(watch, cwd=stack.root, env=os.environ, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        line = child.stdout.readline()
        child.terminate()
    assert valid("status", line)[0]["event"] == "watched"
