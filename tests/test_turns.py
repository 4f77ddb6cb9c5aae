"""What a run leaves where it is stopped, or fails, with a second container beside the first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stackctl.apply import beside, turns
from stackctl.apply.failures import SpokeFailed
from stackctl.apply.start import Site
from stackctl.apply.turns import Turns
from stackctl.apply.wait import Verdict
from stackctl.compose import Compose
from stackctl.model import Action, Container, Kind, Replacement, Spoke, Stack, Verb, Way
from stackctl.process import Completed

OLD = Container("old", "s-app-1", "", "", "running", "", 0, 0, {"stackctl.spoke": "app"}, {}, (), ())
NEW = replace(OLD, id="new", name="s-app-2", labels={"com.docker.compose.service": "app"})
APP = Action("app", Verb.RECREATE, replacement=Replacement(Way.BESIDE))


class FakeSite(Site):
    """The containers are given; nothing is asked of an Engine."""

    def outlines(self, spokes: Collection[str]) -> tuple[Container, ...]:
        return (OLD,)

    def containers(self, spokes: Collection[str]) -> tuple[Container, ...]:
        return (OLD, NEW)


class FakeCompose(Compose):
    """Nothing can be removed."""

    def remove(self, ids: Sequence[str]) -> Completed:
        return Completed(("docker", "rm", *ids), 1, "", "no such luck", 0.0)


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """`release` for each time that requests were let go to whoever has the spoke's name."""
    found: list[str] = []
    monkeypatch.setattr(turns.RouteFiles, "release", lambda _: found.append("release"))
    monkeypatch.setattr(turns.RouteFiles, "hold", lambda *_: None)
    return found


@pytest.fixture
def run(tmp_path: Path, released: list[str]) -> Turns:
    stack = Stack("s", (Spoke("app", Kind.APP, {"image": "a"}),))
    site: Any = FakeSite(stack, {}, None, FakeCompose("s", tmp_path))  # type: ignore[arg-type]
    return Turns(site, {"app": APP}, events=None)  # type: ignore[arg-type]


def test_who_is_interrupted_while_a_second_container_is_made_takes_it_away(
    run: Turns, released: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    told: list[Collection[str]] = []
    monkeypatch.setattr(beside, "begin", stopped)
    monkeypatch.setattr(beside, "finish", lambda _, names: told.append(names))
    with pytest.raises(KeyboardInterrupt):
        list(run.run())
    run.clean_up()
    assert (told, released) == ([["app"]], ["release"])


def test_no_request_finds_a_container_that_does_not_work_and_cannot_be_removed(
    run: Turns, released: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [(Verdict(NEW, False, "is unhealthy"),)]
    monkeypatch.setattr(beside, "begin", lambda *_: None)
    monkeypatch.setattr(turns.Waiting, "add", lambda *_: None)
    monkeypatch.setattr(turns.Waiting, "__bool__", lambda _: bool(left))
    monkeypatch.setattr(turns.Waiting, "verdicts", lambda _: left.pop())
    monkeypatch.setattr(turns, "failure", lambda *_: SpokeFailed("app", "app is unhealthy"))
    with pytest.raises(SpokeFailed) as failed:
        list(run.run())
    assert failed.value.message.endswith("still runs, and the new one could not be removed")
    assert released == []
