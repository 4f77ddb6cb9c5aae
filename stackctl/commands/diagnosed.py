"""What `stackctl doctor` ends in."""

from __future__ import annotations

from dataclasses import dataclass

from stackctl.model import Result


@dataclass(frozen=True)
class Diagnosis:
    """The chain from the Engine to a spoke's name, up to the first broken link."""

    spoke: str
    """Empty where nothing could be said of any spoke."""
    links: tuple[Result, ...]
    broken: str = ""
    """The code of the broken link; empty where every link holds."""
    saw: str = ""
    fix: str = ""


@dataclass(frozen=True)
class DoctorAnswer:
    diagnoses: tuple[Diagnosis, ...]
