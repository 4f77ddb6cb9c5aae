"""Codes of what is replaced, kept and run again."""

from __future__ import annotations

from stackctl.findings import Code, Severity

CODES = (
    Code(
        "SC780",
        Severity.WARNING,
        "a fixed container name",
        "Two containers cannot have one name, so the old one must stop before the new one starts, and "
        "nobody answers in between. Other containers reach the spoke by its own name anyway.",
        bad="container_name: web",
        good="image: app:1.0   # others reach it as the spoke is called",
        hint="leave `container_name` out; other containers reach it by the spoke's name",
    ),
    Code(
        "SC781",
        Severity.ERROR,
        "a backup of a folder that is not kept",
        "What a container holds beside its mounts goes with it, so there is nothing to save before a "
        "replacement, and nothing to put it back into.",
        bad="backup: {path: /data}",
        good="volumes: [blog:/data]\nbackup: {path: /data}",
        hint="mount a volume there, or name a path in one",
    ),
    Code(
        "SC782",
        Severity.ERROR,
        "a schedule of what is no job",
        "A schedule starts a container that ended. What runs all the time has its own clock, or none.",
        bad="kind: app\nschedule: '@daily'",
        good="kind: job\nschedule: '@daily'",
        hint="write `kind: job`, or leave `schedule` out",
    ),
)
