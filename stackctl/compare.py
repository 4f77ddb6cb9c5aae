"""A wanted service and a running container, both as flat fields of text, so that a difference has a name.

Only what Compose was told is compared. Where the service says nothing, the image's own default holds.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stackctl.model import NOTHING, Container, Stanza

Fields = Mapping[str, str]

OWN_LABELS = ("stackctl.fingerprint", "stackctl.inputs", "stackctl.rendered", "stackctl.applied")
"""Labels that say where the others come from; they are read by the plan and are no fields themselves."""

_FOREIGN_LABELS = ("com.docker.compose.", "desktop.docker.io/")
_PROXY_VARIABLES = frozenset(
    {"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"}
)  # Compose adds these from the user's Docker configuration.


@dataclass(frozen=True)
class Difference:
    field: str
    old: str
    new: str

    @property
    def path(self) -> tuple[str, ...]:
        """Where the field stands in a spoke: `environment.LOG.LEVEL` is ("environment", "LOG.LEVEL")."""
        return tuple(self.field.split(".", 1))


def differences(
    wanted: Stanza, running: Container, defaults: Stanza, names: Mapping[str, str], volumes: Mapping[str, str]
) -> tuple[Difference, ...]:
    """The fields in which a container is not what is wanted, by name.

    `defaults` is the Engine's `Config` of the image that the container runs; `names` and `volumes` give
    networks and volumes of the files their names on the Engine.
    """
    should = _wanted(wanted, defaults, names, volumes)
    does = _running(running, defaults, wanted, should)
    return tuple(
        Difference(field, does.get(field, ""), should.get(field, ""))
        for field in sorted(should.keys() | does.keys())
        if should.get(field, "") != does.get(field, "")
    )


# ---- what should be


def _wanted(stanza: Stanza, defaults: Stanza, names: Mapping[str, str], volumes: Mapping[str, str]) -> Fields:
    fields = {
        "user": _text(stanza.get("user") or defaults.get("User")),
        "working_dir": _text(stanza.get("working_dir") or defaults.get("WorkingDir")),
        "restart": _restart(stanza),
        "read_only": _flag(stanza.get("read_only")),
        "privileged": _flag(stanza.get("privileged")),
        "tty": _flag(stanza.get("tty")),
        "cap_add": _set(map(_capability, stanza.get("cap_add") or ())),
        "cap_drop": _set(map(_capability, stanza.get("cap_drop") or ())),
        "group_add": _set(stanza.get("group_add") or ()),
        "tmpfs": _set(map(_tmpfs, _words(stanza.get("tmpfs")))),
        "extra_hosts": _set(_hosts(stanza.get("extra_hosts") or ())),
        "mem_limit": _number(bytes_of(_limit(stanza, "mem_limit", "memory"))),
        "cpus": _number(round(float(_limit(stanza, "cpus", "cpus") or 0) * 1e9)),
        "pids_limit": _number(_limit(stanza, "pids_limit", "pids")),
        **_commands(stanza, defaults),
        **_healthcheck(stanza.get("healthcheck") or NOTHING, defaults.get("Healthcheck") or NOTHING),
        **{f"environment.{k}": v for k, v in _environment(stanza, defaults).items()},
        **{f"labels.{k}": v for k, v in _labels(stanza, defaults).items()},
        **{f"volumes.{m['target']}": _volume(m, volumes) for m in stanza.get("volumes") or ()},
        **_ports(stanza.get("ports") or ()),
        **_networks(stanza, names),
    }
    # The Engine, not the image, has the last word on these, so silence means that anything is right.
    spoken = {
        "hostname": lambda v: _text(v),
        "init": lambda v: _flag(v),
        "security_opt": lambda v: _set(map(_security, v)),
        "stop_signal": lambda v: _text(v),
        "stop_grace_period": lambda v: _number(seconds_of(v)),
        "pid": lambda v: _text(v),
        "ipc": lambda v: _text(v),
        "shm_size": lambda v: _number(bytes_of(v)),
        "network_mode": lambda v: _text(v),
    }
    fields |= {name: read(stanza[name]) for name, read in spoken.items() if stanza.get(name) is not None}
    return fields


def _commands(stanza: Stanza, defaults: Stanza) -> Fields:
    """An entrypoint of the service's own makes the image's command void."""
    entrypoint, command = stanza.get("entrypoint"), stanza.get("command")
    if entrypoint is None:
        entrypoint = defaults.get("Entrypoint")
        command = command if command is not None else defaults.get("Cmd")
    return {"entrypoint": shlex.join(_words(entrypoint)), "command": shlex.join(_words(command))}


def _environment(stanza: Stanza, defaults: Stanza) -> Fields:
    stated = {
        name: _text(value) for name, value in _pairs(stanza.get("environment")).items() if value is not None
    }
    return {**_pairs_of_text(defaults.get("Env") or ()), **stated}


def _labels(stanza: Stanza, defaults: Stanza) -> Fields:
    labels = {**(defaults.get("Labels") or {}), **_pairs(stanza.get("labels"))}
    return {name: _text(value) for name, value in labels.items() if not _foreign(name)}


def _healthcheck(stated: Stanza, default: Stanza) -> Fields:
    if stated.get("disable"):
        return {"healthcheck.test": "NONE"}
    test = stated.get("test")
    words = ["CMD-SHELL", test] if isinstance(test, str) else list(test or default.get("Test") or ())
    if not words:
        return {}
    times = {
        name: seconds_of(stated[name]) if stated.get(name) else int(default.get(key) or 0) / 1e9
        for name, key in _HEALTH_TIMES.items()
    }
    return {
        "healthcheck.test": shlex.join(words),
        "healthcheck.retries": _number(stated.get("retries") or default.get("Retries")),
        **{f"healthcheck.{name}": _number(value) for name, value in times.items()},
    }


_HEALTH_TIMES = {"interval": "Interval", "timeout": "Timeout", "start_period": "StartPeriod"}


def _volume(mount: Stanza, volumes: Mapping[str, str]) -> str:
    source = str(mount.get("source") or "")
    if mount["type"] == "volume" and source:
        source = volumes.get(source, source)
    if mount["type"] == "tmpfs" or not source:
        source = "anonymous"
    return f"{mount['type']} {_path(source)}{' read-only' if mount.get('read_only') else ''}"


def _ports(ports: Iterable[Stanza]) -> Fields:
    found: dict[str, set[str]] = {}
    for port in ports:
        name = f"ports.{port['target']}/{port.get('protocol') or 'tcp'}"
        found.setdefault(name, set()).add(_binding(port.get("host_ip"), port.get("published")))
    return {name: _set(bindings) for name, bindings in found.items()}


def _networks(stanza: Stanza, names: Mapping[str, str]) -> Fields:
    if stanza.get("network_mode"):
        return {}
    # A container that was put back on its network by hand is there, but its name does not resolve.
    own = stanza["labels"].get("stackctl.spoke", "") if isinstance(stanza.get("labels"), Mapping) else ""
    networks = stanza.get("networks") or {"default": None}
    if not isinstance(networks, Mapping):
        networks = dict.fromkeys(networks)
    fields = {}
    for network, how in networks.items():
        how = how or NOTHING
        aliases = {alias for alias in (own, *(how.get("aliases") or ())) if alias}
        addresses = [str(how[key]) for key in ("ipv4_address", "ipv6_address") if how.get(key)]
        fields[f"networks.{names.get(network, network)}"] = " ".join(["as", *sorted(aliases), *addresses])
    return fields


# ---- what is


def _running(container: Container, defaults: Stanza, wanted: Stanza, should: Fields) -> Fields:
    """The same fields of a container; a field that only silence would name is left out."""
    config: Stanza = container.inspect["Config"]
    host: Stanza = container.inspect["HostConfig"]
    fields = {
        "user": _text(config.get("User")),
        "working_dir": _text(config.get("WorkingDir")),
        "entrypoint": shlex.join(config.get("Entrypoint") or ()),
        "command": shlex.join(config.get("Cmd") or ()),
        "read_only": _flag(host.get("ReadonlyRootfs")),
        "privileged": _flag(host.get("Privileged")),
        "tty": _flag(config.get("Tty")),
        "cap_add": _set(map(_capability, host.get("CapAdd") or ())),
        "cap_drop": _set(map(_capability, host.get("CapDrop") or ())),
        "group_add": _set(host.get("GroupAdd") or ()),
        "tmpfs": _set(f"{target}:{options}" for target, options in (host.get("Tmpfs") or {}).items()),
        "extra_hosts": _set(_hosts(host.get("ExtraHosts") or ())),
        "mem_limit": _number(host.get("Memory")),
        "cpus": _number(host.get("NanoCpus")),
        "pids_limit": _number(max(0, host.get("PidsLimit") or 0)),
        **_health_of(config.get("Healthcheck") or NOTHING),
        **_environment_of(config, should),
        **{f"labels.{k}": _text(v) for k, v in (config.get("Labels") or {}).items() if not _foreign(k)},
        **_mounts_of(container, defaults, wanted),
        **_ports_of(host.get("PortBindings") or {}),
    }
    policy = host.get("RestartPolicy") or NOTHING
    tries = f":{policy['MaximumRetryCount']}" if policy.get("MaximumRetryCount") else ""
    spoken = {
        "restart": lambda: (policy.get("Name") or "no") + tries,
        "hostname": lambda: _text(config.get("Hostname")),
        "init": lambda: _flag(host.get("Init")),
        "security_opt": lambda: _set(map(_security, host.get("SecurityOpt") or ())),
        "stop_signal": lambda: _text(config.get("StopSignal")),
        "stop_grace_period": lambda: _number(config.get("StopTimeout")),
        "pid": lambda: _text(host.get("PidMode")),
        "ipc": lambda: _text(host.get("IpcMode")),
        "shm_size": lambda: _number(host.get("ShmSize")),
        "network_mode": lambda: _text(host.get("NetworkMode")),
    }
    fields |= {name: read() for name, read in spoken.items() if should.get(name)}
    if "network_mode" not in should:
        fields |= _networks_of(container, should)
    return fields


def _health_of(check: Stanza) -> Fields:
    test = check.get("Test") or ()
    if not test:
        return {}
    if list(test) == ["NONE"]:
        return {"healthcheck.test": "NONE"}
    return {
        "healthcheck.test": shlex.join(test),
        "healthcheck.retries": _number(check.get("Retries")),
        **{
            f"healthcheck.{name}": _number(int(check.get(key) or 0) / 1e9)
            for name, key in _HEALTH_TIMES.items()
        },
    }


def _environment_of(config: Stanza, should: Fields) -> Fields:
    found = {f"environment.{name}": value for name, value in _pairs_of_text(config.get("Env") or ()).items()}
    return {
        field: value
        for field, value in found.items()
        if field in should or field.partition(".")[2].upper() not in _PROXY_VARIABLES
    }


def _mounts_of(container: Container, defaults: Stanza, wanted: Stanza) -> Fields:
    stated = {str(m["target"]) for m in wanted.get("volumes") or ()}
    silent = {*(defaults.get("Volumes") or ()), *_file_targets(wanted)} - stated
    return {
        f"volumes.{m.target}": f"{m.type} {_anonymous(m.type, m.source)}{' read-only' if m.read_only else ''}"
        for m in container.mounts
        if m.target not in silent
    }


def _anonymous(type: str, source: str) -> str:
    named = type != "tmpfs" and not re.fullmatch(r"[0-9a-f]{64}", source)
    return _path(source) if named else "anonymous"


def _file_targets(stanza: Stanza) -> Iterable[str]:
    """Where Compose mounts secrets and configs; their content is in the fingerprint, their place is Compose's."""
    for key, folder in (("secrets", "/run/secrets/"), ("configs", "/")):
        for entry in stanza.get(key) or ():
            target = entry if isinstance(entry, str) else entry.get("target") or entry.get("source", "")
            yield target if target.startswith("/") else f"{folder}{target}"


