"""Interleaved runs of commands, and their medians."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.asked import Asked


@dataclass(frozen=True)
class Run:
    """A command that is measured; `before` is not."""

    name: str
    argv: Sequence[str]
    cwd: Path
    before: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Ratio:
    """How long one thing may take, measured in another."""

    case: str
    of: str
    to: str
    bar: float
    later: bool = False
    """The bar belongs to later work: it is shown, and does not fail."""
    less: str = ""
    """What is taken off both first, such as the start of a process."""
    more: bool = False
    """The bar is in milliseconds: how much longer the one may take than the other."""
    pairs: bool = False
    """The median of the ratios of each round, for what varies more between rounds than within one."""


@dataclass(frozen=True)
class Measured:
    ratio: Ratio
    ms: float
    base_ms: float
    less_ms: float = 0.0
    of_pairs: float | None = None

    @property
    def value(self) -> float:
        if self.of_pairs is not None:
            return self.of_pairs
        if self.ratio.more:
            return self.ms - self.base_ms
        return (self.ms - self.less_ms) / (self.base_ms - self.less_ms)

    @property
    def holds(self) -> bool:
        return self.value <= self.ratio.bar

    @property
    def verdict(self) -> str:
        return "holds" if self.holds else "DOES NOT HOLD" + (" yet" if self.ratio.later else "")

    @property
    def told(self) -> tuple[str, str]:
        """The value and its bar."""
        if self.ratio.more:
            return f"{self.value:+.0f}", f"+{self.ratio.bar:.0f}"
        return f"{self.value:.2f}", f"{self.ratio.bar:.3g}"


@dataclass(frozen=True)
class Idle:
    """Plans of a stack in which nothing moved, and how many of them found something to do."""

    plans: int
    changes: int


@dataclass
class Session:
    """Every number that was taken."""

    rounds: int
    idle: Idle | None = None
    asked: Asked | None = None
    raw: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=lambda: compiled(os.environ))

    def interleaved(self, case: str, runs: Sequence[Run]) -> None:
        """Each command in turn, so that whatever else this machine does meets all of them alike."""
        taken: dict[str, list[float]] = {run.name: [] for run in runs}
        for number in range(-1, self.rounds):
            for run in runs:
                run.before()
                milliseconds = self.timed(run)
                # The first round fills caches: of files, and of byte code.
                if number >= 0:
                    taken[run.name].append(milliseconds)
        self.raw[case] = taken

    def timed(self, run: Run) -> float:
        began = time.perf_counter()
        done = subprocess.run(
            run.argv, cwd=run.cwd, env=self.environ, capture_output=True, text=True, timeout=120, check=False
        )
        took = (time.perf_counter() - began) * 1000
        if done.returncode:
            raise SystemExit(f"bench: {' '.join(run.argv)} failed: {done.stderr or done.stdout}")
        return took

    def median(self, case: str, name: str) -> float:
        return statistics.median(self.raw[case][name])

    def ratio(self, ratio: Ratio) -> Measured:
        less = self.median(ratio.case, ratio.less) if ratio.less else 0.0
        taken, base = (self.raw[ratio.case][name] for name in (ratio.of, ratio.to))
        of_pairs = (
            statistics.median(one / other for one, other in zip(taken, base, strict=True))
            if ratio.pairs
            else None
        )
        return Measured(ratio, statistics.median(taken), statistics.median(base), less, of_pairs)


def compiled(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment in which Python keeps byte code, as it does where stackctl was installed."""
    return {name: value for name, value in environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
