"""After `up`, a plan is empty, whatever the stack; and only a change of what a container is recreates it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stackctl import fingerprint
from stackctl.model import Bundle, Container, Kind, Observed, Plan, Spoke, Stack, Verb, Wanted, Who
from stackctl.plan import plan
from tests.generated import made, services

PROJECT, IMAGE = "s", "sha256:1"
NETWORKS = {name: {"name": f"{PROJECT}_{name}"} for name in ("proxy", "socket")}
STACKS = st.dictionaries(st.sampled_from("abcdef"), services(), min_size=1, max_size=4)


def labelled(name: str, service: dict[str, Any]) -> dict[str, Any]:
    own = {"stackctl.spoke": name, "stackctl.fingerprint": fingerprint.sha256(fingerprint.counted(service))}
    return {**service, "labels": {**service.get("labels", {}), **own}}


def planned(stack: dict[str, dict[str, Any]], *running: Container) -> Plan:
    spokes = tuple(Spoke(name, Kind.APP, stack[name]) for name in sorted(stack))
    wanted = {name: Wanted(labelled(name, service), "", IMAGE) for name, service in stack.items()}
    observed = Observed(PROJECT, running, images={"app:1": IMAGE}, image_defaults={IMAGE: {}})
    bundle = Bundle({"networks": NETWORKS, "volumes": {"data": None}}, {}, {})
    return plan(Stack(PROJECT, spokes, networks=NETWORKS), bundle, wanted, observed, {"*"})


def up(stack: dict[str, dict[str, Any]]) -> tuple[Container, ...]:
    return tuple(made(name, labelled(name, service), PROJECT, IMAGE) for name, service in stack.items())


@settings(max_examples=40)
@given(STACKS)
def test_after_up_a_plan_is_empty(stack: dict[str, dict[str, Any]]) -> None:
    assert {action.verb for action in planned(stack).actions} == {Verb.CREATE}
    after = planned(stack, *up(stack))
    assert after.changes == (), after
    assert all(action.causes == () for action in after.actions)


@settings(max_examples=40)
@given(STACKS, st.data())
def test_profile_order_dependency_and_replicas_recreate_nothing(
    stack: dict[str, dict[str, Any]], data: st.DataObject
) -> None:
    running = up(stack)
    names = sorted(stack)
    moved = data.draw(st.sampled_from(names))
    needs = {name: {"condition": "service_started"} for name in names if name < moved}
    other = {**stack, moved: {**stack[moved], "profiles": ["extra"], "depends_on": needs}}
    shuffled = dict(data.draw(st.permutations(list(other.items()))))
    assert planned(shuffled, *running).changes == ()


@settings(max_examples=40)
@given(STACKS, services(), st.data())
def test_only_what_changed_is_recreated_and_each_cause_is_a_field_that_did(
    stack: dict[str, dict[str, Any]], other: dict[str, Any], data: st.DataObject
) -> None:
    running = up(stack)
    moved = data.draw(st.sampled_from(sorted(stack)))
    key = data.draw(st.sampled_from(sorted({*other, *stack[moved]} - {"entrypoint"})))
    changed = {k: v for k, v in {**stack[moved], key: other.get(key)}.items() if v is not None}
    changed = {"networks": {"proxy": None}, "command": stack[moved]["command"], **changed}
    found = planned({**stack, moved: changed}, *running)
    assert {action.spoke for action in found.changes} <= {moved}
    for action in found.changes:
        assert action.verb is Verb.RECREATE
        fields = {cause.field.partition(".")[0] for cause in action.causes}
        assert fields <= {key, "stackctl"}, action
        assert {cause.who for cause in action.causes} == {Who.YOU}
