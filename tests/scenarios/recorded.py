"""What commands were seen to ask, as the Engine routes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stackctl import api
from tests.relay import Request


@dataclass(frozen=True)
class Recorded:
    own: frozenset[str]
    """On stackctl's own connections."""
    docker: frozenset[str]
    """By the processes of `docker` and Compose that it started."""


def recorded(requests: Iterable[Request]) -> Recorded:
    own: set[str] = set()
    docker: set[str] = set()
    for request in requests:
        mine = not request.agent or request.agent.startswith("docker-sdk-python/")
        (own if mine else docker).add(_operation(request))
    return Recorded(frozenset(own), frozenset(docker))


def _operation(request: Request) -> str:
    [found] = [o for o in api.operations() if o.matches(request.method, request.path)]
    return str(found)
