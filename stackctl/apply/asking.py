"""Healthchecks asked each `start_interval` by this run, where the Engine is too old to do that itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from stackctl import normal
from stackctl.engine import Engine
from stackctl.model import NOTHING, Container, Stanza

EXEC_DIE = "exec_die"

_SOONEST = 0.1
"""Seconds: each asking costs two requests and a program in the container."""
_SHELL = ("/bin/sh", "-c")
_NEVER = float("inf")


@dataclass(frozen=True)
class _Asked:
    argv: tuple[str, ...]
    every: float
    at: float
    """When to ask, on `time.monotonic`'s clock."""
    until: float
    running: str = ""
    """The Engine's id of what was asked and has not ended."""


class Asking:
    """Asks containers whether they work. Nothing waits for an answer: an event tells how each one ended.

    Only one is under way in a container at a time, so one that hangs is the last.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._asked: dict[str, _Asked] = {}

    def begin(self, container: Container, every: float, now: float) -> None:
        """Asks a container from now on, as long as it may take to start; once begun, it goes on so."""
        if container.id not in self._asked and (argv := argv_of(container)):
            every = max(every, _SOONEST)
            self._asked[container.id] = _Asked(argv, every, now + every, now + start_period(container))

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
            self._asked[id] = replace(one, running=running, at=one.at if running else _NEVER)

    def works(self, event: Mapping[str, Any], now: float) -> str:
        """The container that this event says works; empty where it says something else."""
        told = event["Actor"].get("Attributes") or NOTHING
        id = str(event["Actor"]["ID"])
        one = self._asked.get(id)
        if one is None or not one.running or told.get("execID") != one.running:
            return ""
        well = told.get("exitCode") == "0"
        self._asked[id] = replace(one, running="", at=_NEVER if well else now + one.every)
        return id if well else ""


def often(declared: Stanza, here: Stanza) -> float:
    """Seconds between two askings that a service declares and the Engine here was not told; 0 for none."""
    stated, known = (service.get("healthcheck") or NOTHING for service in (declared, here))
    if "start_interval" in known:
        return 0.0
    return normal.seconds(stated.get("start_interval")) or 0.0


def start_period(container: Container) -> float:
    """Seconds in which the container's healthcheck may fail without counting."""
    check = container.inspect["Config"].get("Healthcheck") or NOTHING
    return float((check.get("StartPeriod") or 0) / 1e9)


def argv_of(container: Container) -> tuple[str, ...]:
    """The container's healthcheck as a program and its arguments; empty where it has none."""
    config = container.inspect["Config"]
    kind, *words = (config.get("Healthcheck") or NOTHING).get("Test") or ["NONE"]
    if kind == "CMD-SHELL" and words:
        return (*(config.get("Shell") or _SHELL), words[0])
    return tuple(words) if kind == "CMD" else ()
