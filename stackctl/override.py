"""What differs on this host: whole values for `docker-compose.override.yml`, and the stanzas that follow.

Compose reads the override by itself, so plain `docker compose up` runs what stackctl runs.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stackctl import fingerprint, yaml_text
from stackctl.codes import finding
from stackctl.findings import Finding, Location
from stackctl.lint.sockets import is_engine_socket
from stackctl.model import (
    NOTHING,
    Bundle,
    Hardening,
    Host,
    Kind,
    Port,
    Spoke,
    Stack,
    Stanza,
    secret_reference,
    secret_variable,
)
from stackctl.read.variables import Undefined, interpolate
from stackctl.yaml_text import Override, OverrideMap

OVERRIDE_FILE = "docker-compose.override.yml"

_START_INTERVAL = "start_interval"
_KNOWN_SINCE = 25

SOCKET_GID = "SOCKET_GID"
MACHINE_VARIABLES = frozenset({"UID", "GID", SOCKET_GID})
"""Variables of the machine itself; Compose would not find them, so their values are written out."""

_HEADER = (
    "What differs on this host. Rendered by stackctl; change stack.local.yaml and run `stackctl render`."
)


@dataclass(frozen=True)
class OnHost:
    """The stack as this host runs it."""

    override: Mapping[str, Any]
    stanzas: Mapping[str, Stanza]
    """Per spoke, what Compose gives to the Engine: override merged in, variables resolved."""
    findings: tuple[Finding, ...]
    """Variables that nothing here defines."""

    def text(self, applied: Mapping[str, str], raised: Mapping[str, Mapping[str, str]] = NOTHING) -> str:
        """The override file, with the applied fingerprints that are known.

        `raised` are the labels of spokes that are past their first generation, all of them and resolved.
        """
        services = dict(self.override)
        for spoke, labels in raised.items():
            whole = {name: str(value).replace("$", "$$") for name, value in labels.items()}
            services[spoke] = {**services.get(spoke, {}), "labels": OverrideMap(whole)}
        for spoke, label in applied.items():
            stanza = dict(services.get(spoke, {}))
            stated = stanza.get("labels", {})
            stanza["labels"] = type(stated)({**stated, fingerprint.APPLIED_LABEL: label})
            services[spoke] = stanza
        return yaml_text.dump({"services": dict(sorted(services.items()))}, {("services",): _HEADER})


def on_host(stack: Stack, bundle: Bundle, host: Host, root: str) -> OnHost:
    """Lays this host's values over the bundle; `root` is the stack's folder, where relative paths begin."""
    override: dict[str, Any] = {}
    stanzas: dict[str, Stanza] = {}
    findings: list[Finding] = []
    # A secret stays a reference here, whatever the environment holds: stanzas are printed and compared.
    variables = {**host.variables, **{secret_variable(n): secret_reference(n) for n in stack.secret_sources}}
    for spoke in stack.spokes:
        stanza = bundle.service(spoke.name)
        as_is = spoke.hardening is Hardening.AS_IS
        machine = {} if as_is else _machine(spoke, host)
        known = {n: v for n, v in variables.items() if n not in host.made_up} if as_is else variables
        values = _values(spoke, stanza, host, machine)
        if values:
            override[spoke.name] = values
        resolved, undefined = _resolved({**stanza, **values}, {**machine, **known})
        stanzas[spoke.name] = _with_absolute_binds(resolved, root, variables.get("HOME", ""))
        findings += (_undefined(spoke.at(*path), name, spoke.name) for path, name in undefined)
    elements = {key: stack.top_level.get(key, {}) for key in ("volumes", "configs", "secrets")}
    _, undefined = _resolved({"networks": stack.networks, **elements}, variables)
    findings += (_undefined(stack.at(*path), name) for path, name in undefined)
    return OnHost(override, stanzas, tuple(findings))


def engine_sockets(stack: Stack, host: Host) -> frozenset[str]:
    """The sockets of Engines that socket proxies mount on this host."""
    return frozenset(filter(None, (_engine_socket(spoke, host) for spoke in stack.spokes)))


def states_start_interval(stanza: Stanza) -> bool:
    """Whether its healthcheck is to be asked more often while the container starts."""
    return bool((stanza.get("healthcheck") or NOTHING).get(_START_INTERVAL))


def lacks_start_interval(engine_version: str) -> bool:
    """Whether this Engine is too old for it: it came with Engine 25. One that hides its version is not."""
    major = engine_version.partition(".")[0]
    return major.isdecimal() and int(major) < _KNOWN_SINCE


def _engine_socket(spoke: Spoke, host: Host) -> str:
    if spoke.kind is not Kind.SOCKET_PROXY:
        return ""
    for mount in spoke.mounts:
        if is_engine_socket(mount.source):
            try:
                return host.socket or interpolate(mount.source, host.variables)
            except Undefined:
                return ""
    return ""


def _machine(spoke: Spoke, host: Host) -> dict[str, str]:
    group = host.socket_groups.get(_engine_socket(spoke, host), "")
    known = {name: value for name, value in host.variables.items() if name in MACHINE_VARIABLES}
    return {SOCKET_GID: group, **known} if group else known


def _values(spoke: Spoke, stanza: Stanza, host: Host, machine: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if image := host.images.get(spoke.name):
        values["image"] = image
    if host.no_start_interval and states_start_interval(stanza):
        stated = _with_machine(stanza["healthcheck"], machine)
        values["healthcheck"] = OverrideMap({k: v for k, v in stated.items() if k != _START_INTERVAL})
    if (ports := host.ports.get(spoke.name)) is not None:
        values["ports"] = Override(_port(port) for port in ports)
    for key, value in stanza.items():
        if key in ("labels", "image", "ports", "healthcheck") and key in values:
            continue
        resolved = _with_machine(value, machine)
        if key == "volumes" and host.socket and spoke.kind is Kind.SOCKET_PROXY:
            resolved = [
                {**mount, "source": host.socket} if is_engine_socket(mount.get("source", "")) else mount
                for mount in resolved
            ]
        if resolved != value:
            values[key] = Override(resolved) if isinstance(resolved, list) else resolved
    return values


def _port(port: Port) -> dict[str, Any]:
    stanza: dict[str, Any] = {"target": port.target, "protocol": port.protocol}
    if port.published:
        stanza["published"] = port.published
    if port.host_ip:
        stanza["host_ip"] = port.host_ip
    return stanza


def _with_machine(value: Any, machine: Mapping[str, str]) -> Any:
    """The value with the machine's variables filled in and every other one left for Compose."""
    if isinstance(value, str):
        for name, known in machine.items():
            if f"${{{name}" in value:
                value = known.join(re.split(rf"\$\{{{name}(?::-[^{{}}]*)?\}}", value))
        return value
    if isinstance(value, list):
        return [_with_machine(item, machine) for item in value]
    if isinstance(value, (dict, Mapping)):
        return {key: _with_machine(item, machine) for key, item in value.items()}
    return value


