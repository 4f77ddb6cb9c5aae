"""Rules about `$`: what Compose fills in, and what it should leave alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stackctl.codes import finding
from stackctl.findings import Finding, Location
from stackctl.lint.texts import texts
from stackctl.model import SECRET_VARIABLE, Path, Spoke, Stack
from stackctl.read.variables import InvalidVariable, names, needed

_OF_THE_HOST = frozenset(("UID", "GID", "SOCKET_GID"))
_RUN_INSIDE = ("command", "entrypoint", "healthcheck")
_OF_A_SHELL = frozenset(
    "HOME HOSTNAME IFS LOGNAME OLDPWD PATH PPID PWD RANDOM SECONDS SHELL TERM USER".split()
)
_HASH = re.compile(r"(?<!\$)\$(?:apr1|y|argon2(?:i|d|id)|scrypt|pbkdf2[a-z0-9-]*)\$")
_TOP_LEVEL = ("networks", "volumes", "configs", "secrets")


def variables_are_understood(stack: Stack) -> Iterator[Finding]:
    """SC103: a `$` that Compose would refuse is told before `up` meets it."""
    for at, _, text, spoke in _everywhere(stack):
        try:
            names(text)
        except InvalidVariable as error:
            yield finding("SC103", at, str(error), "write `$$` where a `$` is meant", spoke)


def variables_in_example(stack: Stack) -> Iterator[Finding]:
    """SC207: whoever sets the stack up elsewhere learns which variables it needs."""
    known = (stack.example_variables or frozenset()) | _OF_THE_HOST
    told: dict[str, frozenset[str]] = {}
    for at, path, text, spoke in _everywhere(stack):
        meant = frozenset(_meant_inside(stack.spoke(spoke), path, text, stack)) if spoke else frozenset()
        missing = _needed(text) - known - told.get(spoke, frozenset()) - meant
        missing = frozenset(name for name in missing if not name.startswith(SECRET_VARIABLE))
        for name in sorted(missing):
            message = f"`{name}` is missing from .env.example"
            yield finding("SC207", at, message, f"add a line `{name}=` there", spoke)
        told[spoke] = told.get(spoke, frozenset()) | missing


def dollars_are_doubled(stack: Stack) -> Iterator[Finding]:
    """SC213: what the container's own shell should fill in is not filled in by Compose."""
    for at, path, text, spoke in _everywhere(stack):
        names_inside = _meant_inside(stack.spoke(spoke), path, text, stack) if spoke else []
        if names_inside and _HASH.search(text):
            message = "this looks like a password's hash; Compose would put values of this host into it"
            yield finding("SC213", at, message, "write each of its `$` as `$$`", spoke)
            continue
        for name in names_inside:
            message = f"this looks like the `${name}` of the container; Compose fills in that of this host"
            yield finding("SC213", at, message, f"write `$${name}`", spoke)


def _meant_inside(spoke: Spoke, path: Path, text: str, stack: Stack) -> list[str]:
    """The variables that somebody forgot to write with two dollars."""
    try:
        found = names(text)
    except InvalidVariable:
        return []
    if _HASH.search(text):
        return sorted(found)
    if path[0] not in _RUN_INSIDE:
        return []
    own = {
        name for name, value in spoke.environment.items() if value is not None and not _passes(name, value)
    }
    return sorted(found & (own | _OF_A_SHELL) - (stack.example_variables or frozenset()))


def _passes(name: str, value: str) -> bool:
    """Whether the container's variable has the value of the host's, so that both are right."""
    try:
        return name in names(value)
    except InvalidVariable:
        return False


def _needed(text: str) -> frozenset[str]:
    try:
        return needed(text)
    except InvalidVariable:
        return frozenset()


def _everywhere(stack: Stack) -> Iterator[tuple[Location, Path, str, str]]:
    """Every text with a `$`: its place, its path, and the spoke that it belongs to, if any."""
    for spoke in stack.spokes:
        for path, text in texts(spoke.service, "$"):
            yield spoke.at(*path), path, text, spoke.name
    elements = {**stack.top_level, "networks": stack.networks}
    for key in _TOP_LEVEL:
        for path, text in texts(elements.get(key, {}), "$", (key,)):
            yield stack.at(*path), path, text, ""


RULES = (variables_are_understood, variables_in_example, dollars_are_doubled)
