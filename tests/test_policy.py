"""What a policy opens beside what its consumers need, and what is wrong with one as it is written."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from stackctl.api import consumer, consumers, operation, operations
from stackctl.codes import CODES
from stackctl.model import Kind, Mode, Policy, Spoke, Stack
from stackctl.policy import Strict, Switches, enforced, opens, review, smallest
from stackctl.policy_problems import Problem, nearest_switch, problems
from stackctl.switches import LINUXSERVER, TECNATIVA

IMAGE = "tecnativa/docker-socket-proxy:v0.4.1"
SOCKET = {"socket": None}


def proxy(
    environment: Mapping[str, str | None] | None = None, policy: Policy | None = None, image: str = IMAGE
) -> Spoke:
    service = {"image": image, "environment": environment or {}, "networks": SOCKET}
    return Spoke("proxy", Kind.SOCKET_PROXY, service, policy=policy)


def stack(found: Spoke, *images: str) -> Stack:
    clients = (Spoke(f"s{n}", Kind.APP, {"image": i, "networks": SOCKET}) for n, i in enumerate(images))
    return Stack("lab", (found, *clients))


def test_containers_for_traefik_is_5_needed_and_16_open_with_the_excess_named() -> None:
    found = proxy({"CONTAINERS": "1", "POST": "0"})
    seen = review(stack(found, "traefik:v3.7", "traefik/whoami:v1.11.0"), found)
    assert [c.name for c in seen.consumers] == ["traefik"]
    assert (len(seen.needed), len(seen.opens), seen.missing, seen.declared) == (5, 16, frozenset(), False)
    assert sorted(map(str, seen.optional)) == ["GET /_ping"]
    assert sorted(map(str, seen.excess)) == [
        "GET /containers/{id}/archive",
        "GET /containers/{id}/attach/ws",
        "GET /containers/{id}/changes",
        "GET /containers/{id}/checkpoints",
        "GET /containers/{id}/export",
        "GET /containers/{id}/logs",
        "GET /containers/{id}/resize",
        "GET /containers/{id}/stats",
        "GET /containers/{id}/top",
        "HEAD /containers/{id}/archive",
    ]


def test_a_strict_policy_opens_what_is_named_and_nothing_else() -> None:
    found = proxy(policy=Policy(("traefik",), ("GET /containers/{id}/logs",)))
    seen = review(stack(found), found)
    assert len(seen.opens) == 6
    assert seen.opens == seen.needed
    assert not seen.missing
    assert not seen.excess
    assert (seen.mode, seen.measured, seen.declared) == (Mode.STRICT, True, True)


def test_a_strict_policy_compares_the_target_as_sent() -> None:
    holds = enforced(proxy(policy=Policy(("traefik",))))
    assert isinstance(holds, Strict)
    assert holds.passes("GET", "/v1.41/containers/json?all=1")
    for target in (
        "/containers/json/",
        "/%63ontainers/json",
        "//containers/json",
        "/version#x",
        "/CONTAINERS/json",
    ):
        assert not holds.passes("GET", target)
    assert not holds.passes("HEAD", "/containers/json")


def test_a_policy_with_switches_takes_consumers_from_the_policy_and_operations_from_the_environment() -> None:
    found = proxy({"CONTAINERS": "0"}, Policy(("traefik",), mode=Mode.SWITCHES))
    seen = review(stack(found), found)
    assert sorted(map(str, seen.missing)) == ["GET /containers/json", "GET /containers/{id}/json"]


def test_nothing_is_claimed_about_an_image_that_is_not_known() -> None:
    found = proxy(image="wollomatic/socket-proxy:1.13.1")
    seen = review(stack(found, "traefik:v3.7"), found)
    assert enforced(found) is None
    assert (seen.opens, seen.missing, seen.dialect, seen.measured) == (frozenset(), frozenset(), "", False)


@pytest.mark.parametrize("found", consumers(), ids=lambda c: c.name)
@pytest.mark.parametrize("dialect", [TECNATIVA, LINUXSERVER], ids=lambda d: d.name)
def test_the_smallest_policy_is_enough_and_no_switch_of_it_is_superfluous(
    found: object, dialect: object
) -> None:
    assert dialect in (TECNATIVA, LINUXSERVER)
    chosen = TECNATIVA if dialect is TECNATIVA else LINUXSERVER
    [wanted] = [c for c in consumers() if c is found]
    least = smallest([wanted], (), chosen)
    assert least.operations == wanted.required
    assert wanted.required <= least.opened_by_switches
    assert least.policy == Policy((wanted.name,))
    holds = Switches(chosen, least.switches)
    for switch in chosen.switches:
        if holds.is_on(switch):
            assert not wanted.required <= opens(holds.without(switch)), switch


def test_the_smallest_policy_prefers_the_switch_that_opens_least() -> None:
    restart = operation("POST /containers/{id}/restart")
    assert restart
    off = {"EVENTS": "0", "PING": "0", "VERSION": "0"}
    assert smallest([], [restart]).switches == {"ALLOW_RESTARTS": "1", "POST": "1", **off}
    assert smallest([], [restart], LINUXSERVER).switches == {"ALLOW_RESTARTS": "1", **off}


def test_what_no_switch_opens_is_named() -> None:
    debug = operation("GET /debug/vars")
    assert debug
    assert smallest([], [debug]).impossible == {debug}
    assert smallest([], [debug]).policy.operations == ("GET /debug/vars",)


def test_everything_at_once_is_still_quick_to_find() -> None:
    assert len(smallest(consumers()).switches) > 8
    assert smallest([], operations()).opened_by_switches


# ---- problems


def told(found: Spoke, *images: str) -> list[tuple[str, str]]:
    return [(p.code, p.path[-1]) for p in problems(stack(found, *images), found)]


def only(found: Spoke, *images: str) -> Problem:
    [problem] = problems(stack(found, *images), found)
    return problem


def test_a_good_policy_has_no_problem() -> None:
    assert (
        told(proxy({"CONTAINERS": "1", "POST": "0", "LOG_LEVEL": "err", "EVENTS": "1"}), "traefik:v3.7") == []
    )
    assert told(proxy(policy=Policy(("traefik",))), "traefik:v3.7") == []


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("DELETE", "POST"),
        ("LOGS", "CONTAINERS"),
        ("ALLOW_LOGS", "CONTAINERS"),
        ("CONTAINER", "CONTAINERS"),
        ("IMAGE", "IMAGES"),
        ("ALLOW_RESTART", "CONTAINERS"),
        ("LOGLEVEL", "LOG_LEVEL"),
        ("FOO", ""),
    ],
)
def test_an_unknown_switch_is_reported_with_the_one_that_was_meant(name: str, nearest: str) -> None:
    problem = only(proxy({name: "1"}))
    assert (problem.code, problem.path) == ("SC403", ("environment", name))
    assert nearest_switch(name, TECNATIVA) == nearest
    assert (nearest or "remove it") in problem.hint


@pytest.mark.parametrize(
    ("environment", "name", "says"),
    [
        ({"ALLOW_START": "1", "POST": "0"}, "ALLOW_START", "no effect while POST=0"),
        ({"GRPC": "1"}, "GRPC", "no effect while POST=0"),
        ({"ALLOW_START": "1", "CONTAINERS": "1", "POST": "1"}, "ALLOW_START", "superfluous"),
        ({"POST": "1"}, "POST", "opens no operation"),
    ],
)
def test_a_switch_without_effect_is_reported(environment: dict[str, str], name: str, says: str) -> None:
    problem = only(proxy(environment))
    assert (problem.code, problem.path) == ("SC404", ("environment", name))
    assert says in problem.message


@pytest.mark.parametrize(("value", "state"), [("true", "off"), ("yes", "off"), ("2", "on"), ("false", "off")])
def test_a_switch_that_is_no_number_is_reported_with_what_it_means(value: str, state: str) -> None:
    problem = only(proxy({"CONTAINERS": value}))
    assert problem.code == "SC405"
    assert problem.message.endswith(f"is {state}")


@pytest.mark.parametrize("value", [None, "${CONTAINERS}"])
def test_a_switch_that_depends_on_the_host_is_reported(value: str | None) -> None:
    assert told(proxy({"CONTAINERS": value})) == [("SC405", "CONTAINERS")]


def test_names_that_do_not_exist_are_reported_with_their_place() -> None:
    found = proxy(policy=Policy(("treafik",), ("GET /container/{id}/logs",), listen="../x", stream_timeout=0))
    assert [(p.code, p.path) for p in problems(stack(found), found)] == [
        ("SC406", ("policy", "consumers", "0")),
        ("SC406", ("policy", "operations", "0")),
        ("SC406", ("policy", "listen")),
        ("SC406", ("policy", "stream_timeout")),
    ]


def test_switches_beside_a_strict_policy_are_reported() -> None:
    assert told(proxy({"CONTAINERS": "1", "LOG_LEVEL": "err"}, Policy(("traefik",)))) == [
        ("SC404", "CONTAINERS")
    ]


def test_an_image_of_which_nothing_is_known_is_reported() -> None:
    assert told(proxy({"CONTAINERS": "1"}, image="wollomatic/socket-proxy:1"), "traefik:v3.7") == [
        ("SC407", "image")
    ]


def test_what_a_consumer_lacks_is_reported_with_the_switches_that_open_it() -> None:
    found = only(proxy({"CONTAINERS": "1"}), "willfarrell/autoheal:1.2.0")
    assert (found.code, found.hint) == ("SC410", "POST=1 opens it")
    declared = only(proxy({"CONTAINERS": "1"}, Policy(("autoheal",), mode=Mode.SWITCHES)))
    assert (declared.code, declared.path) == ("SC408", ("policy",))


def test_only_excess_that_a_switch_could_close_is_reported() -> None:
    found = only(proxy({"CONTAINERS": "1", "IMAGES": "1"}), "traefik:v3.7")
    assert found.code == "SC409"
    assert "/images/" in found.message


def test_every_code_is_registered() -> None:
    assert {*(f"SC40{n}" for n in range(3, 10)), "SC410"} <= CODES.keys()
    assert consumer("traefik")
