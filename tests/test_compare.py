"""A difference between a wanted service and a container has one name, and nothing else has any."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from stackctl.compare import differences
from stackctl.model import Stanza
from stackctl.observe import container

SEEN: dict[str, Any] = json.loads((Path(__file__).parent / "observed" / "full.json").read_text())
"""The service of `full_service.py`, as Engine 20.10 described it once it ran."""

NETWORKS = {name: f"{SEEN['project']}_{name}" for name in ("default", "proxy", "socket")}
VOLUMES = {"data": f"{SEEN['project']}_data"}


def fields(
    stanza: Stanza, inspect: Stanza = SEEN["inspect"], defaults: Stanza = SEEN["image_config"]
) -> list[str]:
    return [d.field for d in differences(stanza, container(inspect), defaults, NETWORKS, VOLUMES)]


def wanted(**changed: Any) -> dict[str, Any]:
    """The service with some keys set, or taken out where they are None."""
    stanza = copy.deepcopy(SEEN["stanza"]) | changed
    return {key: value for key, value in stanza.items() if value is not None}


def inside(key: str, name: str, value: Any) -> dict[str, Any]:
    """The service with one entry of a map set, or taken out where it is None."""
    entries = {**SEEN["stanza"][key], name: value}
    return wanted(**{key: {n: v for n, v in entries.items() if v is not None or n == "PASSED"}})


def test_what_runs_as_wanted_differs_in_nothing() -> None:
    assert fields(wanted()) == []


PROXY, SOCKET = f"networks.{NETWORKS['proxy']}", f"networks.{NETWORKS['socket']}"
MOUNTS = SEEN["stanza"]["volumes"]


@pytest.mark.parametrize(
    ("stanza", "named"),
    [
        (wanted(user="1000"), ["user"]),
        (wanted(user=None), ["user"]),
        (wanted(working_dir=None), ["working_dir"]),
        (wanted(entrypoint=["python"]), ["entrypoint"]),
        (wanted(command=["pass"]), ["command"]),
        (wanted(command=None), ["command"]),
        (inside("environment", "LEVEL", "debug"), ["environment.LEVEL"]),
        (inside("environment", "LEVEL", None), ["environment.LEVEL"]),
        (inside("environment", "NEW", ""), []),
        (inside("environment", "NEW", "1"), ["environment.NEW"]),
        (inside("environment", "PATH", "/bin"), ["environment.PATH"]),
        (inside("labels", "traefik.enable", "false"), ["labels.traefik.enable"]),
        (inside("labels", "traefik.enable", None), ["labels.traefik.enable"]),
        (inside("labels", "stackctl.fingerprint", "other"), []),
        (wanted(networks={"proxy": {"aliases": ["other"]}}), [SOCKET]),
        (wanted(networks={"proxy": {"aliases": ["other", "third"]}, "socket": None}), [PROXY]),
        (wanted(networks={"proxy": {}, "socket": {"ipv4_address": "10.9.9.9"}}), [SOCKET]),
        (wanted(networks=None), [f"networks.{NETWORKS['default']}", PROXY, SOCKET]),
        (wanted(network_mode="host", networks=None), ["network_mode"]),
        (wanted(ports=None), ["ports.80/tcp"]),
        (wanted(ports=[{"target": 80, "published": "8080", "host_ip": "127.0.0.1"}]), ["ports.80/tcp"]),
        (wanted(ports=[{"target": 80}]), ["ports.80/tcp"]),
        (
            wanted(ports=[{"target": 80, "host_ip": "127.0.0.1"}, {"target": 9, "protocol": "udp"}]),
            ["ports.9/udp"],
        ),
        (wanted(volumes=MOUNTS[1:]), ["volumes./in/hostname"]),
        (wanted(volumes=[{**MOUNTS[0], "read_only": False}, *MOUNTS[1:]]), ["volumes./in/hostname"]),
        (wanted(volumes=[{**MOUNTS[0], "source": "/etc/hosts"}, *MOUNTS[1:]]), ["volumes./in/hostname"]),
        (wanted(volumes=[*MOUNTS[:1], {**MOUNTS[1], "source": "other"}, MOUNTS[2]]), ["volumes./data"]),
        (wanted(tmpfs=["/run:size=1m,mode=1777"]), ["tmpfs"]),
        (wanted(restart="always"), ["restart"]),
        (wanted(restart="on-failure:4"), ["restart"]),
        (wanted(restart=None), ["restart"]),
        (wanted(read_only=None), ["read_only"]),
        (wanted(init=False), ["init"]),
        (wanted(tty=None), ["tty"]),
        (wanted(privileged=True), ["privileged"]),
        (wanted(stdin_open=True), ["stdin_open"]),
        (wanted(hostname="outside"), ["hostname"]),
        (wanted(hostname=None), []),
        (wanted(domainname="example.net"), ["domainname"]),
        (wanted(cap_drop=None), ["cap_drop"]),
        (wanted(cap_add=["CAP_CHOWN", "net_bind_service"]), []),
        (wanted(cap_add=["CHOWN"]), ["cap_add"]),
        (wanted(security_opt=["no-new-privileges=true"]), []),
        (wanted(security_opt=["no-new-privileges:true", "seccomp:unconfined"]), ["security_opt"]),
        (wanted(group_add=["4"]), ["group_add"]),
        (wanted(extra_hosts={"gate": "127.0.0.1"}), []),
        (wanted(extra_hosts=["gate:127.0.0.2"]), ["extra_hosts"]),
        (wanted(dns=None), ["dns"]),
        (wanted(dns_search="example.net"), ["dns_search"]),
        (wanted(sysctls=None), ["sysctls"]),
        (wanted(ulimits={"nofile": {"soft": 1000, "hard": 2000}}), ["ulimits"]),
        (wanted(devices=[{"source": "/dev/null", "target": "/dev/nothing", "permissions": "rwm"}]), []),
        (wanted(devices=["/dev/zero:/dev/nothing"]), ["devices"]),
        (wanted(mem_limit="128m"), ["mem_limit"]),
        (wanted(mem_limit=67108864), []),
        (wanted(mem_limit=None), ["mem_limit"]),
        (wanted(mem_limit=None, deploy={"resources": {"limits": {"memory": "64M"}}}), []),
        (wanted(cpus=0.5), []),
        (wanted(cpus="1"), ["cpus"]),
        (wanted(pids_limit=51), ["pids_limit"]),
        (wanted(shm_size="2m"), ["shm_size"]),
        (wanted(stop_signal="SIGTERM"), ["stop_signal"]),
        (wanted(stop_signal=None), ["stop_signal"]),
        (wanted(stop_grace_period="1000ms"), []),
        (wanted(stop_grace_period="2s"), ["stop_grace_period"]),
        (wanted(stop_grace_period="1.2.3s"), ["stop_grace_period"]),
        (wanted(mem_limit="1.2.3g"), ["mem_limit"]),
        (wanted(mem_limit="64MiB"), []),
        (wanted(cpus="half"), ["cpus"]),
        (wanted(pids_limit="many"), ["pids_limit"]),
        (inside("healthcheck", "interval", "1.2.3s"), ["healthcheck.interval"]),
        (inside("healthcheck", "retries", "often"), ["healthcheck.retries"]),
        (wanted(logging={"driver": "json-file", "options": {"max-size": "2m"}}), ["logging"]),
        (inside("healthcheck", "test", ["CMD", "true"]), ["healthcheck.test"]),
        (inside("healthcheck", "interval", "2s"), ["healthcheck.interval"]),
        (inside("healthcheck", "timeout", "90s"), []),
        (inside("healthcheck", "retries", 5), ["healthcheck.retries"]),
        (inside("healthcheck", "start_period", None), ["healthcheck.start_period"]),
        (wanted(container_name="web"), ["container_name"]),
        (wanted(depends_on={"db": {"condition": "service_healthy"}}), []),
        (wanted(profiles=["core"], deploy={"replicas": 2}), []),
    ],
)
def test_a_change_is_named_and_nothing_else_is(stanza: Stanza, named: list[str]) -> None:
    assert fields(stanza) == named


def drifted(*path: str, value: Any) -> dict[str, Any]:
    inspect = copy.deepcopy(SEEN["inspect"])
    place = inspect
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return dict(inspect)


@pytest.mark.parametrize(
    ("inspect", "named"),
    [
        (drifted("HostConfig", "Memory", value=2**20), ["mem_limit"]),
        (drifted("HostConfig", "RestartPolicy", value={"Name": "no", "MaximumRetryCount": 0}), ["restart"]),
        (drifted("NetworkSettings", "Networks", NETWORKS["proxy"], "Aliases", value=[]), [PROXY]),
        (drifted("NetworkSettings", "Networks", "bridge", value={}), ["networks.bridge"]),
        (drifted("HostConfig", "PidsLimit", value=-1), ["pids_limit"]),
        (drifted("Config", "Labels", "com.docker.compose.version", value="9"), []),
    ],
)
def test_drift_on_the_host_is_named(inspect: Stanza, named: list[str]) -> None:
    assert fields(wanted(), inspect) == named


def test_what_the_image_sets_is_no_difference_where_the_service_says_nothing() -> None:
    defaults = {
        **SEEN["image_config"],
        "User": SEEN["inspect"]["Config"]["User"],
        "Entrypoint": SEEN["inspect"]["Config"]["Entrypoint"],
        "Cmd": SEEN["inspect"]["Config"]["Cmd"],
        "Labels": SEEN["inspect"]["Config"]["Labels"],
        "Env": SEEN["inspect"]["Config"]["Env"],
        "Healthcheck": SEEN["inspect"]["Config"]["Healthcheck"],
        "Volumes": {"/data": {}},
    }
    silent = wanted(
        user=None, entrypoint=None, command=None, labels=None, environment=None, healthcheck=None
    ) | {"volumes": [MOUNTS[0], MOUNTS[2]]}
    assert fields(silent, defaults=defaults) == []


def test_a_mount_where_the_image_has_a_volume_counts_once_the_service_names_it() -> None:
    defaults = {**SEEN["image_config"], "Volumes": {"/data": {}}}
    changed = wanted(volumes=[MOUNTS[0], {**MOUNTS[1], "source": "other"}, MOUNTS[2]])
    assert fields(wanted(), defaults=defaults) == []
    assert fields(changed, defaults=defaults) == ["volumes./data"]
    found = differences(changed, container(SEEN["inspect"]), defaults, NETWORKS, VOLUMES)
    assert found[0].old == f"volume {VOLUMES['data']}"


def test_an_entrypoint_of_its_own_makes_the_images_command_void() -> None:
    defaults = {**SEEN["image_config"], "Cmd": SEEN["inspect"]["Config"]["Cmd"]}
    assert fields(wanted(command=None), defaults=defaults) == ["command"]


def test_a_disabled_healthcheck_is_the_engines_none() -> None:
    stanza = wanted(healthcheck={"disable": True})
    assert fields(stanza, drifted("Config", "Healthcheck", value={"Test": ["NONE"]})) == []
    assert "healthcheck.test" in fields(stanza)


def test_files_of_variables_secrets_and_proxy_settings_are_not_taken_for_drift() -> None:
    environment = [*SEEN["inspect"]["Config"]["Env"], "http_proxy=http://proxy:3128"]
    assert fields(wanted(), drifted("Config", "Env", value=environment)) == []
    environment = [*SEEN["inspect"]["Config"]["Env"], "FROM_FILE=1"]
    assert fields(wanted(), drifted("Config", "Env", value=environment)) == ["environment.FROM_FILE"]
    assert fields(wanted(env_file=["x.env"]), drifted("Config", "Env", value=environment)) == []
    mount = {"Type": "bind", "Source": "/x", "Destination": "/run/secrets/token", "RW": False}
    mounts = [*SEEN["inspect"]["Mounts"], mount]
    assert fields(wanted(), drifted("Mounts", value=mounts)) == ["volumes./run/secrets/token"]
    assert fields(wanted(secrets=[{"source": "token"}]), drifted("Mounts", value=mounts)) == []


def test_a_difference_says_from_what_to_what() -> None:
    found = differences(
        wanted(mem_limit="1m"), container(SEEN["inspect"]), SEEN["image_config"], NETWORKS, VOLUMES
    )
    assert [(d.field, d.old, d.new, d.path) for d in found] == [
        ("mem_limit", "67108864", "1048576", ("mem_limit",))
    ]
