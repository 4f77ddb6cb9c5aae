"""When a started container counts as working, and what failures of Compose mean; no Engine is needed."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from stackctl.apply import apply
from stackctl.apply.trouble import blamed, explained
from stackctl.apply.wait import (
    JOB_WITHIN,
    RESTARTS,
    RUNNING_WITHIN,
    SLACK,
    STABLE,
    Watch,
    judge,
    patience,
    watch,
)
from stackctl.compose import Compose
from stackctl.endpoint import Endpoint
from stackctl.engine import Engine
from stackctl.model import Action, Kind, Observed, Plan, Stack, Stanza, Verb
from stackctl.observe import container
from stackctl.process import Completed

SEEN: dict[str, Any] = json.loads((Path(__file__).parent / "observed" / "full.json").read_text())["inspect"]
CHECKED = {
    "Test": ["CMD", "x"],
    "Interval": 2 * 10**9,
    "Timeout": 10**9,
    "Retries": 5,
    "StartPeriod": 3 * 10**9,
}


def seen(status: str = "running", *, check: Stanza | None = None, restarts: int = 0, **state: Any) -> Stanza:
    inspect = copy.deepcopy(SEEN)
    inspect["Config"]["Healthcheck"] = check
    inspect["RestartCount"] = restarts
    inspect["State"] = {"Status": status, "StartedAt": "t0", **state}
    return dict(inspect)


def health(status: str, *said: str) -> dict[str, Any]:
    return {"check": CHECKED, "Health": {"Status": status, "Log": [{"Output": text} for text in said]}}


def begun(inspect: Stanza, kind: Kind = Kind.APP) -> Watch:
    return watch(container(inspect), kind, 100.0)


def verdict(inspect: Stanza, *, at: float = 100.0, kind: Kind = Kind.APP) -> tuple[bool, str] | None:
    _, found = judge(begun(inspect, kind), inspect, at)
    return found and (found.ok, found.detail)


LATE = 10_000.0


@pytest.mark.parametrize(
    ("inspect", "at", "kind", "expected"),
    [
        (seen(), 100.0, Kind.APP, None),
        (seen(), 100.0 + STABLE, Kind.APP, (True, "running")),
        (seen(check={"Test": ["NONE"]}), 100.0 + STABLE, Kind.APP, (True, "running")),
        (seen("created"), 100.0, Kind.APP, None),
        (seen("created"), LATE, Kind.APP, (False, "was not running after 30 s")),
        (seen("exited", ExitCode=3), 100.0, Kind.APP, (False, "exited with code 3")),
        (seen("exited", ExitCode=0), 100.0, Kind.APP, (False, "exited with code 0")),
        (seen("exited", ExitCode=127, Error="no x"), 100.0, Kind.APP, (False, "exited with code 127 (no x)")),
        (
            seen("exited", ExitCode=137, OOMKilled=True),
            100.0,
            Kind.APP,
            (False, "was killed because it used more memory than its limit"),
        ),
        (seen("restarting", ExitCode=1, restarts=RESTARTS), 100.0, Kind.APP, None),
        (
            seen("restarting", ExitCode=1, restarts=3),
            100.0,
            Kind.APP,
            (False, "exited with code 1, 3 times over"),
        ),
        (seen(**health("starting")), 100.0 + STABLE, Kind.APP, None),
        (seen(**health("healthy")), 100.0, Kind.APP, (True, "healthy")),
        (seen(**health("unhealthy")), 100.0, Kind.APP, (False, "is unhealthy")),
        (
            seen(**health("unhealthy", "first", "a\nlast\n")),
            100.0,
            Kind.APP,
            (False, "is unhealthy; its last probe said: last"),
        ),
        (
            seen(check=CHECKED, Health={"Status": "unhealthy", "Log": [{"Output": "", "ExitCode": 1}]}),
            100.0,
            Kind.APP,
            (False, "is unhealthy; its last probe said nothing and ended with 1"),
        ),
        (
            seen(**health("starting", "slow")),
            LATE,
            Kind.APP,
            (False, "was not healthy after 28 s; its last probe said: slow"),
        ),
        (seen("exited", ExitCode=0), 100.0, Kind.JOB, (True, "done")),
        (seen("exited", ExitCode=2), 100.0, Kind.JOB, (False, "exited with code 2")),
        (seen(), 100.0 + STABLE, Kind.JOB, None),
        (seen(**health("healthy")), 100.0, Kind.JOB, None),
        (seen(), LATE, Kind.JOB, (False, "was not done after 3600 s")),
        ({}, 100.0, Kind.APP, (False, "was removed while it started")),
    ],
)
def test_a_state_means(inspect: Stanza, at: float, kind: Kind, expected: tuple[bool, str] | None) -> None:
    if not inspect:
        _, found = judge(begun(seen()), inspect, at)
        assert found is not None
        assert (found.ok, found.detail) == expected
        return
    assert verdict(inspect, at=at, kind=kind) == expected


def test_a_restart_begins_the_time_of_steady_running_anew() -> None:
    looked, none = judge(begun(seen()), seen(restarts=1, StartedAt="t1"), 100.0 + STABLE)
    assert none is None
    assert looked.due == 100.0 + 2 * STABLE
    assert judge(looked, seen(restarts=1, StartedAt="t1"), looked.due)[1] is not None


def test_patience_follows_the_healthcheck() -> None:
    assert patience(container(seen(check=CHECKED)), Kind.APP) == 3 + 5 * (2 + 1) + SLACK
    assert patience(container(seen(check={"Test": ["CMD", "x"]})), Kind.APP) == 3 * (30 + 30) + SLACK
    assert patience(container(seen()), Kind.APP) == RUNNING_WITHIN
    assert patience(container(seen(check=CHECKED)), Kind.JOB) == JOB_WITHIN


def test_a_look_is_due_only_when_time_alone_can_change_the_verdict() -> None:
    assert begun(seen()).due == 100.0 + STABLE
    assert begun(seen("created")).due == 100.0 + RUNNING_WITHIN
    assert begun(seen(**health("starting"))).due == 100.0 + 28
    assert begun(seen(), Kind.JOB).due == 100.0 + JOB_WITHIN


# ---- what Compose says


def failed(stderr: str) -> Completed:
    return Completed(("docker", "compose", "up"), 1, "", stderr, 1.0)


@pytest.mark.parametrize(
    ("stderr", "message"),
    [
        (
            "driver failed programming external connectivity on endpoint lab-web-1 "
            "(ab12): Bind for 127.0.0.1:8080 failed: port is already allocated",
            "web: the port 127.0.0.1:8080 is already taken on this host",
        ),
        (
            "failed to set up container networking: driver failed on endpoint lab-web-1: "
            "failed to bind host port for 0.0.0.0:80:172.18.0.2:80/tcp: "
            "address already in use",
            "web: the port 0.0.0.0:80 is already taken on this host",
        ),
        (
            "Error starting userland proxy: listen tcp4 127.0.0.1:80: bind: address already in use",
            "web: the port 127.0.0.1:80 is already taken on this host",
        ),
        ("write /x: no space left on device", "web: the disk is full"),
        ("Error response from daemon: No such image: app:1", "web: the image app:1 is not to be had"),
        (
            "Error response from daemon: pull access denied for app, repository does not exist",
            "web: the image app is not to be had",
        ),
        (
            "Error response from daemon: manifest for app:9 not found: manifest unknown: manifest unknown",
            "web: the image app:9 is not to be had",
        ),
        (
            'Error response: Get "https://r.example/v2/": dial tcp: lookup r.example on 1.1.1.1:53: '
            "no such host",
            "web: the registry r.example cannot be reached",
        ),
        (
            'Error response from daemon: Get "http://127.0.0.1:9/v2/": dial tcp 127.0.0.1:9: connect: '
            "connection refused",
            "web: the registry 127.0.0.1:9 cannot be reached",
        ),
        (
            "network x_y declared as external, but could not be found",
            "web: the external network x_y does not exist",
        ),
        (
            'invalid mount config for type "bind": bind source path does not exist: /nowhere',
            "web: the host has no /nowhere to mount",
        ),
        (
            "failed to create network lab_proxy: Error response from daemon: could not find an available, "
            "non-overlapping IPv4 address pool among the defaults to assign to the network",
            "web: the Docker Engine has no addresses left for another network",
        ),
        (
            'Conflict. The container name "/web" is already in use by container "12". You have to remove',
            "web: another container is already called web",
        ),
        ("Cannot connect to the Docker daemon at unix:///x. Is it", "web: the Docker Engine does not answer"),
        (
            'error during connect: Post "http://127.0.0.1:1/v1.41/x": dial tcp 127.0.0.1:1: connect: '
            "connection refused",
            "web: the Docker Engine does not answer",
        ),
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///x: dial unix",
            "web: no permission to use the Docker Engine",
        ),
        (
            "failed to register layer: write /usr/lib/x.so: no space left on device",
            "web: the disk is full",
        ),
    ],
)
def test_a_known_failure_is_one_sentence_with_a_hint(stderr: str, message: str) -> None:
    error = explained(failed(stderr), "docker compose up", "web")
    assert error.message == message
    assert error.hint
    assert stderr in error.detail


def test_an_unknown_failure_is_told_in_composes_last_words() -> None:
    error = explained(failed(" Container lab-web-1  Creating\nsomething odd\n"), "docker compose up")
    assert error.message == "docker compose up failed: something odd"
    assert explained(failed(""), "the pull", "web").message == "web: the pull failed: exit code 1"


def test_blame_falls_on_the_service_that_the_error_names_and_else_on_none() -> None:
    named = failed(" Container lab-a-1  Started\nError response from daemon: endpoint lab-b-1 (12): Bind")
    assert blamed(named, "lab", ("a", "b")) == "b"
    assert blamed(failed("Error: disk"), "lab", ("a", "b")) == ""
    assert blamed(failed("Error: disk"), "lab", ("a",)) == "a"


def test_a_plan_without_changes_asks_nobody(tmp_path: Path) -> None:
    nowhere = Engine(Endpoint(f"unix://{tmp_path}/none.sock"))
    plan = Plan((Action("web", Verb.NOTHING),))
    done = apply(
        plan,
        stack=Stack("lab", ()),
        wanted={},
        observed=Observed("lab", ()),
        engine=nowhere,
        compose=Compose("lab", tmp_path / "nowhere"),
        complete=lambda: pytest.fail("nothing was to be completed"),
    )
    assert list(done) == []
