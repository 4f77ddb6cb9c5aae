"""Rules about what stands in the way when a container is replaced."""

from __future__ import annotations

from collections.abc import Iterator

from stackctl.codes import finding
from stackctl.findings import Finding
from stackctl.model import Stack
from stackctl.replace import obstacles


def a_name_is_not_all_that_stands_in_the_way(stack: Stack) -> Iterator[Finding]:
    """SC780: whoever could be replaced without a gap is not kept from it by a name."""
    for spoke in stack.spokes:
        if (name := spoke.service.get("container_name")) and len(obstacles(spoke.service)) == 1:
            message = f"because of its name `{name}`, {spoke.name} must stop before its successor starts"
            yield finding("SC780", spoke.at("container_name"), message, spoke=spoke.name)


RULES = (a_name_is_not_all_that_stands_in_the_way,)
