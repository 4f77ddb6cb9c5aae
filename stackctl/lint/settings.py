"""The static settings of an edge that a spoke writes by hand: flags, variables or a mounted file."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stackctl.edge import traefik
from stackctl.model import Kind, Path, Spoke, Stack
from stackctl.read.images import split_image

_FILES = tuple(f"/etc/traefik/traefik.{ending}" for ending in ("yml", "yaml"))
_FLAG = re.compile(r"--?([A-Za-z][^=\s]*)(?:=(.*))?", re.DOTALL)


@dataclass(frozen=True)
class Setting:
    value: str
    path: Path
    """Where the spoke states it."""


@dataclass(frozen=True)
class Settings:
    """Dotted names in lower case, as `providers.docker.network`, of one Traefik."""

    edge: Spoke
    rendered: bool
    """stackctl writes them, so there is nothing to find in them."""
    known: Mapping[str, Setting] = field(default_factory=dict)
    readable: bool = True
    """Whether all of them are known; a file of the host may hold more."""

    def get(self, name: str) -> str:
        return self.known[name].value if name in self.known else ""

    def is_on(self, name: str) -> bool:
        return self.get(name).lower() == "true"

    def below(self, name: str) -> dict[str, Setting]:
        """All settings that begin with this name and a dot, without it."""
        start = f"{name}."
        return {key[len(start) :]: value for key, value in self.known.items() if key.startswith(start)}

    def names(self, section: str) -> tuple[str, ...]:
        """The names that stand directly below: of entry points, of certificate resolvers."""
        return tuple(dict.fromkeys(key.partition(".")[0] for key in self.below(section)))

    def ports(self) -> dict[str, int]:
        """Entry point -> the port on which it listens in the container."""
        found = {}
        for name in self.names("entrypoints"):
            address = self.get(f"entrypoints.{name}.address").partition("/")[0]
            if (port := address.rpartition(":")[2]).isdecimal():
                found[name] = int(port)
        return found


def is_traefik(spoke: Spoke) -> bool:
    return spoke.kind is Kind.EDGE and _program(spoke) == "traefik"


def is_caddy(spoke: Spoke) -> bool:
    return spoke.kind is Kind.EDGE and _program(spoke) in ("caddy", "caddy-docker-proxy")


def is_docker_proxy(spoke: Spoke) -> bool:
    """Whether this is Caddy with the plugin that reads labels."""
    return spoke.kind is Kind.EDGE and _program(spoke) == "caddy-docker-proxy"


def _program(spoke: Spoke) -> str:
    return posixpath.basename(split_image(spoke.image).repository)


def of_traefiks(stack: Stack) -> tuple[Settings, ...]:
    """The settings of every Traefik of the stack, as far as the files tell them."""
    return tuple(_of(stack, spoke) for spoke in stack.spokes if is_traefik(spoke))


def by_hand(stack: Stack) -> tuple[Settings, ...]:
    return tuple(settings for settings in of_traefiks(stack) if not settings.rendered)


def _of(stack: Stack, spoke: Spoke) -> Settings:
    mounted = [
        (number, mount)
        for number, mount in enumerate(spoke.mounts)
        if any(file == mount.target or file.startswith(f"{mount.target.rstrip('/')}/") for file in _FILES)
    ]
    if traefik.is_edge(stack, spoke) and not mounted:
        return Settings(spoke, rendered=True)
    for number, mount in mounted:
        # A file wins, and then flags and variables mean nothing.
        path = ("volumes", str(number))
        for file in _FILES:
            inside = file.removeprefix(mount.target.rstrip("/")).lstrip("/")
            source = posixpath.normpath(posixpath.join(mount.source, inside)) if inside else mount.source
            text = stack.files.get(source.removeprefix("./"))
            if text is not None:
                return Settings(spoke, False, {n: Setting(v, path) for n, v in _flat(_parsed(text), "")})
    flags = dict(_flags(spoke))
    return Settings(spoke, False, flags or dict(_variables(spoke)), readable=not mounted)


def _parsed(text: bytes) -> Any:
    from stackctl.read.yaml_nodes import plain  # heavy, and only wanted where such a file is mounted

    try:
        return plain(text.decode())
    except (ValueError, UnicodeDecodeError):
        return {}


def _flat(value: Any, before: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        if before:
            # `ping: {}` switches something on by being there.
            yield before, "true"
        for key, item in value.items():
            yield from _flat(item, f"{before}.{key}".lower().lstrip("."))
    elif isinstance(value, list | tuple):
        yield before, ",".join(map(str, value))
    else:
        yield (
            before,
            "true" if value is None else str(value).lower() if isinstance(value, bool) else str(value),
        )


def _flags(spoke: Spoke) -> Iterator[tuple[str, Setting]]:
    command = spoke.service.get("command") or ()
    stated = [command] if isinstance(command, str) else list(command)
    for number, word in enumerate(stated):
        path = ("command", str(number)) if not isinstance(command, str) else ("command",)
        for part in str(word).split() if isinstance(command, str) else [str(word)]:
            if match := _FLAG.fullmatch(part.strip()):
                yield match[1].lower(), Setting(match[2] if match[2] is not None else "true", path)


def _variables(spoke: Spoke) -> Iterator[tuple[str, Setting]]:
    for name, value in spoke.environment.items():
        if name.startswith("TRAEFIK_"):
            dotted = name.removeprefix("TRAEFIK_").lower().replace("_", ".")
            yield dotted, Setting(value or "", ("environment", name))


def published(spoke: Spoke, port: int) -> tuple[str, ...]:
    """The ports of the host behind which a port of the container is; empty where none is."""
    return tuple(p.published for p in spoke.ports if p.target == port and p.protocol == "tcp")


def only_inside(stack: Stack, spoke: Spoke) -> bool:
    """Whether each network of the spoke is internal: nothing gets in from the host, and nothing out."""
    return bool(spoke.networks) and all(
        stack.networks.get(network, {}).get("internal") is True for network in spoke.networks
    )


def has_provider(settings: Settings, name: str) -> bool:
    start = f"providers.{name}"
    return any(key == start or key.startswith(f"{start}.") for key in settings.known)
