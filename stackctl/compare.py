"""A wanted service against a running container, field by field, so that a difference has a name. Pure.

Only what Compose was told is compared. Where the service says nothing, what the image sets must hold, or
nothing; and where the Engine fills in something of its own, anything is right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from stackctl import attached, generation, normal
from stackctl.model import NOTHING, Container, Stanza, secret_of

OWN_LABELS = ("stackctl.fingerprint", "stackctl.inputs", "stackctl.rendered", "stackctl.applied")
"""Labels that say where the fields come from; whoever decides reads them, they are no fields."""

_FOREIGN_LABELS = ("com.docker.compose.", "desktop.docker.io/")
_PROXY_VARIABLES = frozenset(("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"))
"""Compose adds these by itself, from the person's Docker configuration."""

Fields = Mapping[str, str]


@dataclass(frozen=True)
class Difference:
    field: str
    """`image`, or with the name inside it: `environment.LOG_LEVEL`, `volumes./data`, `ports.80/tcp`."""
    old: str
    new: str

    @property
    def path(self) -> tuple[str, ...]:
        """Where the field stands in a spoke."""
        return tuple(self.field.split(".", 1))


def differences(
    wanted: Stanza,
    running: Container,
    defaults: Stanza = NOTHING,
    networks: Mapping[str, str] = NOTHING,
    volumes: Mapping[str, str] = NOTHING,
) -> tuple[Difference, ...]:
    """The fields in which a container is not what is wanted, sorted by name; the image is left to the caller.

    `defaults` is the Engine's `Config` of the image that the container runs; `networks` and `volumes` say
    how those of the files are called on the Engine.
    """
    config: Stanza = running.inspect["Config"]
    host: Stanza = running.inspect["HostConfig"]
    should: dict[str, str] = {}
    does: dict[str, str] = {}
    for row in _ROWS:
        stated = wanted.get(row.name)
        if stated is None and row.silence is _Silence.ANYTHING:
            continue
        inherited = defaults.get(row.key) if row.silence is _Silence.IMAGE else None
        should[row.name] = row.form(inherited if stated is None else stated)
        does[row.name] = row.form((config if row.inside == "Config" else host).get(row.key))
    should |= {
        **_commands(wanted, defaults),
        **_limits(wanted),
        **_restart(wanted),
        **_health(_stated_health(wanted, defaults)),
        **_environment({**normal.pairs(defaults.get("Env")), **_stated(wanted.get("environment"))}),
        **_labels({**(defaults.get("Labels") or {}), **_labels_as_they_run(wanted, running)}),
        **attached.mounts_wanted(wanted, volumes),
        **attached.ports_wanted(wanted),
        **attached.networks_wanted(wanted, running.spoke, networks),
    }
    does |= {
        "entrypoint": normal.command(config.get("Entrypoint")),
        "command": normal.command(config.get("Cmd")),
        "mem_limit": normal.size(host.get("Memory")),
        "cpus": normal.number((host.get("NanoCpus") or 0) / 1e9),
        "pids_limit": normal.number(host.get("PidsLimit")),
        **({"restart": _policy(host.get("RestartPolicy") or NOTHING)} if "restart" in should else {}),
        **_health(config.get("Healthcheck") or NOTHING),
        **_given_environment(config, wanted, should),
        **_labels(config.get("Labels") or {}),
        **attached.mounts_of(running, wanted, defaults),
        **attached.ports_of(running),
        **attached.networks_of(running, wanted, should),
    }
    if unlabelled(running):
        should.pop("labels.stackctl.spoke", None)
    # Whether a secret changed stands in the applied fingerprint; its value is nowhere to compare with.
    for variable, value in _stated(wanted.get("environment")).items():
        if secret_of(value):
            should.pop(f"environment.{variable}", None)
            does.pop(f"environment.{variable}", None)
    if name := wanted.get("container_name"):
        should["container_name"], does["container_name"] = name, running.name
    return tuple(
        Difference(name, does.get(name, ""), should.get(name, ""))
        for name in sorted(should.keys() | does.keys())
        if should.get(name, "") != does.get(name, "")
    )


def unlabelled(container: Container) -> bool:
    """Whether stackctl never made this container: only its fields tell what it was made of."""
    return container.labels.keys().isdisjoint({"stackctl.spoke", *OWN_LABELS})


# ---- fields that have one value


class _Silence(Enum):
    """What holds where the service says nothing."""

    IMAGE = "what the image sets"
    NOTHING = "nothing"
    ANYTHING = "whatever the Engine or its configuration made of it"


@dataclass(frozen=True)
class _Row:
    """A key of Compose, how its value is spelt, and where the Engine keeps it."""

    name: str
    form: Callable[[Any], str]
    inside: str
    key: str
    silence: _Silence = _Silence.NOTHING


