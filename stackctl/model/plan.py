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


@dataclass(frozen=True)
class Action:
    spoke: str
    verb: Verb
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True)
class Plan:
    actions: tuple[Action, ...]
    """In the order of the dependency graph, one for each active spoke and each removed one."""
    idle: tuple[str, ...] = ()
    """Spokes of inactive profiles that run and are left alone."""

    @property
    def changes(self) -> tuple[Action, ...]:
        return tuple(a for a in self.actions if a.verb is not Verb.NOTHING)
