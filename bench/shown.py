"""What was measured, as one table: for a terminal, for a page, for a program."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.asked import Asked
from bench.measure import Idle, Measured, Session

_HEAD = ("what", "ms", "measured in", "ms", "ratio", "bar", "")
_WIDTHS = "{:<25} {:>7}  {:<25} {:>7}  {:>6} {:>6}  {}"


@dataclass(frozen=True)
class Seen:
    machine: Mapping[str, object]
    measured: Sequence[Measured]
    idle: Idle | None
    asked: Asked | None


def machine(session: Session, seconds: float) -> dict[str, object]:
    """Where it was measured, and how."""
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "processor": _line("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory": f"{int(_line('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.0f} GiB",
        "kernel": platform.release(),
        "load at the end": round(os.getloadavg()[0], 1),
        "Python": platform.python_version(),
        "Engine": _said("docker", "version", "--format", "{{.Server.Version}}"),
        "Compose": _said("docker", "compose", "version", "--short"),
        "rounds": session.rounds,
        "took": f"{seconds / 60:.0f} min",
    }


def document(seen: Seen, raw: Mapping[str, object]) -> dict[str, object]:
    return {
        "machine": dict(seen.machine),
        "ratios": [
            {
                "case": m.ratio.case,
                "of": m.ratio.of,
                "to": m.ratio.to,
                "value": round(m.value, 3),
                "bar": m.ratio.bar,
                "holds": m.holds,
                "later": m.ratio.later,
            }
            for m in seen.measured
        ],
        "milliseconds": raw,
        "idle plans": seen.idle and {"plans": seen.idle.plans, "changes": seen.idle.changes},
        "asked by a plan": seen.asked
        and {
            "containers": seen.asked.containers,
            "connections": seen.asked.connections,
            "requests": seen.asked.requests,
        },
    }


def table(seen: Seen) -> str:
    lines = [", ".join(f"{name} {value}" for name, value in seen.machine.items()), ""]
    lines += [_WIDTHS.format(*row).rstrip() for row in (_HEAD, *_rows(seen))]
    return "\n".join(lines)


def page(seen: Seen) -> str:
    lines = ["# What it costs", ""]
    lines += ["One run of `scripts/bench`: medians of commands that were run in turn, in milliseconds.", ""]
    lines += [f"- **{name}:** {value}" for name, value in seen.machine.items()]
    lines += ["", _row(_HEAD), "|---|---:|---|---:|---:|---:|---|", *map(_row, _rows(seen))]
    return "\n".join(lines) + "\n"


def _rows(seen: Seen) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (_of(m), f"{m.ms:.0f}", m.ratio.to, f"{m.base_ms:.0f}", *m.told, m.verdict) for m in seen.measured
    ]
    if idle := seen.idle:
        verdict = "DOES NOT HOLD" if idle.changes else "holds"
        row = ("idle plans with a change", "", f"{idle.plans} plans", "", f"{idle.changes}", "0", verdict)
        rows.append(row)
    if asked := seen.asked:
        verdict = "holds" if asked.holds else "DOES NOT HOLD"
        where = f"{asked.containers} spokes, {asked.connections} connection{'s'[: asked.connections != 1]}"
        row = ("requests of an idle plan", "", where, "", f"{len(asked.requests)}", f"{asked.least}", verdict)
        rows.append(row)
    return rows


def _of(measured: Measured) -> str:
    """Where many cases measure the same command, the case tells them apart."""
    ratio = measured.ratio
    return f"{ratio.case}" if "," in ratio.case else ratio.of


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _line(file: str, name: str) -> str:
    lines = (line.partition(":") for line in Path(file).read_text().splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), "unknown")


def _said(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, timeout=60).stdout.strip()
