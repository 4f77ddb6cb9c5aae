"""What `up` would do, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from stackctl.findings import Location


class Verb(StrEnum):
    CREATE = "create"
    START = "start"
    RECREATE = "recreate"
    RELOAD = "reload"
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
    """Why the new container cannot start beside the old one, as `it publishes port 8080`; a reload's cost."""
    data: tuple[str, ...] = ()
    """Where it writes what outlives its container, as `volume db-data at /data`: going back to the old
    container does not bring that back."""


@dataclass(frozen=True)
class Consequences:
    """What a replacement costs those who use the stack."""

    restarts: tuple[str, ...] = ()
    """Spokes that stop and start: its own, unless it is replaced beside itself, and those that go with it."""
    hosts: tuple[str, ...] = ()
    """Host names that do not answer while it happens."""
    gap: str = ""
    """How long they do not; empty for no gap at all."""
    irreversible: str = ""
    """Why the state before cannot be had again; empty where it can."""


@dataclass(frozen=True)
class Action:
    spoke: str
    verb: Verb
    causes: tuple[Cause, ...] = ()
    replacement: Replacement | None = None
    """How, where something that is there is replaced."""
    consequences: Consequences | None = None


@dataclass(frozen=True)
class Exposure:
    """Something that would be open and was not: it needs a yes of its own."""

    spoke: str
    code: str
    what: str
    """`publishes 8080/tcp on every address`; the rest of a sentence that begins with the spoke."""
    at: Location | None = None
    accepted: str = ""
    """The reason for which the spoke's manifest accepts it; empty where it does not."""


@dataclass(frozen=True)
class Notice:
    """What is not as declared although it belongs to no spoke; `up` leaves it as it is."""

    about: str
    """`network homelab_socket`"""
    causes: tuple[Cause, ...]
    remedy: str
    """What a person can do about it."""


@dataclass(frozen=True)
class Plan:
    actions: tuple[Action, ...]
    """In the order of the dependency graph, one for each active spoke and each removed one."""
    idle: tuple[str, ...] = ()
    """Spokes of inactive profiles that run and are left alone."""
    exposures: tuple[Exposure, ...] = ()
    """What the changes open."""
    notices: tuple[Notice, ...] = ()
    first: bool = False
    """Nothing of the stack was applied here before: the yes to the plan is one to all that it opens."""

    @property
    def changes(self) -> tuple[Action, ...]:
        return tuple(a for a in self.actions if a.verb is not Verb.NOTHING)

    @property
    def unaccepted(self) -> tuple[Exposure, ...]:
        """The exposures that somebody has to say yes to."""
        return () if self.first else tuple(e for e in self.exposures if not e.accepted)

    @property
    def pending(self) -> bool:
        """Whether anything is not as declared."""
        return bool(self.changes or self.notices)

    @property
    def in_a_word(self) -> str:
        """What to say of a plan without changes."""
        if self.notices:
            return "nothing that `up` could do: what is named above stays as it is"
        return "nothing to do: what runs is what the files declare"
