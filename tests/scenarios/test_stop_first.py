"""What cannot stand beside itself stops first, and the plan says why; a job runs once for what it is."""

from __future__ import annotations

import json
import time

import pytest

from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.written import WrittenStack, health, python

pytestmark = pytest.mark.engine


def events(own: WrittenStack, since: float) -> list[str]:
    """What happened to the stack's containers, as id and action."""
    words = ("--since", f"{since:.9f}", "--until", f"{time.time():.9f}", "--format", "{{.ID}} {{.Action}}")
    return own.docker(
        "events", *words, "--filter", f"label=com.docker.compose.project={own.name}"
    ).splitlines()


def started(own: WrittenStack, spoke: str) -> str:
    return own.docker("inspect", "--format", "{{.State.StartedAt}}", own.container(spoke)).strip()


def up(own: WrittenStack) -> int:
    return own.run("up", "--yes", "--no-verify").returncode


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        ({}, "it has no health test, so nothing tells when its successor works"),
        ({"container_name": "NAME", "healthcheck": health()}, "its name is fixed"),
        ({"volumes": ["kept:/data"], "healthcheck": health()}, "it writes to volume kept at /data"),
        ({"ports": ["127.0.0.1:18123:80"], "healthcheck": health()}, "it publishes port 18123"),
    ],
    ids=["no health test", "fixed name", "data", "fixed port"],
)
def test_the_old_one_stops_before_the_new_one_starts_and_the_plan_says_why(
    own: WrittenStack, room: EngineRoom, stated: dict[str, object], reason: str
) -> None:
    own.settings(room, volumes={"kept": {}})
    stated = {key: value if value != "NAME" else f"{own.name}-fixed" for key, value in stated.items()}
    own.write(room, app=python(environment={"LEVEL": "info"}, **stated))
    assert own.run("up", "--yes", "--no-verify", "--allow-exposure").returncode == 0
    old = own.container("app")
    own.write(room, app=python(environment={"LEVEL": "debug"}, **stated))
    assert f"the old one stops first: {reason}" in " ".join(own.run("plan").stdout.split())
    since = time.time()
    assert up(own) == 0
    happened = events(own, since)
    assert happened.index(f"{old} die") < happened.index(f"{own.container('app')} start")


def test_a_job_runs_once_for_what_it_is_and_again_once_that_changed(
    own: WrittenStack, room: EngineRoom
) -> None:
    def job(level: str) -> dict[str, object]:
        return {**python("print('done')", environment={"LEVEL": level}), "kind": "job", "restart": "no"}

    own.write(room, job=job("info"), app=python(healthcheck=health()))
    assert up(own) == 0
    first, at = own.container("job"), started(own, "job")
    own.write(room, app=python(healthcheck=health(), environment={"LEVEL": "debug"}))
    assert up(own) == 0
    assert (own.container("job"), started(own, "job")) == (first, at), "another spoke changed"
    own.write(room, job=job("debug"))
    verbs = {a["spoke"]: a["verb"] for a in json.loads(own.run("plan", "--json").stdout)["plan"]["actions"]}
    assert verbs["job"] == "recreate"
    assert up(own) == 0
    assert own.container("job") != first
    assert "done" in own.docker("logs", own.container("job"))
    assert own.run("plan", "--check").returncode == 0
