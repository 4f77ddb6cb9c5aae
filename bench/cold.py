"""From nothing to everything healthy: five spokes in a chain, and thirty in two levels.

Compose looks for health each 500 ms, so how often the Engine probes decides what waiting on events saves.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from dataclasses import replace
from pathlib import Path

from bench import stacks
from bench.measure import Run, Session

ROUNDS = 3
"""Each takes most of a minute, and what varies is small beside that."""

CHAIN, LEVELS = "cold start, five deep", "cold start, 30 in two levels"
SLOW_CHAIN = "the same, probed each second"


def cold(session: Session, work: Path, stackctl: str, prefix: str, image: str) -> None:
    """`stackctl up` and `compose up --wait` of each case, in milliseconds."""
    chain = {f"web-{n}": [f"web-{n - 1}"] if n else [] for n in range(5)}
    levels = {f"web-{n}": [f"web-{n % 10}"] if n >= 10 else [] for n in range(30)}
    fewer = replace(session, rounds=min(ROUNDS, session.rounds))
    cases = ((CHAIN, chain, "200ms"), (SLOW_CHAIN, chain, "1s"), (LEVELS, levels, "1s"))
    for case, needs, interval in cases:
        root = work / case.replace(" ", "-").replace(",", "")
        stacks.to_start(root, f"{prefix}{os.getpid()}-{secrets.token_hex(2)}", needs, image, interval)
        argv = [stackctl, "render"]
        subprocess.run(argv, cwd=root, check=True, capture_output=True, env=dict(session.environ))

        def down(root: Path = root) -> None:
            # Engine 20.10 dies where a container is removed while a probe of it begins (daemon/exec.go,
            # ContainerExecStart): all are stopped, and probed no more, before the first is removed.
            for command in (["stop", "--timeout", "0"], ["down"]):
                argv = ["docker", "compose", *command]
                subprocess.run(argv, cwd=root, check=True, capture_output=True, timeout=120)

        try:
            fewer.interleaved(
                case,
                (
                    Run("stackctl up", [stackctl, "up", "--yes", "--no-verify"], root, down),
                    Run("compose up --wait", ["docker", "compose", "up", "-d", "--wait"], root, down),
                ),
            )
        finally:
            down()
