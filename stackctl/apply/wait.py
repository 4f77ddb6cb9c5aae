"""Waiting until started containers work, on the Engine's own events: no polling, no fixed sleep."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from stackctl.apply.asking import EXEC_DIE, Asking
from stackctl.engine import Engine, NotThere
from stackctl.event_stream import EventStream
from stackctl.model import NOTHING, Container, Kind, Stanza
from stackctl.observe import PROJECT_LABEL, container

STABLE = 1.0
"""Seconds that a container without a healthcheck must keep running before it counts as started."""

RUNNING_WITHIN = 30.0
JOB_WITHIN = 3600.0
SLACK = 10.0
"""Seconds beyond what a healthcheck allows itself: starting the probe takes time too."""

RESTARTS = 2
"""Deaths that a container with a restart policy may have on its way: it may have come before its database."""

_EVENTS = ["start", "die", "health_status", "destroy", EXEC_DIE]


@dataclass(frozen=True)
class Verdict:
    """How the wait for one container ended."""

    container: Container
    ok: bool
    detail: str
    early: bool = False
    """Whether only this run asked so far: the wait for what the Engine finds goes on."""


@dataclass(frozen=True)
class Watch:
    """One container being waited for; times are on `time.monotonic`'s clock."""

    container: Container
    kind: Kind
    deadline: float
    steady_from: float
    """Since when this run of the container has been seen running."""

    @property
    def due(self) -> float:
        """When to look even if nothing happens."""
        steady = self.kind is not Kind.JOB and self.container.running and not healthcheck(self.container)
        return min(self.deadline, self.steady_from + STABLE) if steady else self.deadline


def subscribe(engine: Engine, project: str) -> EventStream:
    """The events that `Waiting` needs; to be subscribed before the containers are started."""
    return engine.events({"type": ["container"], "event": _EVENTS, "label": [f"{PROJECT_LABEL}={project}"]})


class Waiting:
    """The containers that are being waited for; more may be added at any time."""

    def __init__(self, engine: Engine, events: EventStream) -> None:
        self._engine = engine
        self._events = events
        self._watches: dict[str, Watch] = {}
        self._added: list[Verdict] = []
        """What is to be said before anything else happens."""
        self.said_yes: set[str] = set()
        """Containers that told this run that they work, ahead of the Engine, and have not died since."""
        self._asking = Asking(engine)
        self._often: dict[str, float] = {}

    def __bool__(self) -> bool:
        return bool(self._watches or self._added)

    def add(self, container: Container, kind: Kind, often: float = 0) -> None:
        """`container` as it was found just now; events since then tell the rest.

        With `often`, seconds, this run asks its healthcheck too, for an early verdict.
        """
        now = time.monotonic()
        self._watches[container.id] = watch(container, kind, now)
        if often:
            self._often[container.id] = often
        self._added += self._judged(container.id, container.inspect, now)

    def verdicts(self) -> tuple[Verdict, ...]:
        """The next verdicts, all that can be had at once; waits until there is one.

        An event only says when to look: what counts is the state that is found then.
        """
        found, self._added = self._added, []
        while not found and self._watches:
            self._asking.go_on(time.monotonic())
            for id in sorted(self._due()):
                found += self._judged(id, _inspect(self._engine, id), time.monotonic())
            found, self._added = [*found, *self._added], []
        return tuple(found)

    def _judged(self, id: str, inspect: Stanza, now: float) -> tuple[Verdict, ...]:
        self._watches[id], verdict = judge(self._watches[id], inspect, now)
        if verdict is None:
            seen = self._watches[id].container
            if not seen.running:
                self._forget(id)
            if id in self._often and seen.running and seen.health == "starting":
                self._asking.begin(seen, self._often[id], now)
            return ()
        del self._watches[id]
        self._asking.end(id)
        return (verdict,)

    def _due(self) -> set[str]:
        """Those that something happened to, or whose time has come; maybe none, where one is to be asked."""
        due = min(self._asking.due(), *(w.due for w in self._watches.values()))
        events = list(islice(self._events.until(due), 1))
        # What else was told in the meantime is looked at in the same go.
        events += self._events.until(time.monotonic())
        told = {*map(self._news, events)} - {""}
        return told or {id for id, w in self._watches.items() if w.due <= time.monotonic()}

    def _news(self, event: Mapping[str, Any]) -> str:
        """The container that has something new to show; empty where this event tells of nothing new."""
        id = str(event["Actor"]["ID"])
        if id not in self._watches:
            return ""
        if event["Action"] == EXEC_DIE:
            return self._answered(event)
        if event["Action"] == "die":
            self._forget(id)
        # Before one that was seen running starts again, it dies.
        return "" if event["Action"] == "start" and self._watches[id].container.running else id

    def _forget(self, id: str) -> None:
        """What it said is of a run that has ended."""
        self._asking.end(id)
        self.said_yes.discard(id)
        self._added = [verdict for verdict in self._added if verdict.container.id != id]

    def _answered(self, event: Mapping[str, Any]) -> str:
        """The container that said to this run that it works; the Engine may know it by now, too."""
        id = self._asking.works(event, time.monotonic())
        if id:
            self.said_yes.add(id)
            self._added.append(Verdict(self._watches[id].container, True, "healthy", early=True))
        return id


