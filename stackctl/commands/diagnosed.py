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
    """The code of the broken link; empty where none is."""
    saw: str = ""
    fix: str = ""
    unrouted: str = ""
    """Why no route is meant to lead to it, where every link holds and there is none."""
    hints: tuple[str, ...] = ()
    """Where no link is broken: what to do about each that was not passed, or instead of a route."""


@dataclass(frozen=True)
class DoctorAnswer:
    diagnoses: tuple[Diagnosis, ...]
