"""What every command is: a story of events that ends in an answer and an exit code."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from stackctl.errors import Exit
from stackctl.events import Event
from stackctl.findings import Finding
from stackctl.model import Fingerprint, Plan, Result, State


@dataclass(frozen=True)
class LintAnswer:
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class RenderAnswer:
    changed: tuple[str, ...]
    """Files that were written, or that `--check` found to differ."""
    unchanged: tuple[str, ...]
    checked: bool = False


@dataclass(frozen=True)
class PlanAnswer:
    plan: Plan


@dataclass(frozen=True)
class UpAnswer:
    plan: Plan
    results: tuple[Result, ...] = ()


@dataclass(frozen=True)
class VerifyAnswer:
    results: tuple[Result, ...]


@dataclass(frozen=True)
class SpokeFingerprint:
    spoke: str
    declared: Fingerprint
    committed: str
    """The label in the committed compose file; empty where there is none."""
    recorded: str
    """What the page records."""
    applied: str = ""
    """The label that `up` gives to the container on this host; empty where the host was not asked."""
    running: str = ""
    """The applied label that the running container carries."""


@dataclass(frozen=True)
class FingerprintAnswer:
    spokes: tuple[SpokeFingerprint, ...]
    pending: tuple[str, ...] = ()
    """Sentences: what differs, and from what."""


@dataclass(frozen=True)
class SpokeStatus:
    spoke: str
    kind: str
    profiles: tuple[str, ...]
    runs: str
    """The container's state and health, or "absent"."""
    restarts: int
    changes: str
    """What `plan` would do with it, "" for nothing."""
    proof: State
    documented: bool
    stand_in: str
    """The image that runs here in place of the declared one."""


@dataclass(frozen=True)
class StatusAnswer:
    stack: str
    engine: str
    spokes: tuple[SpokeStatus, ...]
    strays: tuple[str, ...] = ()
    """Containers of the project whose spoke is gone."""


@dataclass(frozen=True)
class DownAnswer:
    removed: tuple[str, ...]


@dataclass(frozen=True)
class LinesAnswer:
    """Every line was an event already."""


Answer = (
    LintAnswer
    | RenderAnswer
    | PlanAnswer
    | UpAnswer
    | VerifyAnswer
    | FingerprintAnswer
    | StatusAnswer
    | DownAnswer
    | LinesAnswer
)


@dataclass(frozen=True)
class Ended:
    answer: Answer
    exit_code: Exit = Exit.DONE


Story = Generator[Event, None, Ended]
