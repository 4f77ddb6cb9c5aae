"""When an edge that is told of changed routes is told: before an app that is new, after one whose route changes."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from stackctl.commands import change as of_change
from stackctl.commands import edges
from stackctl.model import Action, Cause, Plan, Verb, Who

READ = Action("caddy", Verb.RELOAD)
ROUTE = (Cause(Who.YOU, "input route", "a", "b"),)
IMAGE = (Cause(Who.YOU, "image", "a", "b"),)


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done, in order; nothing runs."""
    done: list[str] = []

    def apply(plan: Plan, *, first: Any, **_: Any) -> Iterator[str]:
        if plan.changes:
            yield from first() if first is not None else ()
            done.append("containers")

    def reload(names: list[str], *_: Any) -> Iterator[str]:
        done.extend(f"{name} reads" for name in names)
        yield from ()

    monkeypatch.setattr(of_change, "apply", apply)
    monkeypatch.setattr(of_change, "compose_for", lambda *_: None)
    monkeypatch.setattr(edges.reload, "reload", reload)
    return done


def run(*actions: Action, renewed: tuple[str, ...] = ()) -> None:
    opened = SimpleNamespace(stack=None, root=None, bundle=SimpleNamespace(reloads={"caddy": "digest"}))
    made = SimpleNamespace(plan=Plan(actions), wanted={})
    change = SimpleNamespace(
        opened=opened, made=made, view=None, environ={}, held=None, observed=None, engine=None, compose=None
    )
    list(of_change.run_plan(change, renewed=renewed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Action("web", Verb.CREATE), ["caddy reads", "containers"]),
        (Action("web", Verb.REMOVE), ["caddy reads", "containers"]),
        (Action("web", Verb.RECREATE, IMAGE), ["caddy reads", "containers"]),
        (Action("web", Verb.RECREATE, ROUTE), ["containers", "caddy reads"]),
        (Action("web", Verb.NOTHING), ["caddy reads"]),
    ],
)
def test_when_the_edge_reads(order: list[str], action: Action, expected: list[str]) -> None:
    run(READ, action)
    assert order == expected


def test_an_edge_that_starts_is_not_told_of_new_certificates(order: list[str]) -> None:
    run(Action("caddy", Verb.CREATE), renewed=("web.home",))
    assert order == ["containers"]


def test_an_edge_that_runs_is_told_of_new_certificates_once(order: list[str]) -> None:
    run(Action("web", Verb.CREATE), renewed=("web.home",))
    assert order == ["caddy reads", "containers"]