_ROWS = (
    _Row("user", normal.text, "Config", "User", _Silence.IMAGE),
    _Row("working_dir", normal.text, "Config", "WorkingDir", _Silence.IMAGE),
    _Row("stop_signal", normal.text, "Config", "StopSignal", _Silence.IMAGE),
    _Row("tty", normal.flag, "Config", "Tty"),
    _Row("stdin_open", normal.flag, "Config", "OpenStdin"),
    _Row("read_only", normal.flag, "HostConfig", "ReadonlyRootfs"),
    _Row("privileged", normal.flag, "HostConfig", "Privileged"),
    _Row("cap_add", normal.capabilities, "HostConfig", "CapAdd"),
    _Row("cap_drop", normal.capabilities, "HostConfig", "CapDrop"),
    _Row("group_add", normal.texts, "HostConfig", "GroupAdd"),
    _Row("tmpfs", normal.tmpfs, "HostConfig", "Tmpfs"),
    _Row("extra_hosts", normal.hosts, "HostConfig", "ExtraHosts"),
    _Row("devices", normal.devices, "HostConfig", "Devices"),
    _Row("sysctls", normal.settings, "HostConfig", "Sysctls"),
    _Row("dns", normal.texts, "HostConfig", "Dns"),
    _Row("dns_search", normal.texts, "HostConfig", "DnsSearch"),
    _Row("hostname", normal.text, "Config", "Hostname", _Silence.ANYTHING),
    _Row("domainname", normal.text, "Config", "Domainname", _Silence.ANYTHING),
    _Row("stop_grace_period", normal.span, "Config", "StopTimeout", _Silence.ANYTHING),
    _Row("init", normal.flag, "HostConfig", "Init", _Silence.ANYTHING),
    _Row("security_opt", normal.security, "HostConfig", "SecurityOpt", _Silence.ANYTHING),
    _Row("shm_size", normal.size, "HostConfig", "ShmSize", _Silence.ANYTHING),
    _Row("ulimits", normal.ulimits, "HostConfig", "Ulimits", _Silence.ANYTHING),
    _Row("logging", normal.logging, "HostConfig", "LogConfig", _Silence.ANYTHING),
    _Row("userns_mode", normal.text, "HostConfig", "UsernsMode", _Silence.ANYTHING),
)


# ---- fields with rules of their own


def _commands(wanted: Stanza, defaults: Stanza) -> Fields:
    """An entrypoint of the service's own makes the image's command void."""
    entrypoint, command = wanted.get("entrypoint"), wanted.get("command")
    if entrypoint is None:
        entrypoint = defaults.get("Entrypoint")
        command = defaults.get("Cmd") if command is None else command
    return {"entrypoint": normal.command(entrypoint), "command": normal.command(command)}


def _limits(wanted: Stanza) -> Fields:
    """Limits may stand beside the service's other keys or under `deploy`."""
    limits = ((wanted.get("deploy") or NOTHING).get("resources") or NOTHING).get("limits") or NOTHING
    return {
        "mem_limit": normal.size(limits.get("memory") or wanted.get("mem_limit")),
        "cpus": normal.number(limits.get("cpus") or wanted.get("cpus")),
        "pids_limit": normal.number(limits.get("pids") or wanted.get("pids_limit")),
    }


def _restart(wanted: Stanza) -> Fields:
    if not wanted.get("restart") and (wanted.get("deploy") or NOTHING).get("restart_policy"):
        return {}
    return {"restart": normal.text(wanted.get("restart") or "no")}


def _policy(policy: Stanza) -> str:
    tries = policy.get("MaximumRetryCount")
    return f"{policy.get('Name') or 'no'}{f':{tries}' if tries else ''}"


_HEALTH_TIMES = {
    "interval": "Interval",
    "timeout": "Timeout",
    "start_period": "StartPeriod",
    "start_interval": "StartInterval",
}


def _stated_health(wanted: Stanza, defaults: Stanza) -> Stanza:
    """The healthcheck in the Engine's words; what the service leaves out comes from the image."""
    stated: Stanza = wanted.get("healthcheck") or NOTHING
    if stated.get("disable"):
        return {"Test": ["NONE"]}
    check = dict(defaults.get("Healthcheck") or NOTHING)
    if test := stated.get("test"):
        check["Test"] = ["CMD-SHELL", test] if isinstance(test, str) else test
    if retries := stated.get("retries"):
        check["Retries"] = retries
    times = {key: stated.get(name) for name, key in _HEALTH_TIMES.items()}
    return check | {key: _in_nanoseconds(time) for key, time in times.items() if time}


def _in_nanoseconds(time: Any) -> Any:
    amount = normal.seconds(time)
    return time if amount is None else amount * 1e9


def _health(check: Stanza) -> Fields:
    test = list(check.get("Test") or ())
    if test in ([], ["NONE"]):
        return {"healthcheck.test": normal.command(test)}
    times = {f"healthcheck.{n}": normal.nanoseconds(check.get(k) or 0) for n, k in _HEALTH_TIMES.items()}
    return {
        "healthcheck.test": normal.command(test),
        "healthcheck.retries": normal.number(check.get("Retries")),
        **times,
    }


def _stated(value: Any) -> dict[str, Any]:
    return {name: given for name, given in normal.pairs(value).items() if given is not None}


def _environment(variables: Mapping[str, Any]) -> Fields:
    return {f"environment.{name}": normal.text(value) for name, value in variables.items()}


def _given_environment(config: Stanza, wanted: Stanza, should: Fields) -> Fields:
    """Without what came from where only Compose looks: files of variables, the person's proxy settings."""

    def elsewhere(field: str) -> bool:
        return bool(wanted.get("env_file")) or field.partition(".")[2].upper() in _PROXY_VARIABLES

    given = _environment(normal.pairs(config.get("Env")))
    return {field: value for field, value in given.items() if field in should or not elsewhere(field)}


def _labels_as_they_run(wanted: Stanza, running: Container) -> dict[str, Any]:
    return generation.as_it_runs(_stated(wanted.get("labels")), running)


def _labels(labels: Mapping[str, Any]) -> Fields:
    return {
        f"labels.{name}": normal.text(value)
        for name, value in labels.items()
        if name not in OWN_LABELS and not name.startswith(_FOREIGN_LABELS)
    }
