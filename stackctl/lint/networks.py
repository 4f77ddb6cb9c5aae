"""Rules about networks and variables: what a spoke names must exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stackctl.codes import finding
from stackctl.findings import Finding
from stackctl.model import Path, Stack
from stackctl.read.compose_keys import nearest
from stackctl.read.variables import InvalidVariable, names, needed

_OF_THE_HOST = frozenset(("UID", "GID", "SOCKET_GID"))


def networks_exist(stack: Stack) -> Iterator[Finding]:
    """SC204: every network of a spoke stands in stack.yaml."""
    for spoke in stack.spokes:
        for network in spoke.networks:
            if network not in stack.networks:
                at = spoke.at("networks", network)
                message = f"network `{network}` stands nowhere in stack.yaml"
                hint = nearest(network, stack.networks) or f"add `networks: {{{network}: {{}}}}` there"
                yield finding("SC204", at, message, hint, spoke.name)


def variables_are_understood(stack: Stack) -> Iterator[Finding]:
    """SC103: a `$` that Compose would refuse is told before `up` meets it."""
    for spoke in stack.spokes:
        for path, text in _texts(spoke.service, ()):
            try:
                names(text)
            except InvalidVariable as error:
                yield finding("SC103", spoke.at(*path), str(error), spoke=spoke.name)


def variables_in_example(stack: Stack) -> Iterator[Finding]:
    """SC207: whoever sets the stack up elsewhere learns which variables it needs."""
    if stack.example_variables is None:
        return
    for spoke in stack.spokes:
        told: set[str] = set()
        for path, text in _texts(spoke.service, ()):
            missing = _needed(text) - stack.example_variables - _OF_THE_HOST - told
            for name in sorted(missing):
                message = f"`{name}` is missing from .env.example"
                yield finding("SC207", spoke.at(*path), message, f"add a line `{name}=`", spoke.name)
            told |= missing


def _needed(text: str) -> frozenset[str]:
    try:
        return needed(text)
    except InvalidVariable:
        return frozenset()


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        if "$" in value:
            yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, (*path, str(key)))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts(item, (*path, str(number)))


RULES = (networks_exist, variables_are_understood, variables_in_example)
