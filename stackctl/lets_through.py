"""What a socket proxy lets its consumers ask of the Engine: as wanted, and as it runs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from stackctl import normal
from stackctl.api import Operation, by_exposure, operation
from stackctl.model import NOTHING, Container, Kind, Spoke, Stanza
from stackctl.policy import Strict, enforced
from stackctl.switches import Switches

_NAMED = 3


def wanted_of(spoke: Spoke, stanza: Stanza) -> frozenset[Operation]:
    """`stanza` is the spoke's as it is given to the Engine on this host."""
    holds = enforced(spoke) if spoke.kind is Kind.SOCKET_PROXY else None
    if isinstance(holds, Switches):
        holds = replace(holds, environment=normal.pairs(stanza.get("environment")))
    return holds.opens() if holds else frozenset()


def running_of(spoke: Spoke, stanza: Stanza, container: Container) -> frozenset[Operation]:
    """What is known to be open: of a filter that is a file, only whether it is the one that is wanted."""
    holds = enforced(spoke) if spoke.kind is Kind.SOCKET_PROXY else None
    if isinstance(holds, Switches) and container.image == stanza.get("image"):
        pairs = (str(one).partition("=") for one in container.inspect["Config"].get("Env") or ())
        return replace(holds, environment={name: value for name, _, value in pairs}).opens()
    same = _config(container.labels) == _config(stanza.get("labels") or NOTHING)
    return wanted_of(spoke, stanza) if isinstance(holds, Strict) and same else frozenset()


def told(opened: Iterable[str]) -> str:
    """These operations in a few words, the worst first."""
    found = tuple(filter(None, map(operation, opened)))
    worst = [str(one) for _, members in by_exposure(found) for one in members]
    more = f" and {len(worst) - _NAMED} more" if len(worst) > _NAMED else ""
    return f"lets its consumers ask Docker {', '.join(worst[:_NAMED])}{more}"


def _config(labels: Mapping[str, Any]) -> str:
    found = re.search(r"(?:\A|,)config=(\w+)", str(labels.get("stackctl.inputs", "")))
    return found[1] if found else ""
