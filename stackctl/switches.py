"""What a socket proxy's switches really open: Tecnativa's semantics, and linuxserver's differences.

A switch opens the *beginning* of a path, for every method once `POST` is on. Measured against HAProxy for the
versions that a dialect names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

from stackctl.api import Operation, operations, repository

_NAME = "[a-z0-9_.-]+"
_SECTIONS = {
    name: f"/{name.lower()}"
    for name in (
        "AUTH BUILD COMMIT CONFIGS CONTAINERS DISTRIBUTION EVENTS EXEC GRPC IMAGES INFO NETWORKS NODES "
        "PLUGINS SECRETS SERVICES SESSION SWARM SYSTEM TASKS VERSION VOLUMES"
    ).split()
} | {"PING": "/_ping"}
_LIFECYCLE = {
    "ALLOW_RESTARTS": f"/containers/{_NAME}/(stop|restart|kill)",
    "ALLOW_START": f"/containers/{_NAME}/start",
    "ALLOW_STOP": f"/containers/{_NAME}/stop",
}
_SETTINGS = frozenset({"SOCKET_PATH", "LOG_LEVEL", "DISABLE_IPV6", "TZ"})
GATE = "POST"


@dataclass(frozen=True)
class Dialect:
    """How one family of images reads its switches."""

    name: str
    repositories: tuple[str, ...]
    sections: Mapping[str, str]
    """Switch -> how a path that it opens begins."""
    lifecycle: Mapping[str, str]
    """Switch -> how a path that it opens begins, as a regular expression."""
    lifecycle_before_gate: bool = False
    """Whether those work without POST, then for every method."""
    guarded: Mapping[str, str] = field(default_factory=dict)
    """Switch -> paths that stay refused, whatever else opens them, until it is on."""
    on: frozenset[str] = frozenset({"EVENTS", "PING", "VERSION"})
    """Switches that are on where the environment does not turn them off."""
    settings: frozenset[str] = _SETTINGS
    """Variables that configure something else."""
    first: tuple[int, ...] = ()
    last: tuple[int, ...] = ()
    """The range of versions for which this was measured; empty where an image's tag does not tell."""

    @property
    def switches(self) -> tuple[str, ...]:
        return tuple(sorted((GATE, *self.sections, *self.lifecycle, *self.guarded)))


TECNATIVA = Dialect(
    "tecnativa",
    ("tecnativa/docker-socket-proxy", "docker-socket-proxy"),
    MappingProxyType(_SECTIONS),
    MappingProxyType(_LIFECYCLE),
    first=(0, 1, 2),
    last=(0, 4, 1),
)
LINUXSERVER = Dialect(
    "linuxserver",
    ("linuxserver/socket-proxy",),
    MappingProxyType(_SECTIONS),
    MappingProxyType(
        {
            **_LIFECYCLE,
            "ALLOW_PAUSE": f"/containers/{_NAME}/pause",
            "ALLOW_UNPAUSE": f"/containers/{_NAME}/unpause",
        }
    ),
    lifecycle_before_gate=True,
    guarded=MappingProxyType(
        {
            f"ALLOW_{part.upper()}": f"/containers/{_NAME}/{part}"
            for part in ("archive", "changes", "export", "logs", "top")
        }
    ),
    settings=_SETTINGS | {"PUID", "PGID", "UMASK"},
)
DIALECTS = (TECNATIVA, LINUXSERVER)


def dialect_of(image: str) -> Dialect | None:
    """How this image reads switches; None where that is not known."""
    found = repository(image)
    return next((dialect for dialect in DIALECTS if found in dialect.repositories), None)


def is_measured(dialect: Dialect, image: str) -> bool:
    """Whether the image's tag is a version for which the dialect was measured."""
    tag = re.search(r":v?(\d+)\.(\d+)\.(\d+)$", image.partition("@")[0])
    return tag is not None and dialect.first <= tuple(map(int, tag.groups())) <= dialect.last


def writes(image: str) -> str:
    """Where the entrypoint of a proxy with switches writes: "root", "tmp", or "" where that is not known.

    Tecnativa's did so beside the program until 0.3, which a read-only root forbids, and does so in /tmp
    from 0.4 on; linuxserver's needs /run.
    """
    dialect = dialect_of(image)
    tag = re.search(r":v?(\d+)\.(\d+)", image.partition("@")[0])
    if dialect is TECNATIVA and tag and tuple(map(int, tag.groups())) < (0, 4):
        return "root"
    return "tmp" if dialect else ""


def is_on(value: str) -> bool:
    """How HAProxy reads a switch: as a number. `true` and `yes` are off."""
    number = re.match(r"[+-]?([0-9]+)", value)
    return bool(number and int(number[1]))


@dataclass(frozen=True)
class Switches:
    """What holds the policy of a proxy whose switches stand in its environment."""

    dialect: Dialect
    environment: Mapping[str, str | None] = field(default_factory=dict)
    measured: bool = True

    def is_on(self, switch: str) -> bool:
        """Whether it is on, or may be: a value that only this host knows counts as on."""
        if switch not in self.environment:
            return switch in self.dialect.on
        value = self.environment[switch]
        return value is None or "$" in value or is_on(value)

    def passes(self, method: str, target: str) -> bool:
        """Whether a request for this target, in whatever form it is sent, reaches the Engine."""
        path = _compared(target)
        return path is not None and self._opens(method, path)

    def opens(self) -> frozenset[Operation]:
        return frozenset(o for o in operations() if self.passes(o.method, o.target("x")))

    def without(self, switch: str) -> Switches:
        """The same with one switch off."""
        return Switches(self.dialect, {**self.environment, switch: "0"}, self.measured)

    def _opens(self, method: str, path: str) -> bool:
        # The names of methods are case-sensitive, and HEAD counts as GET.
        open_gate = method in ("GET", "HEAD") or self.is_on(GATE)
        lifecycle, sections, guarded = self._rules
        if (open_gate or self.dialect.lifecycle_before_gate) and any(rule.match(path) for rule in lifecycle):
            return True
        if not open_gate or any(rule.match(path) for rule in guarded):
            return False
        return path.startswith(sections)

    @cached_property
    def _rules(self) -> tuple[tuple[re.Pattern[str], ...], tuple[str, ...], tuple[re.Pattern[str], ...]]:
        dialect = self.dialect
        return (
            tuple(re.compile(rule) for name, rule in dialect.lifecycle.items() if self.is_on(name)),
            tuple(begins for name, begins in dialect.sections.items() if self.is_on(name)),
            tuple(re.compile(rule) for name, rule in dialect.guarded.items() if not self.is_on(name)),
        )


def _compared(target: str) -> str | None:
    """The part of a request's target that the rules look at; None where there is none."""
    path = target.partition("?")[0]
    if not path.startswith("/"):
        _, slash, rest = path.partition("://")[2].partition("/")
        path = slash + rest
    if re.search("%(?![0-9a-fA-F]{2})", path):
        return None
    decoded = unquote_to_bytes(path).decode("latin-1").lower()
    return re.sub(r"^/v[0-9.]+", "", decoded, count=1)
