"""What a command tells while it works: the console, `--json` and the records read the same events."""

from __future__ import annotations

from dataclasses import dataclass

from stackctl.findings import Finding
from stackctl.model import Plan, Result


@dataclass(frozen=True)
class Found:
    finding: Finding


@dataclass(frozen=True)
class Planned:
    plan: Plan


@dataclass(frozen=True)
class Started:
    """A step that may take over a second begins; a Finished with the same step and spoke ends it."""

    step: str
    spoke: str = ""


@dataclass(frozen=True)
class Finished:
    step: str
    spoke: str = ""
    ok: bool = True
    detail: str = ""


@dataclass(frozen=True)
class Checked:
    result: Result


@dataclass(frozen=True)
class Said:
    """A sentence for the person; `warning` where it asks for attention."""

    message: str
    warning: bool = False


@dataclass(frozen=True)
class Line:
    """A line that a spoke's container wrote."""

    spoke: str
    text: str


Event = Found | Planned | Started | Finished | Checked | Said | Line
