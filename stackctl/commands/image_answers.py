"""What commands about images and policies end in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from stackctl.model import Result

Role = Literal["needed", "optional", "excess", "unclaimed", "missing"]
"""What an operation is to the consumers; unclaimed where nothing says who they are."""


@dataclass(frozen=True)
class PolicyAnswer:
    spoke: str
    mode: str
    dialect: str
    """How the switches are read; empty for a strict policy, and where nothing is known of the image."""
    measured: bool
    consumers: tuple[str, ...]
    declared: bool
    """Whether the policy names them; otherwise their images gave them away."""
    opens: tuple[ReviewedOperation, ...]
    """Worst first."""
    missing: tuple[ReviewedOperation, ...]
    needs: int
    suggestion: Suggestion | None = None


@dataclass(frozen=True)
class ReviewedOperation:
    operation: str
    exposes: str
    role: Role
    note: str = ""


@dataclass(frozen=True)
class Suggestion:
    """The smallest policy, in both ways of writing it."""

    consumers: tuple[str, ...]
    operations: tuple[str, ...]
    """What a strict policy states beyond its consumers."""
    environment: Mapping[str, str]
    """The same with switches; those that are left at their default are left out."""
    opened_by_switches: int
    left_open: tuple[str, ...]
    """What the switches open and nobody needs; a strict policy leaves nothing open."""
    impossible: tuple[str, ...]
    """What no switch opens."""


@dataclass(frozen=True)
class Pin:
    """What is known of the image of one spoke."""

    spoke: str
    image: str
    """As the files state it."""
    digest: str
    """What its tag means in the registry; empty where that is not known."""
    state: Literal["pinned", "unpinned", "moved", "unknown", "skipped"]
    """Moved: the tag means another image than the files state."""
    why: str = ""
    written: bool = False


@dataclass(frozen=True)
class PinAnswer:
    pins: tuple[Pin, ...]
    changed: tuple[str, ...]
    """The files that were edited."""
    results: tuple[Result, ...] = ()
    """What the checks said of the candidates."""


@dataclass(frozen=True)
class PulledImage:
    spoke: str
    image: str
    old: str
    new: str
    """The image's id before and after; `old` is empty where it was not there."""


@dataclass(frozen=True)
class TravelAnswer:
    """What was exported or imported."""

    stack: str
    archive: str
    files: tuple[str, ...]
    images: Mapping[str, str]
    """Spoke -> image; of an import, by its name here, and `""` for the prober."""
    next: tuple[str, ...] = ()


@dataclass(frozen=True)
class PullAnswer:
    images: tuple[PulledImage, ...]
    skipped: Mapping[str, str]
    """Spoke -> why there is nothing to pull."""