def _resolved(stanza: Stanza, variables: Mapping[str, str]) -> tuple[dict[str, Any], list[tuple[Any, str]]]:
    undefined: list[tuple[Any, str]] = []

    def walk(value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, str):
            if "$" not in value:
                return value
            try:
                return interpolate(value, variables)
            except Undefined as missing:
                undefined.append((path, missing.name))
                return value
        if isinstance(value, list):
            return [walk(item, (*path, str(index))) for index, item in enumerate(value)]
        if isinstance(value, (dict, Mapping)):
            return {key: walk(item, (*path, str(key))) for key, item in value.items()}
        return value

    return walk(stanza, ()), undefined


def _with_absolute_binds(stanza: dict[str, Any], root: str, home: str) -> dict[str, Any]:
    def absolute(source: str) -> str:
        at_home = home and (source == "~" or source.startswith("~/"))
        return posixpath.normpath(posixpath.join(root, home + source[1:] if at_home else source))

    if volumes := stanza.get("volumes"):
        stanza["volumes"] = [
            {**mount, "source": absolute(mount["source"])}
            if mount.get("type") == "bind" and mount.get("source")
            else mount
            for mount in volumes
        ]
    return stanza


def _undefined(at: Location, name: str, spoke: str = "") -> Finding:
    message = f"${{{name}}} is not defined on this host"
    return finding("SC601", at, message, f"set {name} in .env or in the environment", spoke)
