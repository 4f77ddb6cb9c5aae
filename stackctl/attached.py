"""What a container is attached to: mounts, published ports and networks, as wanted and as they are. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from stackctl import normal
from stackctl.model import NOTHING, Container, Stanza

Fields = Mapping[str, str]

# ---- mounts


def mounts_wanted(wanted: Stanza, volumes: Mapping[str, str]) -> Fields:
    def source(mount: Stanza) -> str:
        name = normal.text(mount.get("source"))
        return volumes.get(name, name) if mount["type"] == "volume" else name

    return {
        f"volumes.{normal.path(m['target'])}": _mount(m["type"], source(m), bool(m.get("read_only")))
        for m in wanted.get("volumes") or ()
    }


def mounts_of(running: Container, wanted: Stanza, defaults: Stanza) -> Fields:
    """Without those that the image asks for, and without the files of secrets and configs.

    The latters' content is in the fingerprint, and where Compose keeps them is its own business.
    """
    stated = {normal.path(m["target"]) for m in wanted.get("volumes") or ()}
    silent = {*map(normal.path, defaults.get("Volumes") or ()), *_files(wanted)} - stated
    return {
        f"volumes.{normal.path(m.target)}": _mount(m.type, m.source, m.read_only)
        for m in running.mounts
        if normal.path(m.target) not in silent
    }


def _mount(type: str, source: str, read_only: bool) -> str:
    anonymous = type == "tmpfs" or re.fullmatch(r"([0-9a-f]{64})?", source)
    return f"{type} {'anonymous' if anonymous else normal.path(source)}{' read-only' if read_only else ''}"


def _files(wanted: Stanza) -> Iterable[str]:
    for key, folder in (("secrets", "/run/secrets/"), ("configs", "/")):
        for entry in wanted.get(key) or ():
            target = entry if isinstance(entry, str) else entry.get("target") or entry.get("source", "")
            yield normal.path(target if target.startswith("/") else f"{folder}{target}")


# ---- published ports


def ports_wanted(wanted: Stanza) -> Fields:
    found: dict[str, list[str]] = {}
    for port in wanted.get("ports") or ():
        name = f"ports.{port['target']}/{port.get('protocol') or 'tcp'}"
        found.setdefault(name, []).append(_binding(port.get("host_ip"), port.get("published")))
    return {name: normal.unordered(bindings) for name, bindings in found.items()}


def ports_of(running: Container) -> Fields:
    """As asked for: the Engine's own choice of a free port is no difference."""
    bindings: Mapping[str, Any] = running.inspect["HostConfig"].get("PortBindings") or NOTHING
    return {
        f"ports.{name}": normal.unordered(_binding(b.get("HostIp"), b.get("HostPort")) for b in found)
        for name, found in bindings.items()
        if found
    }


def _binding(address: Any, published: Any) -> str:
    port = "any port" if published in (None, "", 0, "0") else normal.text(published)
    return f"{address}:{port}" if address else port


# ---- networks


def networks_wanted(wanted: Stanza, service: str, networks: Mapping[str, str]) -> Fields:
    if mode := wanted.get("network_mode"):
        return {} if _of_another(mode) else {"network_mode": mode}
    stated = wanted.get("networks") or {"default": None}
    fields = {}
    for network in stated:
        how = (stated[network] if isinstance(stated, Mapping) else None) or NOTHING
        fixed = (how.get("ipv4_address"), how.get("ipv6_address"))
        fields[f"networks.{networks.get(network, network)}"] = _attachment(
            {service, *(how.get("aliases") or ()), *(address for address in fixed if address)}
        )
    return fields


def networks_of(running: Container, wanted: Stanza, should: Fields) -> Fields:
    """With those of its wanted names and addresses that it has.

    A container that was put back on a network by hand is there, but nobody finds it by its service's name.
    """
    if mode := wanted.get("network_mode"):
        return (
            {}
            if _of_another(mode)
            else {"network_mode": running.inspect["HostConfig"].get("NetworkMode", "")}
        )
    networks: Mapping[str, Any] = running.inspect["NetworkSettings"].get("Networks") or NOTHING
    fields = {}
    for network, how in networks.items():
        has = {
            *(how.get("Aliases") or ()),
            *(how.get("DNSNames") or ()),
            *(how.get("IPAMConfig") or {}).values(),
        }
        asked = should.get(f"networks.{network}", "").removeprefix("attached as ").split(", ")
        fields[f"networks.{network}"] = _attachment(has & {*asked})
    return fields


def _of_another(mode: str) -> bool:
    """The network of another service's container, which the Engine names by an id."""
    return mode.startswith(("service:", "container:"))


def _attachment(names: Iterable[str]) -> str:
    listed = normal.unordered(names)
    return f"attached as {listed}" if listed else "attached"
