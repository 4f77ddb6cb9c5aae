"""The labels that spokes write by hand for an edge, and those that stackctl adds to them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from stackctl.codes import CODES, finding
from stackctl.edge import traefik
from stackctl.findings import Finding, Severity
from stackctl.model import Edge, Hardening, Path, Spoke, Stack

_NAMED = re.compile(r"traefik\.(http|tcp|udp)\.(routers|services|middlewares)\.([^.]+)(?:\.(.+))?")


@dataclass(frozen=True)
class Label:
    key: str
    """In lower case where case means nothing."""
    value: str
    path: Path
    """Where it stands in its spoke; empty for one that stackctl adds."""


@dataclass(frozen=True)
class Named:
    """A router, service or middleware of a spoke, with all its labels."""

    spoke: Spoke
    protocol: str
    section: str
    name: str
    labels: Mapping[str, Label]
    """What follows the name -> the label."""

    def value(self, option: str) -> str:
        return self.labels[option].value if option in self.labels else ""

    @property
    def first(self) -> Label:
        """The first label of it that somebody wrote."""
        return next((label for label in self.labels.values() if label.path), next(iter(self.labels.values())))

    @property
    def content(self) -> dict[str, str]:
        return {option: label.value for option, label in self.labels.items()}

    @property
    def entry_points(self) -> tuple[str, ...]:
        return words(self.value("entrypoints"))


def words(value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.split(",") if word.strip())


def told(code: str, spoke: Spoke, path: Path, message: str, hint: str = "", error: bool = True) -> Finding:
    """A finding about an edge: where a spoke is run as it is, nothing of it is an error."""
    severity = CODES[code].severity
    if spoke.hardening is Hardening.AS_IS or not error:
        severity = Severity.WARNING
    return finding(code, spoke.at(*path), message, hint, spoke.name, severity)


def at_container(spoke: Spoke, beginning: str = "") -> Iterator[Label]:
    yield from _labels(spoke.service.get("labels"), ("labels",), beginning)


def at_service(spoke: Spoke, beginning: str = "") -> Iterator[Label]:
    """Those under `deploy`, which only a Swarm looks at."""
    if deploy := spoke.service.get("deploy"):
        yield from _labels(deploy.get("labels"), ("deploy", "labels"), beginning)


def _labels(stated: object, path: Path, beginning: str) -> Iterator[Label]:
    """Most labels of most spokes are for no edge, and every rule asks again: those are passed over first."""
    pairs: list[tuple[str, str]] = []
    if isinstance(stated, (dict, Mapping)):
        pairs = [(str(key), "" if value is None else str(value)) for key, value in stated.items()]
    elif isinstance(stated, list | tuple):
        pairs = [(key, value) for key, _, value in (str(item).partition("=") for item in stated)]
    for key, value in pairs:
        lower = key.lower()
        if lower.startswith(beginning):
            yield Label(lower if lower.startswith("traefik.") else key, value, (*path, key))


def of_traefik(spoke: Spoke) -> tuple[Label, ...]:
    """What the spoke itself says to Traefik."""
    return (*at_container(spoke, "traefik."), *at_service(spoke, "traefik."))


def of_caddy(spoke: Spoke) -> tuple[Label, ...]:
    """What the spoke itself says to caddy-docker-proxy."""
    labels = (*at_container(spoke, "caddy"), *at_service(spoke, "caddy"))
    return tuple(label for label in labels if re.match(r"caddy(?:[._]|\Z)", label.key))


def named(stack: Stack, spoke: Spoke) -> tuple[Named, ...]:
    """The routers, services and middlewares of a spoke, those of its declared routes included."""
    return _named(_Same(stack))[spoke.name]


class _Same:
    """A stack as a key, by identity: to compare two takes longer than what is remembered of one."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def __hash__(self) -> int:
        return id(self.stack)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.stack is self.stack


@lru_cache(maxsize=1)
def _named(of: _Same) -> Mapping[str, tuple[Named, ...]]:
    """Of each spoke; a dozen rules ask for it."""
    return {spoke.name: _of_spoke(of.stack, spoke) for spoke in of.stack.spokes}


def _of_spoke(stack: Stack, spoke: Spoke) -> tuple[Named, ...]:
    rendered = traefik.labels(stack, spoke) if stack.edge is Edge.TRAEFIK and spoke.routes else {}
    labels = {key.lower(): Label(key.lower(), value, ()) for key, value in rendered.items()}
    labels |= {label.key: label for label in of_traefik(spoke)}
    found: dict[tuple[str, str, str], dict[str, Label]] = {}
    for label in labels.values():
        if match := _NAMED.fullmatch(label.key):
            protocol, section, name, option = match.groups()
            found.setdefault((protocol, section, name), {})[option or ""] = label
    return tuple(
        Named(spoke, protocol, section, name, options) for (protocol, section, name), options in found.items()
    )


def of_section(stack: Stack, section: str, protocol: str = "") -> tuple[Named, ...]:
    """Of the whole stack: all routers, services or middlewares."""
    return tuple(
        item
        for spoke in stack.spokes
        for item in named(stack, spoke)
        if item.section == section and protocol in ("", item.protocol)
    )
