"""Rules about socket proxies beyond their policies: where they stand, and which builds of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stackctl import strict
from stackctl.findings import Finding
from stackctl.lint.labels import told
from stackctl.model import Kind, Spoke, Stack
from stackctl.policy import enforced
from stackctl.read.images import split_image

_SHORT_VERSION = re.compile(r"v1\\?\.?\\?\.\.?\{1,2\}")
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


def proxies_stand_apart(stack: Stack) -> Iterator[Finding]:
    """SC378: a socket proxy sits on internal networks alone."""
    for proxy in stack.of_kind(Kind.SOCKET_PROXY):
        if strict.listen(proxy):
            continue
        for network in proxy.networks:
            if network in stack.networks and stack.networks[network].get("internal") is not True:
                message = f"{proxy.name} answers on `{network}`, which is not internal"
                yield told("SC378", proxy, ("networks", network), message)


def proxies_create_nothing(stack: Stack) -> Iterator[Finding]:
    """SC379: creating a container is root on the host."""
    for proxy in stack.of_kind(Kind.SOCKET_PROXY):
        held = enforced(proxy)
        if held is not None and any(str(o) == "POST /containers/create" for o in held.opens()):
            message = f"{proxy.name} lets its clients create containers"
            yield told("SC379", proxy, ("environment", "POST") if not proxy.policy else ("policy",), message)


def patterns_know_later_versions(stack: Stack) -> Iterator[Finding]:
    """SC351: a pattern for versions of the API that ends at 1.99."""
    for proxy in stack.of_kind(Kind.SOCKET_PROXY):
        for path, text in _texts(proxy):
            if _SHORT_VERSION.search(text):
                yield told("SC351", proxy, path, f"`{text}` knows no version of the API beyond 1.99")


def _texts(spoke: Spoke) -> Iterator[tuple[tuple[str, ...], str]]:
    command = spoke.service.get("command") or ()
    for number, word in enumerate([command] if isinstance(command, str) else command):
        yield ("command", str(number)), str(word)
    for name, value in spoke.environment.items():
        yield ("environment", name), value or ""


def builds_hold_streams(stack: Stack) -> Iterator[Finding]:
    """SC352: a build of a socket proxy that cuts the stream of events."""
    for proxy in stack.of_kind(Kind.SOCKET_PROXY):
        image = split_image(proxy.image)
        found = _VERSION.match(image.tag)
        if (
            image.repository.endswith("tecnativa/docker-socket-proxy")
            and found
            and not strict.is_strict(proxy)
        ) and tuple(map(int, found.groups())) < (0, 1, 2):
            message = f"{image.tag} cuts the stream of events every ten minutes"
            yield told("SC352", proxy, ("image",), message)


RULES = (proxies_stand_apart, proxies_create_nothing, patterns_know_later_versions, builds_hold_streams)