def _ports_of(bindings: Mapping[str, Any]) -> Fields:
    return {
        f"ports.{name}": _set(_binding(b.get("HostIp"), b.get("HostPort")) for b in found)
        for name, found in bindings.items()
        if found
    }


def _networks_of(container: Container, should: Fields) -> Fields:
    networks: Stanza = container.inspect["NetworkSettings"].get("Networks") or {}
    fields = {}
    for name, how in networks.items():
        asked = should.get(f"networks.{name}", "as").split()
        given = {*(how.get("Aliases") or ()), *(how.get("DNSNames") or ())}
        fixed = {str(v) for v in (how.get("IPAMConfig") or {}).values()}
        fields[f"networks.{name}"] = " ".join(word for word in asked if word == "as" or word in given | fixed)
    return fields


# ---- both into the same words


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _flag(value: object) -> str:
    return "true" if value in (True, "true") else ""


def _number(value: object) -> str:
    number = float(str(value)) if value not in (None, "") else 0.0
    return "" if not number else f"{number:.6f}".rstrip("0").rstrip(".")


def _set(values: Iterable[object]) -> str:
    return ", ".join(sorted({_text(value) for value in values}))


def _words(value: object) -> list[str]:
    if value is None:
        return []
    return shlex.split(value) if isinstance(value, str) else [_text(word) for word in value]  # type: ignore[attr-defined]


