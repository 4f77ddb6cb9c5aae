"""What `history` and `records` end in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stackctl.model import State

if TYPE_CHECKING:
    from stackctl.history import Run


@dataclass(frozen=True)
class HistoryAnswer:
    runs: tuple[Run, ...]
    """The oldest first."""
    kept: tuple[int, ...]
    """The good states that can still be gone back to, the newest first."""


@dataclass(frozen=True)
class RecordSeen:
    """What one run of the checks saw of a spoke, in short."""

    at: str
    spoke: str
    fingerprint: str
    """The first digits of what was declared then."""
    current: bool
    """Whether the files still declare that."""
    held: bool
    outcomes: Mapping[str, int]
    """How many checks passed, failed and were unreachable."""
    against: tuple[str, ...]
    """The checks that did not pass; some may be accepted, or only warn."""


@dataclass(frozen=True)
class StaleSpoke:
    """A spoke without a pass on its current fingerprint."""

    spoke: str
    state: State
    fingerprint: str
    """The first digits of what is declared now."""
    passed_at: str
    """When its checks last held, UTC; empty where they never did."""
    passed_on: str
    """The first digits of what was declared then."""


@dataclass(frozen=True)
class RecordsAnswer:
    records: tuple[RecordSeen, ...] = ()
    """Per spoke, the oldest first."""
    stale: tuple[StaleSpoke, ...] | None = None
    """With `--stale`."""
