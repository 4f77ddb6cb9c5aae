"""`stack.yaml` -> what holds for the whole stack."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stackctl.codes import finding
from stackctl.findings import Finding, Location
from stackctl.model import PROXY_NETWORK, SOCKET_NETWORK, Edge, Path, Routing, SecretSource
from stackctl.read.compose_keys import known, unknown_key
from stackctl.read.edge_settings import read_edge
from stackctl.read.partial import HOST_NAME
from stackctl.read.secret_sources import read_secret_sources
from stackctl.read.text import Source
from stackctl.read.yaml_nodes import load_yaml

NEWEST_VERSION = 1
_STACK_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")
_ELEMENT_NAME = re.compile(r"[a-zA-Z0-9._-]+\Z")
_KEYS = (
    "name",
    "domain",
    "edge",
    "prober_image",
    "version",
    "notify",
    "networks",
    "volumes",
    "configs",
    "secrets",
)
_OWN_MAPS = ("secret_sources",)
_NOTIFY = "for example: `notify: [/usr/local/bin/tell-me]`; it gets a JSON document on its standard input"
_DEFAULT_NETWORKS: Mapping[str, Mapping[str, Any]] = {PROXY_NETWORK: {}, SOCKET_NETWORK: {"internal": True}}


@dataclass(frozen=True)
class Settings:
    name: str
    domain: str = "stack.localhost"
    edge: Edge = Edge.NONE
    routing: Routing = field(default_factory=Routing)
    prober_image: str = ""
    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    top_level: Mapping[str, Any] = field(default_factory=dict)
    secret_sources: Mapping[str, SecretSource] = field(default_factory=dict)
    notify: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    """Keys whose value is not one, so that what it would have said is not told as missing."""
    places: Mapping[Path, Location] = field(default_factory=dict)


def read_settings(source: Source) -> tuple[Settings | None, tuple[Finding, ...]]:
    """Read stack.yaml; there are no settings where it is not a map with a name."""
    document = load_yaml(source)
    found = list(document.findings)
    value = document.value

    def note(code: str, path: Path, message: str, hint: str = "") -> None:
        places = (document.places.get(path[:length]) for length in range(len(path), -1, -1))
        at = next((place for place in places if place is not None), Location(source.file))
        found.append(finding(code, at, message, hint))

    if not isinstance(value, dict):
        if not found:
            note("SC103", (), "stack.yaml is a map of keys", "a first one: `name: homelab`")
        return None, tuple(found)
    for key in value:
        if key in ("services", "include"):
            note("SC102", (key,), f"`{key}` has no place in stack.yaml", "each service is a spoke in spokes/")
        elif key not in (*_KEYS, *_OWN_MAPS) and not key.startswith("x-"):
            note("SC102", (key,), *unknown_key(key, "stack", (*_KEYS, *_OWN_MAPS)))
    version = value.get("version", NEWEST_VERSION)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        note("SC103", ("version",), "`version` must be a number", f"this version reads {NEWEST_VERSION}")
    elif version > NEWEST_VERSION:
        note("SC109", ("version",), f"the stack has version {version}; this stackctl reads {NEWEST_VERSION}")
        return None, tuple(found)
    name = value.get("name")
    if not isinstance(name, str) or not _STACK_NAME.match(name):
        code, what = ("SC110", f"`{name}` cannot be") if isinstance(name, str) else ("SC103", "there is not")
        note(code, ("name",), f"{what} the name of the stack", "use a-z, 0-9, - and _")
        return None, tuple(found)
    domain = value.get("domain", Settings.domain)
    if not isinstance(domain, str) or not HOST_NAME.match(domain.lower()):
        note("SC110", ("domain",), f"`{domain}` is not a domain")
        domain = Settings.domain
    edge, routing = read_edge(value.get("edge"), note)
    prober = value.get("prober_image", "")
    if not isinstance(prober, str):
        note("SC103", ("prober_image",), "`prober_image` must be a text")
        prober = ""
    notify = value.get("notify") or ()
    if not (isinstance(notify, list | tuple) and all(isinstance(word, str) and word for word in notify)):
        note("SC103", ("notify",), "`notify` is a list of words: a program and its arguments", _NOTIFY)
        notify = ()
    elements = {key: _elements(value[key], key, note) for key in _KEYS[6:] if value.get(key) is not None}
    extra = {key: item for key, item in value.items() if key.startswith("x-")}
    settings = Settings(
        name=name,
        domain=domain.lower(),
        edge=edge,
        routing=routing,
        prober_image=prober,
        networks=_networks(name, elements.pop("networks", {})),
        top_level={**elements, **extra},
        secret_sources=read_secret_sources(value.get("secret_sources"), elements.get("secrets", {}), note),
        notify=tuple(notify),
        unread=_unread(document.places, found),
        places=document.places,
    )
    return settings, tuple(found)


def _unread(places: Mapping[Path, Location], found: list[Finding]) -> tuple[str, ...]:
    wrong = {finding.at for finding in found if finding.code == "SC103"}
    whole = (path for path, at in places.items() if at in wrong)
    return tuple(sorted({path[0] for path in whole if len(path) == 1 or path == ("edge", "name")}))


def _elements(value: Any, key: str, note: Any) -> dict[str, dict[str, Any]]:
    """The entries of a top-level element of Compose, unknown keys noted and left out."""
    if not isinstance(value, dict):
        note("SC103", (key,), f"`{key}` must be a map")
        return {}
    allowed = known()["top_level"][key]
    found: dict[str, dict[str, Any]] = {}
    for name, options in value.items():
        if not _ELEMENT_NAME.match(name):
            note("SC110", (key, name), f"`{name}` is not a valid name")
        elif options is not None and not isinstance(options, dict):
            note("SC103", (key, name), f"`{name}` must be a map")
            # It is there, so that whoever names it is not told that it is not.
            found[name] = {}
        else:
            for word in options or {}:
                if word not in allowed and not word.startswith("x-"):
                    note("SC102", (key, name, word), *unknown_key(word, f"stack.{key}", allowed))
            found[name] = {k: v for k, v in (options or {}).items() if k in allowed or k.startswith("x-")}
    return found


def _networks(stack: str, declared: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """All networks, each with the name that it has on the Engine."""
    found: dict[str, dict[str, Any]] = {}
    for network in (*_DEFAULT_NETWORKS, *(name for name in declared if name not in _DEFAULT_NETWORKS)):
        options = dict(declared.get(network, {}))
        external = options.get("external", False)
        if isinstance(external, dict):
            options |= {"external": True, "name": external.get("name", options.get("name", network))}
        if not external:
            options = {**_DEFAULT_NETWORKS.get(network, {}), **options}
        # What exists outside the stack bears its own name; the stack's own bear the stack's.
        options.setdefault("name", network if external else f"{stack}_{network}")
        found[network] = options
    return found
