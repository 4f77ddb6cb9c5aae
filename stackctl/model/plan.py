"""What `up` would do, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from stackctl.findings import Location


class Verb(StrEnum):
    CREATE = "create"
    START = "start"
    RECREATE = "recreate"
    REMOVE = "remove"
    NOTHING = "nothing"


class Who(StrEnum):
    YOU = "you"
    HOST = "the host"
    IMAGE = "the image"
    STACKCTL = "stackctl"


@dataclass(frozen=True)
class Cause:
    """Why an action is needed: which field went from what to what, and who changed it."""

    who: Who
    field: str
    old: str = ""
    new: str = ""
    at: Location | None = None


class Way(StrEnum):
    """How a running container gives way to what is wanted."""

    BESIDE = "beside"
    """The new one starts beside the old one, and takes over once it works."""
    STOP_FIRST = "stop-first"
    RELOAD = "reload"
    """The container stays and reads its configuration again."""
    JOB = "job"
    """Nothing to take over from: it runs again."""


@dataclass(frozen=True)
class Replacement:
    way: Way
    reasons: tuple[str, ...] = ()
    """Why the new container cannot start beside the old one, as `it publishes port 8080`."""
    data: tuple[str, ...] = ()
    """Where it writes what outlives its container, as `volume db-data at /data`: going back to the old
    container does not bring that back."""


@dataclass(frozen=True)
class Action:
    spoke: str
    verb: Verb
    causes: tuple[Cause, ...] = ()
    replacement: Replacement | None = None
    """How, where something that is there is replaced."""


@dataclass(frozen=True)
class Plan:
    actions: tuple[Action, ...]
    """In the order of the dependency graph, one for each active spoke and each removed one."""
    idle: tuple[str, ...] = ()
    """Spokes of inactive profiles that run and are left alone."""

    @property
    def changes(self) -> tuple[Action, ...]:
        return tuple(a for a in self.actions if a.verb is not Verb.NOTHING)
