"""`stackctl schedule`: what makes a host run a job on time, printed; nothing is installed."""

from __future__ import annotations

import shutil
from pathlib import Path

from stackctl import schedule as times
from stackctl.commands.opened import named, open_stack
from stackctl.commands.story import Ended, ScheduleAnswer, Story
from stackctl.errors import UsageError


def schedule(root: Path, name: str, *, cron: bool) -> Story:
    """Starts the container that `up` made, so the job keeps its limits, and its exit code is the unit's.

    Raises:
        UsageError: The spoke is none, or has no schedule.
    """
    opened = open_stack(root)
    named(opened.stack, (name,))
    spoke = opened.stack.spoke(name)
    if not spoke.schedule:
        raise UsageError(f"{name} has no schedule", 'write into its manifest: schedule: "30 3 * * *"')
    yield from ()
    unit = f"{opened.stack.name}-{name}"
    container = str(spoke.service.get("container_name") or f"{unit}-1")
    command = (shutil.which("docker") or "/usr/bin/docker", "start", "--attach", container)
    about = f"{name} of {opened.stack.name}"
    made = {} if cron else times.units(unit, about, times.read(spoke.schedule), command)
    line = times.cron_line(spoke.schedule, command)
    after = ("crontab -e",) if cron else ("systemctl daemon-reload", f"systemctl enable --now {unit}.timer")
    return Ended(ScheduleAnswer(name, spoke.schedule, made, line, after))
