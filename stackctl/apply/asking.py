"""A container's own healthcheck, asked by this run: the Engine first asks after a whole interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from stackctl.engine import Engine
from stackctl.model import NOTHING, Container

EXEC_DIE = "exec_die"

_PAUSE = 0.1
"""Seconds until a healthcheck that failed is asked again; twice as long each time."""
_LONGEST_PAUSE = 5.0
_SHELL = ("/bin/sh", "-c")


@dataclass(frozen=True)
class _Asked:
    argv: tuple[str, ...]
    at: float
    """When to ask, on `time.monotonic`'s clock."""
    pause: float = _PAUSE
    running: str = ""
    """The Engine's id of what was asked and has not ended."""


class Asking:
    """Asks containers whether they work. Nothing waits for an answer: an event tells how each one ended.

    Only one is under way in a container at a time, so one that hangs is the last.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._asked: dict[str, _Asked] = {}

    def begin(self, container: Container, now: float) -> None:
        """Asks a container that runs, and goes on asking it; where that was begun already, does nothing."""
        if container.id not in self._asked and (argv := argv_of(container)):
            self._asked[container.id] = _Asked(argv, now)
            self.go_on(now)

    def end(self, id: str) -> None:
        self._asked.pop(id, None)

    def due(self) -> float:
        """When to ask the next one; never, where all are under way."""
        return min((one.at for one in self._asked.values() if not one.running), default=float("inf"))

    def go_on(self, now: float) -> None:
        """Asks whom it is time to ask again."""
        for id, one in list(self._asked.items()):
            if one.at <= now and not one.running:
                # Where the Engine refuses, its own probes tell, only later.
                running = self._engine.start_inside(id, one.argv)
                self._asked[id] = replace(one, running=running, at=one.at if running else float("inf"))

    def answered(self, event: Mapping[str, Any], now: float) -> str:
        """The container that this event says works; empty where it says something else."""
        told = event["Actor"].get("Attributes") or NOTHING
        id = str(event["Actor"]["ID"])
        one = self._asked.get(id)
        if one is None or not one.running or told.get("execID") != one.running:
            return ""
        if told.get("exitCode") == "0":
            self._asked[id] = replace(one, running="", at=float("inf"))
            return id
        pause = min(one.pause * 2, _LONGEST_PAUSE)
        self._asked[id] = replace(one, running="", at=now + one.pause, pause=pause)
        return ""


def argv_of(container: Container) -> tuple[str, ...]:
    """The container's healthcheck as a program and its arguments; empty where it has none."""
    config = container.inspect["Config"]
    kind, *words = (config.get("Healthcheck") or NOTHING).get("Test") or ["NONE"]
    if kind == "CMD-SHELL" and words:
        return (*(config.get("Shell") or _SHELL), words[0])
    return tuple(words) if kind == "CMD" else ()
