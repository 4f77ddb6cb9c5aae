"""A project that plain Compose runs is adopted: nothing of it is replaced until something really changes."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.shipped import REPOSITORY, ShippedStack
from tests.shown import Shown, blocks, commands

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


def test_what_was_adopted_carries_no_label_and_is_told_by_its_fields(project: ShippedStack) -> None:
    results = project.json("verify", "web", "store")["results"]
    seen = {(r["check"]["spoke"], r["check"]["code"]): (r["outcome"], r["saw"]) for r in results}
    for spoke in ("web", "store"):
        assert seen[spoke, "CK104"] == ("passed", "labels pending, and every field is as declared")


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


# ---- the page about it


def test_every_command_of_the_page_on_adopting_runs(room: EngineRoom, tmp_path: Path) -> None:
    """In its order, in the project that it describes; the stack runs from its first `up` on."""
    shown = blocks(REPOSITORY / "docs" / "adopt.md")
    name, home = room.project(), tmp_path / "home"
    compose = next(block.text for block in shown if block.text.startswith("# docker-compose.yml"))
    compose = compose.replace("name: home", f"name: {name}").replace(
        "traefik/whoami:v1.11.0", room.image("whoami")
    )
    for path, text in {
        "docker-compose.yml": compose,
        "notes/front.md": next(block.text for block in shown if block.language == "markdown"),
        "site/index.html": "",
        "prod/more.yml": "services: {web: {labels: {stage: prod}}}\n",
        "prod.env": "GREETING=prod\n",
        "media/docker-compose.yml": "name: media\nservices: {films: {image: 'films:1', volumes: ['kept:/kept']}}\nvolumes: {kept: }\n",
        "web/docker-compose.yml": "name: web\nservices: {pages: {image: 'pages:1', volumes: ['kept:/kept']}}\nvolumes: {kept: }\n",
    }.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text)
    run = {"cwd": home, "capture_output": True, "text": True, "timeout": 180}
    up = subprocess.run(["docker", "compose", "up", "-d"], check=False, **run)  # type: ignore[call-overload]
    assert up.returncode == 0, up.stderr
    stack = ShippedStack(home / "homelab", name)
    before = alive(stack)
    manifest = next(block.text for block in shown if block.text.startswith("# homelab/spokes/web.yaml"))
    try:
        for block in shown:
            if block.text == manifest:
                path = stack.root / "spokes" / "web.yaml"
                path.write_text(path.read_text() + manifest)
            for command in commands(block):
                typed(command, stack, home)
                if command.line == "stackctl up":
                    assert alive(stack) == before
        after = alive(stack)
        assert (after["app"], after["web"] != before["web"]) == (before["app"], True)
    finally:
        stack.run("down", "--yes")
        stack.docker("volume", "rm", "-f", f"{name}_data")
    assert "(differs from what runs)" in (stack.root / "spokes" / "web.md").read_text()
    merged = (home / "one" / "stack.yaml").read_text()
    assert "web_kept:\n    external: true" in merged
    assert {path.name for path in (home / "stacks").iterdir()} == {"media", "web"}


def typed(command: Shown, stack: ShippedStack, home: Path) -> None:
    if command.words[0] == "cd":
        local = {"prober_image": YAML(typ="safe").load(REPOSITORY / "stack.local.yaml")["prober_image"]}
        (stack.root / "stack.local.yaml").write_text(json.dumps(local))
        return
    _, verb, *words = command.words
    if verb == "adopt":
        shutil.rmtree(home / f"{stack.name}-stack", ignore_errors=True)
        done = ShippedStack(home, stack.name).run(verb, *words)
    elif verb == "up":
        done = stack.at_a_terminal("y\n", verb, *words)
    else:
        done = stack.run(verb, *words)
    assert done.returncode == command.exits, (
        f"{command.line}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    )
