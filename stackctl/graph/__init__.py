"""A stack as a picture: who sits on which networks, what is reached from outside, who reaches Docker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Access(StrEnum):
    """What a spoke can ask of Docker."""

    NONE = "none"
    FILTERED = "filtered"
    """Through a socket proxy, what that lets pass."""
    PROXY = "proxy"
    """It is a socket proxy: it holds the socket, and answers with what its policy opens."""
    FULL = "full"
    """It holds the socket itself, and is no proxy."""


@dataclass(frozen=True)
class Node:
    """A spoke, or with `foreign` another container on one of the stack's networks."""

    name: str
    title: str
    kind: str
    networks: tuple[str, ...]
    """The first is the one in whose area it is drawn."""
    hosts: tuple[str, ...] = ()
    """What the edge routes to it: host name and path."""
    ports: tuple[str, ...] = ()
    """What it publishes on the host, as `address:port`."""
    access: Access = Access.NONE
    depends: tuple[str, ...] = ()
    foreign: bool = False
    differs: tuple[str, ...] = ()
    """In words, where the Engine has it otherwise than the files."""


@dataclass(frozen=True)
class Area:
    """A network, or a place that is none: the host's own, or no network at all."""

    name: str
    note: str = ""


@dataclass(frozen=True)
class Graph:
    stack: str
    nodes: tuple[Node, ...]
    """Sorted by name."""
    areas: tuple[Area, ...]
    """In the order in which they are drawn; those in whose area nobody is at home are there too."""
    observed: bool = False
    """Whether the Engine was asked."""

    def node(self, name: str) -> Node:
        """The node of that name; raises KeyError."""
        return self.by_name[name]

    @property
    def by_name(self) -> Mapping[str, Node]:
        return {node.name: node for node in self.nodes}

    def peers(self, node: Node) -> tuple[str, ...]:
        """Who can reach it, and whom it can reach: all that share a network with it."""
        mine = set(node.networks) - {NO_NETWORK}
        return tuple(n.name for n in self.nodes if n.name != node.name and mine & set(n.networks))


HOST_NETWORK = "host network"
NO_NETWORK = "no network"
