"""A restart is done once what was restarted works; a job is left to itself."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from stackctl.apply.failures import SpokeFailed
from stackctl.commands import running as told
from stackctl.events import Event, Finished, Started
from stackctl.model import Kind, Stack
from stackctl.process import Completed
from tests.planned import running, spoke


class Engine:
    """Finds the container as it is, at once."""

    def __init__(self, inspect: Mapping[str, Any]) -> None:
        self.inspect = inspect

    def get(self, path: str) -> Mapping[str, Any]:
        return self.inspect

    def logs(self, id: str, lines: int) -> str:
        return "no config"


def restarted(monkeypatch: pytest.MonkeyPatch, state: str, kind: Kind = Kind.APP) -> list[Event | str]:
    container = running("app", state=state, exit_code=3 if state == "exited" else 0)
    container.inspect["State"] |= {"Health": {"Status": "healthy"}}
    monkeypatch.setattr(told, "containers_of", lambda *_: (container,))
    compose = SimpleNamespace(restart=lambda names: Completed(names, 0, "", "", 0.0), redact=())
    stack = Stack("s", (spoke("app", kind=kind),))
    acting: Any = SimpleNamespace(engine=Engine(container.inspect), compose=compose, stack=stack)
    events: Any = SimpleNamespace(until=lambda _: iter(()))
    monkeypatch.setattr(told, "subscribe", lambda *_: nullcontext(events))
    happened: list[Event | str] = []
    try:
        for event in told._restarted(acting, ("app",)):
            happened.append(event)
    except SpokeFailed as failed:
        happened.append(failed.message)
    return happened


def test_what_works_afterwards_was_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    started, finished = restarted(monkeypatch, "running")
    assert started == Started("restart", "app")
    assert isinstance(finished, Finished)
    assert finished.ok


def test_what_dies_afterwards_was_not(monkeypatch: pytest.MonkeyPatch) -> None:
    happened = restarted(monkeypatch, "exited")
    assert Finished("restart", "app", ok=False, detail="app exited with code 3") in happened
    assert happened[-1] == "app exited with code 3"


@pytest.mark.parametrize("state", ["running", "exited"])
def test_a_job_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    assert restarted(monkeypatch, state, Kind.JOB)[-1] == Finished("restart", "app")
