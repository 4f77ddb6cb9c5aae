"""Socket proxies whose filter stackctl renders: configuration, container, and who shares a socket."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from stackctl import haproxy
from stackctl.errors import StackctlError
from stackctl.model import Kind, Mode, Policy, Spoke, Stack
from stackctl.policy import asks, named_consumers, named_operations, needs


def is_strict(spoke: Spoke) -> bool:
    """Whether stackctl's own configuration holds this spoke's policy."""
    return spoke.kind is Kind.SOCKET_PROXY and spoke.policy is not None and spoke.policy.mode is Mode.STRICT


def proxies(stack: Stack) -> tuple[Spoke, ...]:
    return tuple(spoke for spoke in stack.of_kind(Kind.SOCKET_PROXY) if is_strict(spoke))


def listen(proxy: Spoke) -> str:
    """The unix socket on which the proxy listens; empty for TCP."""
    return proxy.policy.listen if proxy.policy is not None and is_strict(proxy) else ""


def endpoint(proxy: Spoke) -> str:
    """Where its consumers find the Docker API."""
    path = listen(proxy)
    return f"unix://{path}" if path else f"tcp://{proxy.name}:{haproxy.PORT}"


def files(proxy: Spoke) -> dict[str, bytes]:
    """Name -> content of what is mounted at `haproxy.CONFIG_DIR`."""
    policy = proxy.policy or Policy()
    try:
        text = haproxy.config(
            needs(named_consumers(policy), named_operations(policy)),
            listen=policy.listen,
            socket=engine_socket(proxy),
            timeouts=haproxy.Timeouts(stream=policy.stream_timeout),
        )
    except ValueError as error:
        raise StackctlError(f"{proxy.name}: {error}", "see `stackctl lint`") from error
    return {haproxy.CONFIG_FILE: text.encode()}


def stanza(proxy: Spoke) -> dict[str, Any]:
    """What its container needs beside what the spoke states."""
    found = haproxy.stanza(proxy.name, listen(proxy))
    if listen(proxy) and not proxy.networks:
        # Without a word about networks, Compose would put it on a default one.
        found["network_mode"] = "none"
    return found


def volumes(stack: Stack) -> dict[str, Mapping[str, Any]]:
    """The top-level volumes that hold the sockets of proxies."""
    return {name: how for p in proxies(stack) for name, how in haproxy.volumes(p.name, listen(p)).items()}


def mounts(stack: Stack, spoke: Spoke) -> list[dict[str, Any]]:
    """Of a consumer: the volumes in which the proxies that serve it listen."""
    return [
        {
            "type": "volume",
            "source": haproxy.volume_name(proxy.name),
            "target": posixpath.dirname(listen(proxy)),
            "read_only": True,
        }
        for proxy in proxies(stack)
        if listen(proxy) and asks(stack, spoke, proxy)
    ]


def declared(proxy: Spoke) -> list[Any]:
    """What the spoke says about it, for its fingerprint.

    Not the operations that follow: a newer stackctl may know better what a consumer needs.
    """
    policy = proxy.policy or Policy()
    return [sorted(policy.consumers), sorted(policy.operations), policy.listen, policy.stream_timeout]


def engine_socket(proxy: Spoke) -> str:
    """Where the Engine's socket is inside the container."""
    sockets = (m.target for m in proxy.mounts if m.type == "bind" and m.target.endswith(".sock"))
    return next(sockets, haproxy.ENGINE_SOCKET)
