"""What following another container owes: whoever lives in its namespace comes along, and nobody else does."""

from __future__ import annotations

from collections.abc import Mapping
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
) -> list[tuple[str, str]]:
    running = {"inside": own, "app": (owner or container("app"),)}
    decided = {"app": Action("app", verb, (EDITED,))}
    spoke = Spoke("inside", kind, service)
    return [(cause.who.value, cause.field) for cause in followed_by(spoke, running, decided)]


NETWORK = {"network_mode": "service:app"}
INSIDE = container("inside", NetworkMode="container:app")
ASKED = {"depends_on": {"app": {"condition": "service_started", "restart": True}}}


@pytest.mark.parametrize("verb", [Verb.RECREATE, Verb.CREATE, Verb.START])
def test_a_namespace_that_is_made_anew_takes_along_who_lives_in_it(verb: Verb) -> None:
    assert why(NETWORK, INSIDE, verb=verb) == [("you", "app")]


@pytest.mark.parametrize(
    ("key", "mode"),
    [("network_mode", "NetworkMode"), ("pid", "PidMode"), ("ipc", "IpcMode"), ("uts", "UTSMode")],
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


def test_what_does_not_run_follows_nobody_and_a_job_never_runs_again_for_that() -> None:
    assert why(NETWORK, verb=Verb.RECREATE) == []
    assert why(NETWORK, container("inside", state="exited"), verb=Verb.RECREATE) == []
    assert why(NETWORK, INSIDE, verb=Verb.RECREATE, kind=Kind.JOB) == []
