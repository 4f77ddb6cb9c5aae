"""Rules about what socket proxies let through."""

from __future__ import annotations

from collections.abc import Iterator

from stackctl import strict
from stackctl.checks import home_of
from stackctl.codes import finding
from stackctl.findings import Finding
from stackctl.lint.safety import severity
from stackctl.model import Kind, Stack
from stackctl.policy import is_consumer
from stackctl.policy_problems import problems

_HOLES = ("SC403", "SC405")
"""What promises to be closed and is not, or may not be."""


def policies_hold_what_they_say(stack: Stack) -> Iterator[Finding]:
    """SC403 to SC410: switches, names and needs."""
    for spoke in stack.spokes:
        if spoke.policy and spoke.kind is not Kind.SOCKET_PROXY:
            message = f"{spoke.name} has a policy, but is no socket proxy: nothing holds it"
            yield finding("SC406", spoke.at("policy"), message, "kind: socket-proxy", spoke.name)
    for spoke in stack.of_kind(Kind.SOCKET_PROXY):
        for found in problems(stack, spoke):
            how = severity(spoke) if found.code in _HOLES else None
            yield finding(found.code, spoke.at(*found.path), found.message, found.hint, spoke.name, how)


def only_consumers_sit_with_a_proxy(stack: Stack) -> Iterator[Finding]:
    """SC417: whoever sits where a socket proxy answers is one of its consumers."""
    for proxy in stack.of_kind(Kind.SOCKET_PROXY):
        home = home_of(stack, proxy)
        if strict.listen(proxy) or home not in proxy.networks:
            continue
        for spoke in stack.spokes:
            if spoke.kind is Kind.SOCKET_PROXY or home not in spoke.networks:
                continue
            if not is_consumer(stack, spoke, proxy):
                message = f"{spoke.name} can ask `{proxy.name}` on `{home}`, but is none of its consumers"
                hint = f"take it off `{home}`, or name it under `consumers` in the policy of {proxy.name}"
                at = spoke.at("networks", home)
                yield finding("SC417", at, message, hint, spoke.name, severity(spoke))


def a_proxy_has_somebody_to_serve(stack: Stack) -> Iterator[Finding]:
    """SC409: a socket proxy that was there for an edge which serves no more."""
    for proxy in stack.of_kind(Kind.SOCKET_PROXY):
        gone = [edge.name for edge in stack.resting if is_consumer(stack, edge, proxy)]
        if gone and not any(is_consumer(stack, s, proxy) for s in stack.spokes if s.name != proxy.name):
            message = f"{proxy.name} serves nobody: `edge: {stack.edge}` needs no Docker, and {gone[0]} rests"
            hint = f"`stackctl remove {proxy.name}` closes this way to Docker; or accept it with the reason"
            at = proxy.at("policy", "consumers")
            yield finding("SC409", at, message, hint, proxy.name)


RULES = (policies_hold_what_they_say, only_consumers_sit_with_a_proxy, a_proxy_has_somebody_to_serve)
