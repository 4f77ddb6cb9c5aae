"""Rules about networks: what a spoke names must exist."""

from __future__ import annotations

from collections.abc import Iterator

from stackctl.codes import finding
from stackctl.findings import Finding
from stackctl.model import Stack
from stackctl.read.compose_keys import nearest


def networks_exist(stack: Stack) -> Iterator[Finding]:
    """SC204: every network of a spoke stands in stack.yaml."""
    for spoke in stack.spokes:
        for network in spoke.networks:
            if network not in stack.networks:
                at = spoke.at("networks", network)
                message = f"network `{network}` stands nowhere in stack.yaml"
                hint = nearest(network, stack.networks) or f"add `networks: {{{network}: {{}}}}` there"
                yield finding("SC204", at, message, hint, spoke.name)


RULES = (networks_exist,)
