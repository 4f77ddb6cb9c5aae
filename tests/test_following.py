"""What following another container owes: whoever lives in its namespace comes along, and nobody else does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from stackctl.following import followed_by
from stackctl.model import Action, Cause, Container, Kind, Spoke, Verb, Who

EDITED = Cause(Who.YOU, "environment.A", "1", "2")


def container(spoke: str, began: str = "05Z", state: str = "running", **host: str) -> Container:
    inspect = {"HostConfig": host, "State": {"StartedAt": f"2026-01-01T00:00:{began}"}}
    return Container(spoke, spoke, "", "", state, "", 0, 0, {}, {}, (), (), inspect)


def why(
    service: Mapping[str, Any],
    *own: Container,
    verb: Verb = Verb.NOTHING,
    kind: Kind = Kind.APP,
    owner: Container | None = None,
    schedule: str = "",
) -> list[tuple[str, str]]:
    running = {"inside": own, "app": (owner or container("app"),)}
    decided = {"app": Action("app", verb, (EDITED,))}
    spoke = Spoke("inside", kind, service, schedule=schedule)
    return [(cause.who.value, cause.field) for cause in followed_by(spoke, running, decided)]


NETWORK = {"network_mode": "service:app"}
INSIDE = container("inside", NetworkMode="container:app")
ASKED = {"depends_on": {"app": {"condition": "service_started", "restart": True}}}


@pytest.mark.parametrize("verb", [Verb.RECREATE, Verb.CREATE, Verb.START])
def test_a_namespace_that_is_made_anew_takes_along_who_lives_in_it(verb: Verb) -> None:
    assert why(NETWORK, INSIDE, verb=verb) == [("you", "app")]


@pytest.mark.parametrize(
    ("key", "mode"),
    [("network_mode", "NetworkMode"), ("pid", "PidMode"), ("ipc", "IpcMode")],
)
def test_who_was_left_behind_is_told_whatever_the_namespace(key: str, mode: str) -> None:
    declared = {key: "service:app"}
    assert why(declared, container("inside", **{mode: "container:app"})) == []
    assert why(declared, container("inside", **{mode: "container:gone"})) == [("the host", key)]
    ran_anew = container("app", began="05.000001Z")
    assert why(declared, container("inside", **{mode: "container:app"}), owner=ran_anew) == [
        ("the host", key)
    ]


def test_who_asked_to_be_restarted_follows_a_new_container_and_nothing_less() -> None:
    assert why(ASKED, container("inside"), verb=Verb.RECREATE) == [("you", "app")]
    for verb in (Verb.START, Verb.CREATE, Verb.RELOAD, Verb.NOTHING):
        assert why(ASKED, container("inside"), verb=verb) == []


def test_who_only_waits_for_it_stays() -> None:
    assert why({"depends_on": {"app": {}}}, container("inside"), verb=Verb.RECREATE) == []


@pytest.mark.parametrize("state", ["exited", "created", "restarting"])
def test_what_cannot_start_any_more_is_made_anew_whatever_its_state(state: str) -> None:
    left = container("inside", state=state, NetworkMode="container:gone")
    assert why(NETWORK, left) == [("the host", "network_mode")]
    stopped = container("inside", began="01Z", state=state, NetworkMode="container:app")
    assert (why(NETWORK, stopped) == []) is (state != "restarting"), "a start joins what is there then"
    assert why(NETWORK, stopped, verb=Verb.RECREATE) == [("you", "app")]


def test_who_asked_to_be_restarted_and_does_not_run_follows_nobody() -> None:
    assert why(ASKED, container("inside", state="exited"), verb=Verb.RECREATE) == []
    assert why(NETWORK, verb=Verb.RECREATE) == []


def test_a_job_that_ran_to_its_end_is_not_run_again_unless_a_timer_is_to_start_its_container() -> None:
    ended = container("inside", state="exited", NetworkMode="container:gone")
    assert why(NETWORK, ended, kind=Kind.JOB) == []
    assert why(NETWORK, ended, kind=Kind.JOB, schedule="daily") == [("the host", "network_mode")]
    failed = replace(ended, exit_code=1)
    assert why(NETWORK, failed, kind=Kind.JOB) == [("the host", "network_mode")]
