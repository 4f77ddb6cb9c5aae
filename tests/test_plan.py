"""What a plan owes: the verb, and the order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from stackctl.compare import OWN_LABELS
from stackctl.findings import Location
from stackctl.model import (
    Action,
    Cause,
    Container,
    Edge,
    Kind,
    Observed,
    RoutesBy,
    Routing,
    Spoke,
    Stack,
    Verb,
    Wanted,
    Who,
)
from stackctl.plan import deviations, plan, selected, waves
from tests.planned import (
    BUNDLE,
    IMAGE_ID,
    PROJECT,
    SEEN,
    decide,
    running,
    spoke,
    told,
    want,
)

EDGES = (("old", "traefik:v3.7"), ("new", "caddy:2"))

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


# ---- the whole stack


def test_a_container_that_somebody_removed_is_the_hosts_unless_the_whole_stack_is_down() -> None:
    stack = Stack(PROJECT, (spoke("a"), spoke("b")))
    wanted = {"a": want("a"), "b": want("b")}

    def causes(*containers: Container) -> list[tuple[Cause, ...]]:
        observed = Observed(PROJECT, containers, image_defaults={IMAGE_ID: SEEN["image_config"]})
        return [action.causes for action in plan(stack, BUNDLE, wanted, observed, (), applied=wanted).actions]

    assert causes(running("b")) == [(Cause(Who.HOST, "container", "", "running"),), ()]
    assert causes() == [(), ()]


def test_another_edge_is_said_once_and_where_it_is_written() -> None:
    old, other = (Spoke(name, Kind.EDGE, {"image": image}) for name, image in EDGES)
    places = {("edge",): Location("stack.yaml", 3, 1)}
    stack = Stack(PROJECT, (spoke("a"), other), resting=(old,), edge=Edge.CADDY, places=places)
    moved = {"stackctl.fingerprint": "1.0", "stackctl.inputs": "route=0"}
    wanted = {"a": want("a", labelled=moved), "new": want("new")}
    routed = {
        "traefik.enable": "true",
        "traefik.http.routers.a.rule": "Host(`a`)",
        "stackctl.inputs": "route=1",
    }
    labelled = running("a", labelled=routed)
    observed = Observed(PROJECT, (running("old"), labelled), image_defaults={IMAGE_ID: SEEN["image_config"]})
    actions = {a.spoke: a for a in plan(stack, BUNDLE, wanted, observed, ()).actions}
    swap = Cause(Who.YOU, "edge", "traefik", "caddy", Location("stack.yaml", 3, 1))
    assert (actions["old"].verb, actions["old"].causes) == (Verb.REMOVE, (swap,))
    assert actions["a"].causes == (swap,)


@pytest.mark.parametrize(
    ("only", "verbs"),
    [
        (("new",), {"old": Verb.REMOVE, "new": Verb.CREATE}),
        (("waits",), {"old": Verb.REMOVE, "new": Verb.CREATE, "waits": Verb.CREATE}),
        (("a",), {"a": Verb.CREATE}),
    ],
)
def test_the_edge_that_is_brought_up_takes_the_place_of_the_one_that_served(
    only: tuple[str, ...], verbs: dict[str, Verb]
) -> None:
    old, new = (Spoke(name, Kind.EDGE, {"image": image}) for name, image in EDGES)
    waits = Spoke("waits", Kind.APP, {"depends_on": {"new": {"condition": "service_started"}}})
    stack = Stack(PROJECT, (spoke("a"), new, waits), resting=(old,), edge=Edge.CADDY)
    wanted = {name: want(name) for name in ("a", "new", "waits")}
    found = plan(stack, BUNDLE, wanted, Observed(PROJECT, (running("old"),)), (), only).actions
    assert {action.spoke: action.verb for action in found} == verbs


@pytest.mark.parametrize(("read", "told"), [("now", True), ("then", False)])
def test_a_route_in_a_file_moved_with_the_container_only_where_the_edge_has_not_read_it(
    read: str, told: bool
) -> None:
    stack = Stack(PROJECT, (spoke("a"), spoke("edge", kind=Kind.EDGE)), routing=Routing(RoutesBy.FILES))
    made, wanted = (
        {"stackctl.fingerprint": f"1.{n}", "stackctl.inputs": f"edge-route={n},stanza={n}"} for n in "12"
    )
    observed = Observed(
        PROJECT,
        (running("a", labelled=made), running("edge")),
        image_defaults={IMAGE_ID: SEEN["image_config"]},
    )
    wants = {"a": want("a", labelled=wanted), "edge": want("edge")}
    bundle = replace(BUNDLE, reloads={"edge": "then"})
    actions = plan(stack, bundle, wants, observed, (), loaded={"edge": read}).actions
    found = {action.spoke: (action.verb, {cause.field for cause in action.causes}) for action in actions}
    causes = {"input stanza", "input route"} if told else {"input stanza"}
    assert found["a"] == (Verb.RECREATE, causes)
    assert found["edge"][0] is (Verb.RELOAD if told else Verb.NOTHING)


def test_a_route_that_alone_moved_is_told_where_nothing_else_can_be() -> None:
    stack = Stack(PROJECT, (spoke("a"), spoke("edge", kind=Kind.EDGE)), routing=Routing(RoutesBy.FILES))
    made = {"stackctl.fingerprint": "1.1", "stackctl.inputs": "route=1,stanza=1"}
    wanted = {"stackctl.fingerprint": "1.2", "stackctl.inputs": "edge-route=2,stanza=1"}
    observed = Observed(
        PROJECT,
        (running("a", labelled=made), running("edge")),
        image_defaults={IMAGE_ID: SEEN["image_config"]},
    )
    wants = {"a": want("a", labelled=wanted), "edge": want("edge")}
    found = {action.spoke: action for action in plan(stack, BUNDLE, wants, observed, ()).actions}
    assert (found["a"].verb, [c.field for c in found["a"].causes]) == (Verb.RECREATE, ["input route"])


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
