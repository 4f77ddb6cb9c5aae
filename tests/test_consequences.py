"""What a replacement costs is said before it happens."""

from __future__ import annotations

from typing import Any

from stackctl.consequences import with_consequences
from stackctl.model import (
    Action,
    Consequences,
    Edge,
    Kind,
    Plan,
    Replacement,
    Route,
    Spoke,
    Stack,
    Verb,
    Way,
)


def spoke(name: str, kind: Kind = Kind.APP, **service: Any) -> Spoke:
    routes = () if kind is Kind.EDGE else (Route((f"{name}.example",), 80),)
    return Spoke(name, kind, service, routes=routes)


STACK = Stack(
    "s",
    (
        spoke("app", stop_grace_period="1m30s", healthcheck={"test": ["CMD", "true"]}),
        spoke("edge", Kind.EDGE),
        spoke("inside", network_mode="service:app"),
        spoke("after", depends_on={"app": {"condition": "service_started", "restart": True}}),
    ),
    edge=Edge.NONE,
)


def cost(
    name: str, way: Way, *data: str, verb: Verb = Verb.RECREATE, anew: tuple[str, ...] = ()
) -> Consequences | None:
    """`anew` are others that the same plan makes anew."""
    action = Action(name, verb, replacement=Replacement(way, ("a reason",), data))
    others = (Action(other, Verb.RECREATE) for other in anew)
    return with_consequences(Plan((action, *others)), STACK).actions[0].consequences


def test_what_stops_first_names_its_hosts_its_gap_and_who_goes_with_it() -> None:
    assert cost("app", Way.STOP_FIRST, anew=("after", "edge", "inside")) == Consequences(
        ("after", "app", "inside"), ("app.example",), "up to 90 s to stop, then until it is healthy"
    )


def test_who_is_not_made_anew_is_not_said_to_go_with_it() -> None:
    found = cost("app", Way.STOP_FIRST, anew=("inside",))
    assert found is not None
    assert found.restarts == ("app", "inside")


def test_an_edge_that_stops_takes_every_host_with_it() -> None:
    found = cost("edge", Way.STOP_FIRST)
    assert found is not None
    assert found.hosts == ("after.example", "app.example", "inside.example")
    assert found.gap == "up to 10 s to stop, then until it is running"


def test_beside_itself_means_no_gap_and_no_interruption() -> None:
    assert cost("app", Way.BESIDE) == Consequences()


def test_data_without_a_backup_is_announced() -> None:
    found = cost("app", Way.STOP_FIRST, "volume db at /data")
    assert found is not None
    assert "volume db at /data" in found.irreversible


def test_what_is_removed_is_gone_for_good_and_what_stays_costs_nothing() -> None:
    plan = with_consequences(Plan((Action("old", Verb.REMOVE), Action("app", Verb.NOTHING))), STACK)
    assert [a.consequences for a in plan.actions] == [Consequences(gap="for good"), None]
