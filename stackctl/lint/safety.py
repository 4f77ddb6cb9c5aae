"""Rules about who can talk to the Engine."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from stackctl.codes import finding
from stackctl.findings import Finding, Severity
from stackctl.model import Hardening, Kind, Mount, Spoke, Stack

_SOCKET = re.compile(r"(?:\A|/)(?:docker|podman|containerd)\.sock\Z")
_FOLDERS = re.compile(
    r"/(?:var(?:/run)?|run|(?:var/)?run/(?:docker|podman|containerd)|(?:var/)?run/user(?:/(?:[0-9]+|\$.+))?)?\Z"
)
_RUNTIME_FOLDER = re.compile(r"\$\{?XDG_RUNTIME_DIR\b[^/]*\Z")


def is_engine_socket(source: str) -> bool:
    """Whether a path names the Engine's socket itself."""
    return bool(_SOCKET.search(source))


def gives_socket(source: str) -> bool:
    """Whether a path of the host is the Engine's socket, or a folder that it lies in."""
    path = posixpath.normpath(source) if source else ""
    path = re.sub(r"\A/+", "/", path)
    return bool(_SOCKET.search(path) or _FOLDERS.match(path) or _RUNTIME_FOLDER.match(path))


def _holds_socket(mount: Mount, stack: Stack) -> bool:
    if mount.type == "bind":
        return gives_socket(mount.source) or ("$" in mount.source and is_engine_socket(mount.target))
    volume = stack.top_level.get("volumes", {}).get(mount.source) or {}
    device = (volume.get("driver_opts") or {}).get("device", "")
    return mount.type == "volume" and gives_socket(str(device))


def only_proxies_hold_socket(stack: Stack) -> Iterator[Finding]:
    """SC401: nobody but a socket proxy can talk to the Engine as root."""
    proxies = {spoke.name for spoke in stack.of_kind(Kind.SOCKET_PROXY)}
    for spoke in stack.spokes:
        if spoke.kind is Kind.SOCKET_PROXY:
            continue
        severity = Severity.ERROR if spoke.hardening is Hardening.STRICT else Severity.WARNING
        hint = "let it talk to a socket-proxy spoke: DOCKER_HOST=tcp://docker-socket-proxy:2375"
        for number, mount in enumerate(spoke.mounts):
            if _holds_socket(mount, stack):
                message = f"{spoke.name} mounts the Engine's socket (`{mount.source}`)"
                at = spoke.at("volumes", str(number))
                yield finding("SC401", at, message, hint, spoke.name, severity)
        for number, source in enumerate(spoke.service.get("volumes_from", ())):
            if source.split(":")[0] in proxies:
                message = f"{spoke.name} takes over the mounts of the socket proxy `{source.split(':')[0]}`"
                at = spoke.at("volumes_from", str(number))
                yield finding("SC401", at, message, hint, spoke.name, severity)


def proxies_publish_nothing(stack: Stack) -> Iterator[Finding]:
    """SC402: a socket proxy is reached from its network only."""
    for spoke in stack.of_kind(Kind.SOCKET_PROXY):
        for key, how in _ways_out(spoke):
            message = f"{spoke.name} is a socket proxy and {how}"
            hint = "remove it; consumers reach the proxy on the network `socket`"
            yield finding("SC402", spoke.at(key), message, hint, spoke.name)


def _ways_out(spoke: Spoke) -> Iterator[tuple[str, str]]:
    if spoke.ports:
        yield "ports", f"publishes port {spoke.ports[0].target}"
    if spoke.service.get("network_mode") == "host":
        yield "network_mode", "listens on the host's own network"


RULES = (only_proxies_hold_socket, proxies_publish_nothing)
