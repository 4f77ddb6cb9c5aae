"""From nothing to everything healthy: five spokes in a chain, and thirty in two levels.

When the Engine first probes decides most of it. From Engine 25 on, it asks what has a start period each five
seconds at first, or as `start_interval` says; with older ones, stackctl asks. There, Compose refuses
`start_interval`, so it runs the same containers without, as the override that stackctl writes says.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench import stacks
from bench.measure import Run, Session

ROUNDS, OF_LONG_ONES = 3, 2
"""They take from half a minute to one and a half, and what varies is small beside that."""

_TRIES = 5
"""Of taking down: a busy Engine may not have ended what it killed."""

CHAIN, LEVELS = "cold start, five deep", "cold start, 30 in two levels"
HURRIED_CHAIN, SHORT_CHAIN = "the same, start_interval", "the same, no start_period"

_WITH_A_START_PERIOD = "interval: 10s, start_period: 30s"
_AND_OFTEN_AT_FIRST = "interval: 1s, start_period: 30s, start_interval: 200ms"
_EACH_SECOND = "interval: 1s"
_EACH_FIVE_SECONDS = "interval: 5s"
"""Thirty that are probed each second would keep both cores of a small machine busy with probes."""


def cold(session: Session, work: Path, stackctl: str, prefix: str, image: str) -> None:
    """`stackctl up` and `compose up --wait` of each case, in milliseconds."""
    chain = {f"web-{n}": [f"web-{n - 1}"] if n else [] for n in range(5)}
    levels = {f"web-{n}": [f"web-{n % 10}"] if n >= 10 else [] for n in range(30)}
    cases = (
        (CHAIN, chain, _WITH_A_START_PERIOD, OF_LONG_ONES),
        (HURRIED_CHAIN, chain, _AND_OFTEN_AT_FIRST, ROUNDS),
        (SHORT_CHAIN, chain, _EACH_SECOND, ROUNDS),
        (LEVELS, levels, _EACH_FIVE_SECONDS, ROUNDS),
    )
    for case, needs, often, rounds in cases:
        root = work / case.replace(" ", "-").replace(",", "")
        stacks.to_start(root, f"{prefix}{os.getpid()}-{secrets.token_hex(2)}", needs, image, often)
        argv = [stackctl, "render"]
        subprocess.run(argv, cwd=root, check=True, capture_output=True, env=dict(session.environ))

        down = partial(_take_down, root)
        try:
            replace(session, rounds=min(rounds, session.rounds)).interleaved(
                case,
                (
                    Run("stackctl up", [stackctl, "up", "--yes", "--no-verify"], root, down),
                    Run("compose up --wait", ["docker", "compose", "up", "-d", "--wait"], root, down),
                ),
            )
        finally:
            down()


def _take_down(root: Path) -> None:
    # Engine 20.10 dies where a container is removed while a probe of it begins (daemon/exec.go,
    # ContainerExecStart): all are stopped, and probed no more, before the first is removed.
    said = ""
    for words in (["stop", "--timeout", "0"], *[["down"]] * _TRIES):
        argv = ["docker", "compose", *words]
        done = subprocess.run(argv, cwd=root, capture_output=True, text=True, timeout=120)
        said = done.stderr
        if words == ["down"] and not done.returncode:
            return
    raise SystemExit(f"bench: docker compose down: {said}")
