"""Where the Docker Engine listens, by the rules of the `docker` command."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import json
import os
import socket
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stackctl.errors import EngineUnavailable, StackctlError, UsageError

DEFAULT = "unix:///var/run/docker.sock"


@dataclass(frozen=True)
class Endpoint:
    url: str
    tls: Path | None = None
    """The folder with ca.pem, cert.pem and key.pem; None means no TLS."""

    @property
    def socket(self) -> str:
        """The path of the Unix socket, or empty for TCP."""
        return self.url.removeprefix("unix://") if self.url.startswith("unix://") else ""

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or "localhost"

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or (2376 if self.tls else 2375)

    @property
    def is_local(self) -> bool:
        if self.socket or self.host == "localhost":
            return True
        with contextlib.suppress(ValueError):
            return ipaddress.ip_address(self.host).is_loopback
        return False


def endpoint(environ: Mapping[str, str]) -> Endpoint:
    """DOCKER_HOST, else DOCKER_CONTEXT or the configured context, else the default socket."""
    config = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or Path.home()) / ".docker")
    if url := environ.get("DOCKER_HOST"):
        verify = environ.get("DOCKER_TLS_VERIFY")
        return _checked(url, Path(environ.get("DOCKER_CERT_PATH") or config) if verify else None)
    name = environ.get("DOCKER_CONTEXT") or _json(config / "config.json").get("currentContext") or "default"
    return Endpoint(DEFAULT) if name == "default" else _of_context(str(name), config)


def other_socket(environ: Mapping[str, str]) -> str:
    """The socket of this machine's Engine where it is not the usual one, as if rootless; or empty."""
    try:
        at = endpoint(environ)
    except StackctlError:
        # Whoever needs the Engine says what is wrong.
        return ""
    return "" if at.url == DEFAULT else at.socket


def socket_group(path: str) -> str:
    """The group that owns an Engine's socket, as that Engine's containers see it; empty where nobody can say.

    Those of a rootless Engine live in its user namespace, in which groups have other numbers.
    """
    try:
        group = os.stat(path).st_gid
    except OSError:
        return ""
    try:
        return as_inside(group, Path(f"/proc/{_listener(path)}/gid_map").read_text())
    except OSError:
        return str(group)


def leading_to(sockets: Iterable[str], paths: Iterable[str]) -> frozenset[str]:
    """Those of the paths that are one of these sockets under another name, or a folder that one lies in."""
    real = [os.path.realpath(path) for path in sockets if os.path.exists(path)]
    inodes = {_inode(path) for path in real} - {None}
    return frozenset(
        path
        for path in paths
        if (end := os.path.realpath(path))
        if _inode(end) in inodes or any(os.path.commonpath((end, socket)) == end for socket in real)
    )


def _inode(path: str) -> tuple[int, int] | None:
    try:
        seen = os.stat(path)
    except OSError:
        return None
    return seen.st_dev, seen.st_ino


def as_inside(group: int, ranges: str) -> str:
    """A group by its number in the user namespace that has these ranges; empty where it has none there."""
    for inside, outside, count in (map(int, line.split()) for line in ranges.splitlines()):
        if outside <= group < outside + count:
            return str(inside + group - outside)
    return ""


def _listener(path: str) -> int:
    """The process that listens there; 0 where it cannot be seen from here."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(1)
        peer.connect(path)
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid: int = struct.unpack("3i", credentials)[0]
    return pid


def _of_context(name: str, config: Path) -> Endpoint:
    folder = hashlib.sha256(name.encode()).hexdigest()
    meta = _json(config / "contexts" / "meta" / folder / "meta.json")
    try:
        url = str(meta["Endpoints"]["docker"]["Host"])
    except (KeyError, TypeError):
        raise UsageError(
            f"the Docker context `{name}` does not exist",
            "see `docker context ls`, then `docker context use NAME`, or unset DOCKER_CONTEXT",
        ) from None
    tls = config / "contexts" / "tls" / folder / "docker"
    return _checked(url, tls if tls.is_dir() else None)


def _checked(url: str, tls: Path | None) -> Endpoint:
    scheme, _, rest = url.partition("://")
    if scheme == "unix" and rest:
        return Endpoint(url)
    if scheme in ("tcp", "http", "https") and rest:
        return Endpoint(url, tls)
    if scheme == "ssh" and rest:
        raise EngineUnavailable(
            f"a Docker Engine behind SSH ({url}) cannot be read directly",
            f"forward its socket: `ssh -nNT -L /tmp/engine.sock:/var/run/docker.sock {rest}`, "
            "then DOCKER_HOST=unix:///tmp/engine.sock",
        )
    raise UsageError(
        f"the address of the Docker Engine is not understood: {url}",
        "write DOCKER_HOST as unix:///PATH or tcp://HOST:PORT",
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}", "repair it, or set DOCKER_HOST") from error
    return data if isinstance(data, dict) else {}
