"""What a plan owes: the verb, the cause, who caused it, and the order."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stackctl.compare import OWN_LABELS
from stackctl.findings import Location
from stackctl.model import Action, Bundle, Cause, Container, Kind, Observed, Spoke, Stack, Verb, Wanted, Who
from stackctl.observe import container
from stackctl.plan import deviations, plan, selected, waves

SEEN: dict[str, Any] = json.loads((Path(__file__).parent / "observed" / "full.json").read_text())
PROJECT: str = SEEN["project"]
IMAGE_ID: str = SEEN["inspect"]["Image"]
HERE = Location("spokes/full.yaml", 4, 3)
KEY, OTHER_KEY = "aaaaaaaa", "bbbbbbbb"


def applied(hmac: str, key: str = KEY) -> str:
    return f"1.0123456789ab.{key}.{hmac * 32}"


def labels(container_labels: Mapping[str, str]) -> dict[str, str]:
    return {**SEEN["inspect"]["Config"]["Labels"], **container_labels}


def running(
    spoke: str = "full",
    *,
    state: str = "running",
    exit_code: int = 0,
    labelled: Mapping[str, str] | None = None,
    without: tuple[str, ...] = (),
    id: str = "1",
    **config: Any,
) -> Container:
    """The captured container as one of `spoke`, with labels and parts of its configuration changed."""
    inspect = copy.deepcopy(SEEN["inspect"])
    inspect["Id"] = id
    inspect["State"] |= {"Status": state, "ExitCode": exit_code}
    own = {"stackctl.spoke": spoke, "com.docker.compose.service": spoke, **(labelled or {})}
    inspect["Config"]["Labels"] = {k: v for k, v in labels(own).items() if k not in without}
    inspect["Config"] |= config
    for how in inspect["NetworkSettings"]["Networks"].values():
        how["Aliases"] = [*how["Aliases"], spoke]
    return container(inspect)


def want(
    spoke: str = "full",
    *,
    labelled: Mapping[str, str] | None = None,
    applied: str = "",
    image_id: str = IMAGE_ID,
    **changed: Any,
) -> Wanted:
    stanza = copy.deepcopy(SEEN["stanza"]) | changed
    stanza["labels"] = {**stanza["labels"], "stackctl.spoke": spoke, **(labelled or {})}
    return Wanted(stanza, applied, image_id)


def spoke(
    name: str = "full", *, kind: Kind = Kind.APP, needs: tuple[str, ...] = (), profile: str = ""
) -> Spoke:
    service: dict[str, Any] = {"depends_on": {need: {"condition": "service_started"} for need in needs}}
    if profile:
        service["profiles"] = [profile]
    return Spoke(name, kind, service, places={(): HERE})


NETWORKS = {name: {"name": f"{PROJECT}_{name}"} for name in ("proxy", "socket")}
BUNDLE = Bundle({"networks": NETWORKS, "volumes": {"data": None}}, {}, {})


def decide(wanted: Wanted, *containers: Container, of: Spoke | None = None, refresh: bool = False) -> Action:
    of = of or spoke()
    observed = Observed(PROJECT, containers, image_defaults={IMAGE_ID: SEEN["image_config"]})
    found = plan(Stack(PROJECT, (of,)), BUNDLE, {of.name: wanted}, observed, (), refresh=refresh)
    [action] = found.actions
    assert action.spoke == of.name
    assert (action.replacement is not None) is (action.verb is Verb.RECREATE)
    # How it is replaced has tests of its own.
    return replace(action, replacement=None)


def told(action: Action) -> tuple[Verb, list[tuple[Who, str]]]:
    return action.verb, [(cause.who, cause.field) for cause in action.causes]


# ---- verbs


def test_no_container_is_a_create() -> None:
    assert decide(want()) == Action("full", Verb.CREATE)


def test_a_spoke_that_wants_no_replica_is_not_created() -> None:
    assert decide(want(deploy={"replicas": 0})).verb is Verb.NOTHING
    assert decide(want(scale=0)).verb is Verb.NOTHING


def test_what_is_right_is_left_alone() -> None:
    assert decide(want(), running()) == Action("full", Verb.NOTHING)


@pytest.mark.parametrize("state", ["exited", "created"])
def test_a_stopped_container_that_is_right_is_started(state: str) -> None:
    assert decide(want(), running(state=state)) == Action(
        "full", Verb.START, (Cause(Who.HOST, "state", state, "running"),)
    )


def test_a_stopped_container_that_is_wrong_is_recreated() -> None:
    assert decide(want(mem_limit="1m"), running(state="exited")).verb is Verb.RECREATE


@pytest.mark.parametrize("state", ["paused", "dead"])
def test_a_container_that_cannot_be_started_is_recreated(state: str) -> None:
    assert told(decide(want(), running(state=state))) == (Verb.RECREATE, [(Who.HOST, "state")])


def test_a_container_on_its_way_out_does_not_count() -> None:
    assert decide(want(), running(state="removing")).verb is Verb.CREATE


def test_a_job_that_is_done_is_left_alone_and_one_that_failed_runs_again() -> None:
    job = spoke(kind=Kind.JOB)
    assert decide(want(), running(state="exited"), of=job).verb is Verb.NOTHING
    assert decide(want(), running(state="running"), of=job).verb is Verb.NOTHING
    assert decide(want(), running(state="exited", exit_code=3), of=job) == Action(
        "full", Verb.START, (Cause(Who.HOST, "exit code", "3", "0"),)
    )


def test_of_several_containers_every_one_counts() -> None:
    action = decide(want(), running(id="1"), running(id="2", state="exited"))
    assert action.verb is Verb.START
    assert decide(want(), running(id="1"), running(id="2", User="7")).verb is Verb.RECREATE


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


# ---- the whole stack


def whole(
    spokes: tuple[Spoke, ...],
    containers: tuple[Container, ...] = (),
    profiles: tuple[str, ...] = (),
    only: tuple[str, ...] = (),
    wanted: Mapping[str, Wanted] | None = None,
) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    stack = Stack(PROJECT, spokes)
    default = {name: want(name) for name in selected(stack, profiles, only)}
    observed = Observed(PROJECT, containers, image_defaults={IMAGE_ID: SEEN["image_config"]})
    found = plan(stack, BUNDLE, {**default, **(wanted or {})}, observed, profiles, only)
    return [(a.verb.value, a.spoke) for a in found.actions], found.idle


def test_actions_stand_in_dependency_order_and_by_name_where_that_is_free() -> None:
    spokes = (spoke("a", needs=("z",)), spoke("b"), spoke("m", needs=("b",)), spoke("z"))
    assert whole(spokes)[0] == [("create", "b"), ("create", "z"), ("create", "a"), ("create", "m")]
    assert waves(Stack(PROJECT, spokes), {"a", "b", "m"}) == (("a", "b"), ("m",))


def test_a_dependency_carries_through_a_spoke_that_stays_as_it_is() -> None:
    stack = Stack(PROJECT, (spoke("a", needs=("b",)), spoke("b", needs=("c",)), spoke("c")))
    assert waves(stack, {"a", "c"}) == (("c",), ("a",))


def test_a_dependency_order_profile_or_replicas_change_recreates_nothing() -> None:
    moved = want(
        "a", depends_on={"b": {"condition": "service_healthy"}}, profiles=["x"], deploy={"replicas": 1}
    )
    actions, _ = whole(
        (spoke("a", needs=("b",)), spoke("b")), (running("a"), running("b")), wanted={"a": moved}
    )
    assert actions == [("nothing", "b"), ("nothing", "a")]


def test_a_spoke_whose_file_is_gone_is_removed_first() -> None:
    actions, _ = whole((spoke("a"),), (running("gone"),))
    assert actions == [("remove", "gone"), ("create", "a")]


def test_a_container_that_stackctl_did_not_make_is_never_removed() -> None:
    stranger = running("stranger", without=("stackctl.spoke",))
    assert whole((spoke("a"),), (running("a"), stranger))[0] == [("nothing", "a")]


def test_spokes_of_inactive_profiles_that_run_are_shown_and_left_alone() -> None:
    spokes = (spoke("a"), spoke("b", profile="extra"), spoke("c", profile="extra"))
    containers = (running("a"), running("b", User="7"), running("c", state="exited"))
    assert whole(spokes, containers) == ([("nothing", "a")], ("b",))
    assert whole(spokes, containers, profiles=("extra",))[0] == [
        ("nothing", "a"),
        ("recreate", "b"),
        ("start", "c"),
    ]


def test_a_spoke_that_was_not_named_is_not_idle() -> None:
    assert whole((spoke("a"), spoke("b")), (running("a"), running("b")), only=("a",))[1] == ()


def test_named_spokes_bring_what_they_need_but_never_recreate_it() -> None:
    spokes = (spoke("a", needs=("b",)), spoke("b", needs=("c",), profile="p"), spoke("c"), spoke("d"))
    containers = (running("b", User="7"), running("d", User="7"), running("gone"))
    assert whole(spokes, containers, only=("a",))[0] == [("create", "c"), ("nothing", "b"), ("create", "a")]
    assert whole(spokes, containers, only=("b",))[0] == [("create", "c"), ("recreate", "b")]


def test_the_same_input_gives_the_same_plan() -> None:
    spokes = tuple(spoke(name, needs=("base",) if name != "base" else ()) for name in ("base", "x", "y"))
    containers = (running("x", User="7"), running("y", state="exited"))
    assert whole(spokes, containers) == whole(spokes[::-1], containers[::-1])


# ---- what ran before its stack was adopted


def adopted(**changed: Any) -> tuple[str, list[tuple[str, str]]]:
    """Verb and causes for a container that plain Compose made."""
    container = running(without=("stackctl.spoke", *OWN_LABELS), **changed)
    observed = Observed(PROJECT, (container,), image_defaults={IMAGE_ID: SEEN["image_config"]})
    labelled = want(labelled={"stackctl.fingerprint": "1.f", "stackctl.rendered": "r"})
    made = plan(Stack(PROJECT, (spoke(),)), BUNDLE, {"full": labelled}, observed, ()).actions[0]
    return made.verb, [(cause.who, cause.field) for cause in made.causes]


def test_a_container_without_labels_that_is_as_wanted_is_left_alone_until_a_real_change() -> None:
    assert adopted() == ("nothing", [("stackctl", "labels pending")])
    assert adopted(User="7") == ("recreate", [("you", "user")])
    assert adopted(state="paused")[0] == "recreate"


# ---- the fields of what runs, for whoever does not believe its labels


def deviating(wanted: Wanted, container: Container) -> tuple[str, ...]:
    observed = Observed(PROJECT, (container,), image_defaults={IMAGE_ID: SEEN["image_config"]})
    return deviations(Stack(PROJECT, (spoke(),)), BUNDLE, {"full": wanted}, observed)[container.id]


def test_a_copy_that_only_has_the_labels_deviates() -> None:
    assert deviating(want(), running()) == ()
    assert deviating(want(), running(Cmd=["sleep", "inf"])) == ("command",)
    environment = [*SEEN["inspect"]["Config"]["Env"], "PASSWORD=letmein"]
    assert deviating(want(), running(Env=environment)) == ("environment.PASSWORD",)
    assert deviating(want(), running(Image="other:1")) == ("image",)
    assert deviating(want(image_id="sha256:" + "9" * 64), running()) == ("image",)
    assert deviating(want(image="other:1"), running(Image="other:1")) == (), "a stand-in of this host"