def _pairs(value: object) -> Mapping[str, Any]:
    """A map that may be written as a list of NAME=value."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return value
    assert isinstance(value, list | tuple)
    return {name: text if equals else None for name, equals, text in (str(v).partition("=") for v in value)}


def _pairs_of_text(values: Iterable[str]) -> dict[str, str]:
    return {name: value for name, _, value in (text.partition("=") for text in values)}


def _foreign(label: str) -> bool:
    return label in OWN_LABELS or label.startswith(_FOREIGN_LABELS)


def _limit(stanza: Stanza, key: str, under_deploy: str) -> Any:
    limits = ((stanza.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    return limits.get(under_deploy) or stanza.get(key) or 0


def _restart(stanza: Stanza) -> str:
    policy = (stanza.get("deploy") or {}).get("restart_policy")
    if policy and not stanza.get("restart"):
        return ""
    return _text(stanza.get("restart") or "no")


def _capability(name: object) -> str:
    return str(name).upper().removeprefix("CAP_")


def _security(option: object) -> str:
    text = str(option).replace(":", "=", 1)
    if text.startswith("seccomp=") and text != "seccomp=unconfined":
        return "seccomp=profile"  # Compose sends the profile's content in place of its path.
    return text.removesuffix("=true")


def _tmpfs(text: str) -> str:
    target, _, options = text.partition(":")
    return f"{target}:{options}"


def _hosts(hosts: object) -> Iterable[str]:
    if isinstance(hosts, Mapping):
        for name, addresses in hosts.items():
            for address in addresses if isinstance(addresses, list | tuple) else (addresses,):
                yield f"{name}:{address}"
        return
    assert isinstance(hosts, list | tuple)
    for host in hosts:
        yield re.sub(r"[=:]", ":", str(host), count=1)


def _binding(address: object, published: object) -> str:
    port = "" if published in (None, "", 0, "0") else str(published)
    return f"{address}:{port}" if address else port or "any"


def _path(source: str) -> str:
    return source.rstrip("/") or source


_SIZES = {"": 1, "b": 1, "k": 2**10, "kb": 2**10, "m": 2**20, "mb": 2**20, "g": 2**30, "gb": 2**30}
_SPANS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6}


def bytes_of(value: object) -> int:
    """`64m` as a number of bytes."""
    match = re.fullmatch(r"([\d.]+)\s*([a-z]*)", str(value or 0).strip().lower())
    if match is None or match[2] not in _SIZES:
        raise ValueError(f"not a size: {value}")
    return round(float(match[1]) * _SIZES[match[2]])


def seconds_of(value: object) -> float:
    """`1m30s` as a number of seconds."""
    if isinstance(value, int | float):
        return float(value)
    return sum(float(n) * _SPANS[unit] for n, unit in re.findall(r"([\d.]+)(h|ms|us|m|s)", str(value)))
