"""Healthchecks asked each `start_interval` by this run, where the Engine is too old to do that itself."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from stackctl import normal
from stackctl.engine import Engine
from stackctl.model import NOTHING, Container, Stanza
from stackctl.read.variables import interpolate_data

EXEC_DIE = "exec_die"

UNSTATED = 5.0
"""Seconds that an Engine which knows `start_interval` takes where none is stated."""
_SOONEST = 0.1
"""Seconds: each asking costs two requests and a program in the container."""
_SHELL = ("/bin/sh", "-c")
_NEVER = float("inf")


@dataclass(frozen=True)
class _Asked:
    argv: tuple[str, ...]
    every: float
    timeout: float
    at: float
    """When to ask, on `time.monotonic`'s clock."""
    until: float
    running: str = ""
    """The Engine's id of what was asked and has not ended."""
    late: float = _NEVER
    """From when on its answer counts for nothing, on the Engine's clock: it may be read much later."""


class Asking:
    """Asks containers whether they work. Nothing waits for an answer: an event tells how each one ended.

    Only one is under way in a container at a time, so one that hangs is the last.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._asked: dict[str, _Asked] = {}

    def begin(self, container: Container, every: float, now: float) -> None:
        """Asks a container from now on, as long as it may take to start; once begun, it goes on so."""
        argv, every = argv_of(container), max(every, _SOONEST)
        # Nobody need ask what the Engine asks sooner.
        if container.id not in self._asked and argv and every < _interval(container):
            until = now + _start_period(container)
            self._asked[container.id] = _Asked(argv, every, _timeout(container), now + every, until)

    def end(self, id: str) -> None:
        """Asks it no more, and listens to no answer of it."""
        self._asked.pop(id, None)

    def due(self) -> float:
        """When to ask the next one; never, where all are under way."""
        return min((one.at for one in self._asked.values() if not one.running), default=_NEVER)

    def go_on(self, now: float) -> None:
        """Asks whom it is time to ask again."""
        for id, one in list(self._asked.items()):
            if one.running or one.at > now:
                continue
            # Where the Engine refuses, or its start period is over, its own probes tell, only later.
            running = self._engine.start_inside(id, one.argv) if one.at < one.until else ""
            at = one.at if running else _NEVER
            self._asked[id] = replace(one, running=running, at=at, late=time.time() + one.timeout)

    def works(self, event: Mapping[str, Any], now: float) -> str:
        """The container that this event says works; empty where it says something else."""
        told = event["Actor"].get("Attributes") or NOTHING
        id = str(event["Actor"]["ID"])
        one = self._asked.get(id)
        if one is None or not one.running or told.get("execID") != one.running:
            return ""
        well = told.get("exitCode") == "0" and event["timeNano"] / 1e9 <= one.late
        self._asked[id] = replace(one, running="", at=_NEVER if well else now + one.every)
        return id if well else ""


def often(declared: Stanza, variables: Mapping[str, str]) -> float:
    """Seconds between two askings while it starts, as the manifest states it; 0 where it does not."""
    check = declared.get("healthcheck") or NOTHING
    stated, _ = interpolate_data(check.get("start_interval"), variables)
    return normal.seconds(stated) or 0.0


def _start_period(container: Container) -> float:
    """Seconds in which the container's healthcheck may fail without counting."""
    return _seconds(container, "StartPeriod", 0)


def _interval(container: Container) -> float:
    return _seconds(container, "Interval", 30)


def _timeout(container: Container) -> float:
    return _seconds(container, "Timeout", 30)


def _seconds(container: Container, key: str, unstated: float) -> float:
    check = container.inspect["Config"].get("Healthcheck") or NOTHING
    return float((check.get(key) or unstated * 1e9) / 1e9)


def argv_of(container: Container) -> tuple[str, ...]:
    """The container's healthcheck as a program and its arguments; empty where it has none."""
    config = container.inspect["Config"]
    kind, *words = (config.get("Healthcheck") or NOTHING).get("Test") or ["NONE"]
    if kind == "CMD-SHELL" and words:
        return (*(config.get("Shell") or _SHELL), words[0])
    return tuple(words) if kind == "CMD" else ()
