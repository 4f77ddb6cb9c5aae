"""Rules about what is replaced, kept and run again."""

from __future__ import annotations

from collections.abc import Iterator

from stackctl.codes import finding
from stackctl.findings import Finding
from stackctl.model import Kind, Stack
from stackctl.replace import obstacles


def a_name_is_not_all_that_stands_in_the_way(stack: Stack) -> Iterator[Finding]:
    """SC780: whoever could be replaced without a gap is not kept from it by a name."""
    for spoke in stack.spokes:
        if (name := spoke.service.get("container_name")) and len(obstacles(spoke.service)) == 1:
            message = f"because of its name `{name}`, {spoke.name} must stop before its successor starts"
            yield finding("SC780", spoke.at("container_name"), message, spoke=spoke.name)


def a_backup_is_of_what_outlives_the_container(stack: Stack) -> Iterator[Finding]:
    """SC781: a folder that no mount holds goes with its container, and so does what is put back into it."""
    for spoke in stack.spokes:
        path = spoke.backup.path.rstrip("/") if spoke.backup else ""
        if not path or "volumes" in spoke.unread or "*" in spoke.unread:
            continue
        kept = [m.target.rstrip("/") for m in spoke.mounts if m.type in ("volume", "bind")]
        if not any(path == target or path.startswith(f"{target}/") for target in kept):
            message = f"{spoke.name} backs up {path}, which no volume or folder of the host holds"
            hint = f"mount one there, as in `volumes: [{spoke.name}:{path}]`, or name another path"
            yield finding("SC781", spoke.at("backup", "path"), message, hint, spoke.name)


def only_a_job_has_a_schedule(stack: Stack) -> Iterator[Finding]:
    """SC782: what runs all the time is not run again."""
    for spoke in stack.spokes:
        if spoke.schedule and spoke.kind is not Kind.JOB:
            message = f"{spoke.name} has a schedule, but is no job: it runs all the time"
            yield finding("SC782", spoke.at("schedule"), message, spoke=spoke.name)


RULES = (
    a_name_is_not_all_that_stands_in_the_way,
    a_backup_is_of_what_outlives_the_container,
    only_a_job_has_a_schedule,
)
