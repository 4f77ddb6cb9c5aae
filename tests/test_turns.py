"""Who may begin when; and what a run leaves where it is stopped, or fails, with a second container."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stackctl.apply import beside, turns
from stackctl.apply.failures import SpokeFailed
from stackctl.apply.start import Site
from stackctl.apply.turns import Turns
from stackctl.apply.wait import Verdict
from stackctl.compose import Compose
from stackctl.events import Started
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
    site: Any = FakeSite(stack, {}, OLD_ENGINE, FakeCompose("s", tmp_path))
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


DEPENDENCIES = ("db", "cache")
OLD_ENGINE: Any = SimpleNamespace(version="20.10.24")


class StartedSite(FakeSite):
    """Each spoke that was begun has one container."""

    def containers(self, spokes: Collection[str]) -> tuple[Container, ...]:
        return tuple(c for c in (DB, CACHE) if c.spoke in spokes)


class Told(turns.Waiting):
    """Verdicts in the order in which they are told, each with who had said yes by then."""

    def __init__(self, *verdicts: tuple[Verdict, set[str]]) -> None:
        self.said_yes = set()
        self._verdicts = list(verdicts)

    def __bool__(self) -> bool:
        return bool(self._verdicts)

    def add(self, *_: object) -> None:
        pass

    def verdicts(self) -> tuple[Verdict, ...]:
        verdict, self.said_yes = self._verdicts.pop(0)
        return (verdict,)


DB, CACHE = (replace(NEW, id=name, labels={"stackctl.spoke": name}) for name in ("db", "cache"))
EARLY = (Verdict(DB, True, "healthy", early=True), {"db"})
CACHE_WORKS = Verdict(CACHE, True, "healthy")


@pytest.mark.parametrize(
    ("told", "begun"),
    [
        ([EARLY, (CACHE_WORKS, {"db"})], ["cache", "db", "app"]),
        # The first died while the second was waited for.
        ([EARLY, (CACHE_WORKS, set())], ["cache", "db"]),
    ],
)
def test_who_waits_for_two_begins_on_what_both_say_by_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: list[Any], begun: list[str]
) -> None:
    healthy = {"condition": "service_healthy"}
    stanzas: dict[str, Any] = {
        "db": {},
        "cache": {},
        "app": {"depends_on": dict.fromkeys(DEPENDENCIES, healthy)},
    }
    stack = Stack("s", tuple(Spoke(name, Kind.APP, {"image": "a", **stanzas[name]}) for name in stanzas))
    site: Any = StartedSite(stack, {}, OLD_ENGINE, FakeCompose("s", tmp_path))
    run = Turns(site, {name: Action(name, Verb.CREATE) for name in stanzas}, events=None)  # type: ignore[arg-type]
    run._waiting = Told(*told)
    monkeypatch.setattr(Turns, "_start_fresh", lambda *_: None)
    said = list(run.run())
    assert [event.spoke for event in said if isinstance(event, Started)] == begun


class Noted(Told):
    """Of each container, how often it is to be asked; every one works at once."""

    def __init__(self) -> None:
        super().__init__()
        self.often: dict[str, float] = {}

    def add(self, container: Container, kind: Kind, often: float = 0) -> None:
        self.often[container.spoke] = often
        self._verdicts.append((Verdict(container, True, "healthy"), set()))


class OneEach(FakeSite):
    def containers(self, spokes: Collection[str]) -> tuple[Container, ...]:
        return tuple(replace(NEW, id=name, labels={"stackctl.spoke": name}) for name in spokes)


OFTEN = {"healthcheck": {"start_interval": "${OFTEN}"}}


@pytest.mark.parametrize(
    ("version", "asked"),
    [
        ("20.10.24", {"db": 0.5, "cache": 5.0, "before-a-job": 0.0, "job": 0.0, "app": 0.0, "last": 0.0}),
        ("27.1", dict.fromkeys(("db", "cache", "before-a-job", "job", "app", "last"), 0.0)),
        ("", dict.fromkeys(("db", "cache", "before-a-job", "job", "app", "last"), 0.0)),
    ],
)
def test_asked_is_who_is_waited_for_on_an_engine_that_does_not_ask_so_and_no_job_begins_on_a_guess(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, asked: dict[str, float]
) -> None:
    needs = {"job": ["before-a-job", "db"], "app": ["job", "cache"], "last": ["app"]}
    kinds = {"job": Kind.JOB}
    stanzas: dict[str, Any] = {"db": OFTEN, "cache": {}, "before-a-job": {}, "job": {}, "app": {}, "last": {}}
    spokes = [
        Spoke(
            name,
            kinds.get(name, Kind.APP),
            {**stanzas[name], "depends_on": {need: {} for need in needs.get(name, ())}},
        )
        for name in stanzas
    ]
    compose = FakeCompose("s", tmp_path, {"OFTEN": "500ms"})
    site: Any = OneEach(Stack("s", tuple(spokes)), {}, SimpleNamespace(version=version), compose)
    changes = {name: Action(name, Verb.CREATE) for name in stanzas}
    # A second container beside one that works is in no hurry.
    changes["app"] = replace(APP, spoke="app")
    run = Turns(site, changes, events=None)  # type: ignore[arg-type]
    noted = run._waiting = Noted()
    monkeypatch.setattr(Turns, "_start_fresh", lambda *_: None)
    monkeypatch.setattr(turns.RouteFiles, "hold", lambda *_: None)
    monkeypatch.setattr(beside, "begin", lambda *_: None)
    monkeypatch.setattr(beside, "hand_over", lambda *_: {})
    list(run.run())
    assert noted.often == asked
