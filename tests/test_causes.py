"""What a plan owes to whoever asks why: the field, the place, who moved it, and never a secret."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stackctl import fingerprint
from stackctl.findings import Location
from stackctl.model import (
    Action,
    Cause,
    Kind,
    Observed,
    Route,
    Spoke,
    Stack,
    Verb,
    Who,
)
from stackctl.plan import plan
from tests.planned import (
    BUNDLE,
    HERE,
    IMAGE_ID,
    OTHER_KEY,
    PROJECT,
    SEEN,
    applied,
    decide,
    running,
    spoke,
    told,
    want,
)

# ---- who and why

NEW = {"stackctl.fingerprint": "1.new"}


def test_a_change_of_the_files_names_its_field_its_place_and_you() -> None:
    action = decide(want(labelled=NEW, user="7:7"), running())
    assert action == Action("full", Verb.RECREATE, (Cause(Who.YOU, "user", "1000:1000", "7:7", HERE),))


def test_a_change_of_the_files_names_the_inputs_that_moved() -> None:
    before = {"stackctl.inputs": "config=11111111,image=22222222,route=33333333"}
    after = {**NEW, "stackctl.inputs": "config=99999999,image=22222222"}
    causes = decide(want(labelled=after), running(labelled=before)).causes
    assert [(c.who, c.field, c.old, c.new) for c in causes] == [
        (Who.YOU, "input config", "11111111", "99999999"),
        (Who.YOU, "input route", "33333333", ""),
    ]


def test_a_change_of_the_files_that_shows_nowhere_still_has_a_cause() -> None:
    assert told(decide(want(labelled=NEW), running())) == (Verb.RECREATE, [(Who.YOU, "stackctl.fingerprint")])


def test_a_route_that_the_edge_has_in_a_file_leaves_the_container_alone() -> None:
    def inputs(stanza: str = "3", **route: str) -> dict[str, str]:
        told = {"config": "1", "image": "2", "stanza": stanza, **route}
        pairs = (f"{name.replace('_', '-')}={digest * 8}" for name, digest in sorted(told.items()))
        return {"stackctl.inputs": ",".join(pairs)}

    nowhere = {"stackctl.inputs": f"route={fingerprint.sha256([])[:32]}"}
    made_of, moved = inputs(edge_route="4"), inputs(edge_route="5")
    with_route, other = inputs(route="4"), inputs("9", edge_route="4")
    for labelled, before, verb in (
        (made_of, made_of, Verb.NOTHING),
        (made_of, moved, Verb.NOTHING),
        (with_route, with_route, Verb.RECREATE),
        (made_of, other, Verb.RECREATE),
        (made_of, with_route, Verb.RECREATE),
        (made_of, {**made_of, "stackctl.fingerprint": "0.old"}, Verb.RECREATE),
        (made_of, {**made_of, "stackctl.fingerprint": ""}, Verb.RECREATE),
    ):
        has = {"stackctl.fingerprint": "1.old", **before}
        assert decide(want(labelled={**NEW, **labelled}), running(labelled=has)).verb is verb, before
    # The first route, and none any more.
    none = inputs() | {"stackctl.inputs": f"{inputs()['stackctl.inputs']},{nowhere['stackctl.inputs']}"}
    for before, wanted, verb in (
        (none, made_of, Verb.NOTHING),
        (made_of, none, Verb.NOTHING),
        (none, with_route, Verb.RECREATE),
        (with_route, none, Verb.RECREATE),
    ):
        has = {"stackctl.fingerprint": "1.old", **before}
        assert decide(want(labelled={**NEW, **wanted}), running(labelled=has)).verb is verb, (before, wanted)
    # Where the fingerprint is the same, and only where the edge finds the route has changed.
    for before, wanted, verb in (
        (made_of, with_route, Verb.RECREATE),
        (with_route, made_of, Verb.NOTHING),
        (made_of, nowhere, Verb.NOTHING),
    ):
        has, should = {**NEW, **before}, {**NEW, **wanted}
        assert decide(want(labelled=should), running(labelled=has)).verb is verb, (before, wanted)


def test_a_label_that_a_route_makes_is_told_where_the_route_is_stated() -> None:
    places = {("route",): Location("web.md", 6, 1), ("route", "0", "port"): Location("web.md", 7, 1)}
    web = replace(spoke("full"), routes=(Route(("web.localhost",), 80),), places=places)
    label = "traefik.http.services.web.loadbalancer.server.port"
    has = running(labelled={label: "80"})
    causes = decide(want(labelled={**NEW, label: "8080"}), has, of=web).causes
    assert [(c.old, c.new, c.at and c.at.line) for c in causes] == [("80", "8080", 7)]


def test_an_input_of_a_shorter_label_moved_only_where_its_digits_did() -> None:
    before = {"stackctl.inputs": "config=11111111,image=22222222"}
    after = {**NEW, "stackctl.inputs": f"config=11111111{'a' * 24},image={'3' * 32}"}
    causes = decide(want(labelled=after), running(labelled=before)).causes
    assert [(c.field, c.old, c.new) for c in causes] == [("input image", "22222222", "3" * 12)]


def test_a_container_without_a_fingerprint_is_recreated() -> None:
    action = decide(want(), running(without=("stackctl.fingerprint", "stackctl.inputs")))
    assert told(action) == (Verb.RECREATE, [(Who.YOU, "stackctl.fingerprint")])


def test_a_field_that_moved_under_the_same_fingerprint_is_the_hosts() -> None:
    action = decide(want(ports=[{"target": 80, "published": "81", "host_ip": "127.0.0.1"}]), running())
    assert action == Action(
        "full", Verb.RECREATE, (Cause(Who.HOST, "ports.80/tcp", "127.0.0.1:any port", "127.0.0.1:81"),)
    )


def test_another_reference_under_the_same_fingerprint_is_the_hosts() -> None:
    action = decide(want(image="mirror/app:1", image_id="sha256:" + "9" * 64), running())
    assert [(c.who, c.field, c.new) for c in action.causes] == [(Who.HOST, "image", "mirror/app:1")]


def test_the_same_reference_with_another_image_is_the_images() -> None:
    action = decide(want(image_id="sha256:" + "9" * 64), running())
    assert action.verb is Verb.RECREATE
    assert [(c.who, c.field, c.new) for c in action.causes] == [(Who.IMAGE, "image", "9" * 12)]


MOVED = "sha256:" + "9" * 64


@pytest.mark.parametrize(
    ("names", "who"),
    [
        ({"stackctl.local/python@sha256:1": MOVED, "stackctl.local/python:3.13-alpine": MOVED}, Who.IMAGE),
        ({"other@sha256:1": MOVED, "stackctl.local/python:3.13-alpine": MOVED}, Who.HOST),
        ({"stackctl.local/python@sha256:1": IMAGE_ID, "stackctl.local/python:3.13-alpine": MOVED}, Who.HOST),
    ],
    ids=["pulled", "tagged by hand", "tagged by hand after a pull"],
)
def test_a_tag_that_somebody_moved_by_hand_is_the_hosts(names: dict[str, str], who: Who) -> None:
    observed = Observed(PROJECT, (running(),), images=names, image_defaults={IMAGE_ID: SEEN["image_config"]})
    found = plan(Stack(PROJECT, (spoke(),)), BUNDLE, {"full": want(image_id=MOVED)}, observed, ())
    assert [(c.who, c.field) for c in found.actions[0].causes] == [(who, "image")]


def test_a_rendered_file_that_somebody_altered_is_the_hosts() -> None:
    altered = replace(want(), altered=("rendered/full/a.yml",))
    assert told(decide(altered, running())) == (
        Verb.RECREATE,
        [(Who.HOST, "content of rendered/full/a.yml changed")],
    )


def test_an_image_that_is_not_here_any_more_recreates_nothing() -> None:
    assert decide(want(image_id=""), running()) == Action("full", Verb.NOTHING)


@pytest.mark.parametrize(
    "name", ["API_TOKEN", "DB_PASSWORD", "APP_SECRET", "SSH_KEY", "api_key", "DATABASE_URL"]
)
def test_a_value_under_a_secret_looking_name_is_never_shown(name: str) -> None:
    environment = {**SEEN["stanza"]["environment"], name: "hunter2"}
    before = [*SEEN["inspect"]["Config"]["Env"], f"{name}=old-hunter"]
    causes = decide(want(environment=environment), running(Env=before)).causes
    assert [(c.field, c.old, c.new) for c in causes] == [(f"environment.{name}", "(changed)", "(changed)")]
    assert "hunter" not in repr(causes)


@pytest.mark.parametrize(
    ("key", "declared", "resolved"),
    [
        ("command", ["--pw=${DB_PASSWORD}"], ["--pw=hunter2"]),
        ("environment", {"PLAIN": "$PLAINPW"}, {"PLAIN": "hunter2"}),
        ("labels", {"plain": "a ${PLAINPW:-b}"}, {"plain": "a hunter2"}),
        ("healthcheck", {"test": ["CMD", "ask", "${PW}"]}, {"test": ["CMD", "ask", "hunter2"]}),
        ("hostname", "${WHERE}", "hunter2"),
        ("volumes", [{"type": "bind", "source": "${PW}", "target": "/d"}], None),
        ("deploy", {"resources": {"limits": {"memory": "${PW}"}}}, None),
    ],
)
def test_a_value_that_comes_from_a_variable_is_never_shown(key: str, declared: Any, resolved: Any) -> None:
    if key == "volumes":
        resolved = [*SEEN["stanza"]["volumes"], {"type": "bind", "source": "/hunter2", "target": "/d"}]
    elif key == "deploy":
        resolved = {"resources": {"limits": {"memory": "1987654321"}}}
    elif isinstance(resolved, dict):
        resolved = {**SEEN["stanza"][key], **resolved}
    of = Spoke("full", Kind.APP, {key: declared}, places={(): HERE})
    causes = decide(want(**{key: resolved}), running(), of=of).causes
    assert "hunter" not in repr(causes)
    assert "1987654321" not in repr(causes)
    assert "(changed)" in {cause.new for cause in causes}


def test_a_variable_hides_its_own_entry_only_and_a_doubled_dollar_is_none() -> None:
    environment = {**SEEN["stanza"]["environment"], "LEVEL": "debug", "PRICE": "5$", "PLAIN": "hunter2"}
    of = Spoke(
        "full",
        Kind.APP,
        {"environment": {"PLAIN": "${X}", "PRICE": "5$$", "LEVEL": "debug"}},
        places={(): HERE},
    )
    causes = decide(want(environment=environment), running(), of=of).causes
    assert {c.field: (c.old, c.new) for c in causes} == {
        "environment.LEVEL": ("info", "debug"),
        "environment.PLAIN": ("", "(changed)"),
        "environment.PRICE": ("", "5$"),
    }


def test_a_switch_of_a_socket_proxy_is_shown_though_secrets_are_called_so() -> None:
    environment = {**SEEN["stanza"]["environment"], "SECRETS": "1", "AUTH": "a-long-one"}
    before = [*SEEN["inspect"]["Config"]["Env"], "SECRETS=0", "AUTH=0"]
    causes = decide(want(environment=environment), running(Env=before)).causes
    assert [(c.field, c.old, c.new) for c in causes] == [
        ("environment.AUTH", "(changed)", "(changed)"),
        ("environment.SECRETS", "0", "1"),
    ]


# ---- a newer stackctl

RENDERED, RENDERED_NEW = {"stackctl.rendered": "old"}, {"stackctl.rendered": "new"}


@pytest.mark.parametrize("changed", [{}, {"mem_limit": "1m"}], ids=["label alone", "fields too"])
def test_what_only_a_newer_stackctl_renders_differently_waits_for_refresh(changed: dict[str, Any]) -> None:
    has, wants = running(labelled=RENDERED), want(labelled=RENDERED_NEW, applied=applied("2"), **changed)
    action = decide(wants, has)
    assert action.verb is Verb.NOTHING
    assert {cause.who for cause in action.causes} == {Who.STACKCTL}
    assert decide(wants, has, refresh=True) == Action("full", Verb.RECREATE, action.causes)


def test_refresh_recreates_nothing_that_is_up_to_date() -> None:
    assert decide(want(labelled=RENDERED), running(labelled=RENDERED), refresh=True).verb is Verb.NOTHING


def test_a_newer_stackctl_hides_neither_a_stop_nor_a_moved_image() -> None:
    stopped = running(labelled=RENDERED, state="exited")
    assert decide(want(labelled=RENDERED_NEW), stopped).verb is Verb.START
    moved = want(labelled=RENDERED_NEW, image_id="sha256:" + "9" * 64)
    assert decide(moved, running(labelled=RENDERED)).verb is Verb.RECREATE


# ---- the applied fingerprint


@pytest.mark.parametrize(
    ("has", "wants"),
    [
        ("", applied("1")),
        (applied("1", OTHER_KEY), applied("2")),
        (applied("1"), ""),
        (applied("1"), applied("1")),
    ],
    ids=["pending", "another key", "unknown", "equal"],
)
def test_an_applied_label_that_cannot_be_compared_or_is_equal_changes_nothing(has: str, wants: str) -> None:
    labelled = {"stackctl.applied": has} if has else {}
    assert decide(want(applied=wants), running(labelled=labelled)) == Action("full", Verb.NOTHING)


def test_a_secret_or_variable_that_moved_is_the_hosts_and_not_shown() -> None:
    has = running(labelled={"stackctl.applied": applied("1")})
    assert decide(want(applied=applied("2")), has) == Action(
        "full", Verb.RECREATE, (Cause(Who.HOST, "variables changed"),)
    )


def test_a_file_whose_content_moved_is_named_by_its_key() -> None:
    has = running(labelled={"stackctl.applied": f"{applied('1')}.@env_file=1,pw=1"})
    assert decide(want(applied=f"{applied('1')}.@env_file=2,pw=1"), has) == Action(
        "full", Verb.RECREATE, (Cause(Who.HOST, "content of env_file changed"),)
    )