def watch(container: Container, kind: Kind, now: float) -> Watch:
    return Watch(container, kind, now + patience(container, kind), now)


def judge(watch: Watch, inspect: Stanza, now: float) -> tuple[Watch, Verdict | None]:
    """What one look at a container says: the watch as it goes on, and the verdict if there is one. Pure."""
    if not inspect:
        return watch, Verdict(watch.container, False, "was removed while it started")
    seen = container(inspect)
    if _run_of(seen) != _run_of(watch.container):
        watch = replace(watch, steady_from=now)
    watch = replace(watch, container=seen)
    ok, detail = _state(watch, now)
    return watch, Verdict(seen, ok, detail) if detail else None


def _state(watch: Watch, now: float) -> tuple[bool, str]:
    seen = watch.container
    if seen.state in ("exited", "dead"):
        if watch.kind is Kind.JOB and seen.exit_code == 0:
            return True, "done"
        return False, death(seen)
    if seen.restarts > RESTARTS:
        return False, f"{death(seen)}, {seen.restarts} times over"
    if seen.running and watch.kind is not Kind.JOB:
        if seen.health == "healthy":
            return True, "healthy"
        if seen.health == "unhealthy":
            return False, f"is unhealthy{_probe(seen)}"
        if not healthcheck(seen) and now - watch.steady_from >= STABLE:
            return True, "running"
    if now >= watch.deadline:
        lacks = "healthy" if healthcheck(seen) and seen.running else "done" if seen.running else "running"
        return False, f"was not {lacks} after {patience(seen, watch.kind):g} s{_probe(seen)}"
    return False, ""


def patience(container: Container, kind: Kind) -> float:
    """Seconds after which a container that is not ready never will be, by its own healthcheck."""
    if kind is Kind.JOB:
        return JOB_WITHIN
    check = healthcheck(container)
    if not check:
        return RUNNING_WITHIN
    start, interval, timeout = (
        (check.get(name) or seconds * 10**9) / 1e9
        for name, seconds in (("StartPeriod", 0), ("Interval", 30), ("Timeout", 30))
    )
    return float(start + (check.get("Retries") or 3) * (interval + timeout) + SLACK)


def healthcheck(container: Container) -> Stanza:
    """The container's healthcheck, empty where it has none or switches it off."""
    check: Stanza = container.inspect["Config"].get("Healthcheck") or NOTHING
    return NOTHING if list(check.get("Test") or ["NONE"]) == ["NONE"] else check


def _run_of(container: Container) -> tuple[str, int]:
    return container.inspect["State"].get("StartedAt", ""), container.restarts


def death(container: Container) -> str:
    """How it ended, with its exit code."""
    state = container.inspect["State"]
    if state.get("OOMKilled"):
        return "was killed because it used more memory than its limit"
    said = f" ({state['Error']})" if state.get("Error") else ""
    return f"exited with code {container.exit_code}{said}"


def _probe(container: Container) -> str:
    """What the last probe of the healthcheck said."""
    log = (container.inspect["State"].get("Health") or NOTHING).get("Log") or ()
    if not log:
        return ""
    said = str(log[-1].get("Output", "")).strip()
    code = log[-1].get("ExitCode")
    silent = f"; its last probe said nothing and ended with {code}" if code else ""
    return f"; its last probe said: {said.splitlines()[-1][:200]}" if said else silent


def _inspect(engine: Engine, id: str) -> Stanza:
    try:
        found: Stanza = engine.get(f"/containers/{id}/json")
    except NotThere:
        return NOTHING
    return found
