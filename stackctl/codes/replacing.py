"""Codes of what stands in the way when a container is replaced."""

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
)
