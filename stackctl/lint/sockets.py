"""Which paths of a host give a container the socket of a container engine."""

from __future__ import annotations

import posixpath
import re

_SOCKETS = (
    "/run/docker.sock",
    "/run/docker/containerd/containerd.sock",
    "/run/containerd/containerd.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/buildkit/buildkitd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
    "/run/user/*/docker.sock",
    "/run/user/*/podman/podman.sock",
    "/run/user/*/buildkit/buildkitd.sock",
    "/home/*/.docker/run/docker.sock",
    "/home/*/.docker/desktop/docker.sock",
)
"""Where engines listen; `/var/run` is `/run`."""

_API = re.compile(r"(?:\A|/)(?:docker|podman|containerd)\.sock\Z")
_ANY = re.compile(r"(?:\A|/)(?:docker(?:\.raw)?|podman|containerd|buildkitd|crio)\.sock\Z")
_DEFAULT = re.compile(r"\$\{\w+:?-([^${}]*)\}")
_RUNTIME_FOLDER = re.compile(r"\$\{?XDG_RUNTIME_DIR\b[^/]*")
_HOME = re.compile(r"~|\$\{?HOME\b[^/]*")
_FOLDERS_THAT_HOLD_HOMES = ("/home", "/home/*", "/home/*/.docker")
"""Parents of a socket in somebody's home; mounting them is about other things far more often."""


def is_engine_socket(source: str) -> bool:
    """Whether a path names the Engine's socket itself."""
    return bool(_API.search(source))


def gives_socket(source: str) -> bool:
    """Whether a path of the host is an engine's socket, or a folder that one lies in."""
    path = _as_on_a_host(source)
    return bool(path) and (bool(_ANY.search(path)) or _FOLDERS.fullmatch(path) is not None)


def _as_on_a_host(source: str) -> str:
    """The path with defaults in place of variables, and known folders under their usual name."""
    while (filled := _DEFAULT.sub(r"\1", source)) != source:
        source = filled
    if not source:
        return ""
    path = re.sub(r"\A/+", "/", posixpath.normpath(source))
    for folder, usual in ((_RUNTIME_FOLDER, "/run/user/0"), (_HOME, "/home/x")):
        if match := folder.match(path):
            path = usual + path[match.end() :]
    return re.sub(r"\A/var/run(?=/|\Z)", "/run", path)


def _folders() -> re.Pattern[str]:
    parents = {"/var"}
    for socket in _SOCKETS:
        folder = posixpath.dirname(socket)
        while folder not in parents:
            parents.add(folder)
            folder = posixpath.dirname(folder)
    parents -= set(_FOLDERS_THAT_HOLD_HOMES)
    return re.compile("|".join(re.escape(parent).replace(r"\*", "[^/]+") for parent in sorted(parents)))


_FOLDERS = _folders()
