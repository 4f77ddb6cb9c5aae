"""A project that plain Compose runs is adopted: nothing of it is replaced until something really changes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.shipped import ShippedStack

pytestmark = [pytest.mark.engine, pytest.mark.slow]

COMPOSE = """\
name: {project}
x-common: &common
  restart: unless-stopped
  stop_signal: SIGKILL
  labels: {{team: "${{TEAM}}"}}
services:
  # Serves.
  web:
    <<: *common
    image: {image}
    command: python3 -m http.server ${{PORT:-8000}}
    env_file: web.env
    volumes: ["./site:/site", "kept:/kept", /anonymous, "./conf.txt:/conf.txt:ro"]
    environment: {{A: "1", PASSED: , TWICE: "a$$b"}}
    networks: {{default: {{aliases: [w]}}, back: }}
    ports: ["127.0.0.1::8000"]
    depends_on: {{store: {{condition: service_healthy}}}}
    healthcheck: {{test: "exit 0", interval: 1s}}
    ulimits: {{nofile: 1024}}
    extra_hosts: ["other:10.0.0.1"]
    tmpfs: /scratch
    configs: [given]
  store:
    <<: *common
    image: {image}
    entrypoint: [python3, -c]
    command: ["import time; time.sleep(3600)"]
    healthcheck: {{test: [CMD, python3, -c, pass], interval: 1s}}
    volumes: ["kept:/data:ro", {{type: tmpfs, target: /run, tmpfs: {{size: 1000000}}}}]
    user: "1000:1000"
    mem_limit: 64m
    read_only: true
    cap_drop: [ALL]
    networks: [back]
  sometimes:
    image: {image}
    profiles: [extra]
    command: [python3, -c, "import time; time.sleep(3600)"]
    stop_signal: SIGKILL
networks:
  back: {{internal: true}}
volumes:
  kept:
configs:
  given: {{file: ./conf.txt}}
"""


@pytest.fixture(scope="module")
def project(room: EngineRoom, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShippedStack]:
    """Running by Compose alone, and adopted beside itself."""
    folder = tmp_path_factory.mktemp("running") / "project"
    folder.mkdir()
    name = room.project()
    (folder / "docker-compose.yml").write_text(COMPOSE.format(project=name, image=room.image("python")))
    (folder / "web.env").write_text("FROM_FILE=yes\n")
    (folder / "conf.txt").write_text("conf\n")
    (folder / ".env").write_text("TEAM=a\n")
    compose = ["docker", "compose", "--profile", "*"]
    up = subprocess.run([*compose, "up", "-d"], cwd=folder, capture_output=True, text=True, timeout=180)
    assert up.returncode == 0, up.stderr
    stack = ShippedStack(folder.parent / "adopted", name)
    stack.root.mkdir()
    (stack.root / "stack.yaml").write_text("name: x\n")
    adopting = stack.run("adopt", "-C", str(folder), "--out", "../made")
    assert adopting.returncode == 0, adopting.stdout + adopting.stderr
    yield ShippedStack(folder.parent / "made", name)
    subprocess.run([*compose, "down", "-v", "-t", "0"], cwd=folder, capture_output=True, timeout=120)


def alive(stack: ShippedStack) -> dict[str, str]:
    """Service -> id of its container and when that started."""
    label = f"label=com.docker.compose.project={stack.name}"
    form = '{{index .Config.Labels "com.docker.compose.service"}} {{.Id}} {{.State.StartedAt}}'
    ids = stack.docker("ps", "-q", "--no-trunc", "--filter", label).split()
    lines = stack.docker("inspect", "-f", form, *ids).splitlines()
    return dict(line.split(" ", 1) for line in lines)


def test_the_first_plan_says_labels_pending_and_changes_nothing(project: ShippedStack) -> None:
    document = project.json("plan", "--profile", "extra")
    told = {a["spoke"]: (a["verb"], [c["field"] for c in a["causes"]]) for a in document["plan"]["actions"]}
    assert told == dict.fromkeys(("web", "store", "sometimes"), ("nothing", ["labels pending"]))
    assert project.run("plan", "--profile", "extra", "--check").returncode == 0
    assert "labels pending" in project.run("plan").stdout


def test_up_recreates_nothing_and_a_real_change_only_what_changed(project: ShippedStack) -> None:
    before = alive(project)
    assert len(before) == 3
    done = project.run("up", "--yes", "--no-verify", "--profile", "extra")
    assert done.returncode == 0, done.stdout + done.stderr
    assert alive(project) == before
    manifest = project.root / "spokes" / "store.yaml"
    manifest.write_text(manifest.read_text().replace("64m", "96m"))
    actions = {
        a["spoke"]: a["verb"] for a in json.loads(project.run("plan", "--json").stdout)["plan"]["actions"]
    }
    assert actions == {"web": "nothing", "store": "recreate"}
    done = project.run("up", "--yes", "--no-verify")
    assert done.returncode == 0, done.stdout + done.stderr
    after = alive(project)
    assert after["web"] == before["web"]
    assert after["sometimes"] == before["sometimes"]
    assert after["store"] != before["store"]
    assert project.run("plan", "--check").returncode == 0
    assert Path(project.root, "ADOPTED.md").exists()
