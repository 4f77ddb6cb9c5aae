"""Which images are tried in a copy, and which are not: a copy has the networks and secrets of the original."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from stackctl.observe import container
from stackctl.read.stack import read_stack
from stackctl.verify.candidate import configuration, data_of_others
from stackctl.verify.copies import NotAsked

SEEN: dict[str, Any] = json.loads((Path(__file__).parent / "observed" / "full.json").read_text())["inspect"]


def seen(**host: Any) -> dict[str, Any]:
    inspect = copy.deepcopy(SEEN)
    inspect["Config"]["Labels"] = {"traefik.enable": "true", "traefik.http.routers.full.rule": "Host(`a`)"}
    inspect["HostConfig"] |= {"PortBindings": {"80/tcp": [{"HostPort": "80"}]}, **host}
    for mode in ("NetworkMode", "PidMode", "IpcMode"):
        inspect["HostConfig"][mode] = host.get(mode, "")
    inspect["Mounts"] = [
        {"Type": "volume", "Name": "data", "Source": "/x", "Destination": "/data", "RW": True},
        {"Type": "bind", "Source": "/etc/a", "Destination": "/a", "RW": False},
        {"Type": "bind", "Source": "/srv/b", "Destination": "/b", "RW": True},
    ]
    return inspect


def test_a_copy_is_routed_nowhere_publishes_nothing_and_holds_no_data_of_the_original() -> None:
    config = configuration(container(seen()), "app:2", {})
    host = config["HostConfig"]
    assert config["Image"] == "app:2"
    assert config["Labels"] == {"traefik.enable": "false"}, "also where the image brings labels of its own"
    assert host["NetworkMode"] == "none", "it joins its networks without the names of the original"
    assert not {"PortBindings", "PublishAllPorts", "Privileged", "Devices", "Binds"} & host.keys()
    assert [(m["Source"], m["ReadOnly"]) for m in host["Mounts"]] == [("/etc/a", True)]
    assert {"/data", "/b"} <= host["Tmpfs"].keys(), "empty folders in place of what it may write to"


@pytest.mark.parametrize(
    "rights", [{"Privileged": True}, {"NetworkMode": "host"}, {"PidMode": "container:1"}, {"IpcMode": "host"}]
)
def test_what_has_rights_of_the_host_is_not_copied(rights: dict[str, Any]) -> None:
    with pytest.raises(NotAsked, match="must not have"):
        configuration(container(seen(**rights)), "app:2", {})


def test_what_holds_the_socket_is_not_copied() -> None:
    inspect = seen()
    socket = "/var/run/docker.sock"
    inspect["Mounts"] = [{"Type": "bind", "Source": socket, "Destination": socket, "RW": False}]
    with pytest.raises(NotAsked, match="socket"):
        configuration(container(inspect), "app:2", {})


@pytest.mark.parametrize(
    ("database", "keeper"),
    [
        ("volumes: [data:/var/lib/postgresql/data]", "db"),
        ("volumes: [data:/var/lib/postgresql/data:ro]", ""),
        ("tmpfs: [/data]", ""),
    ],
)
def test_a_copy_is_not_let_at_the_data_that_another_spoke_keeps(database: str, keeper: str) -> None:
    texts = {
        "stack.yaml": b"name: home\n",
        "spokes/app.yaml": b"image: a:1\nnetworks: [proxy]\ndepends_on: [db]\n",
        "spokes/db.yaml": f"image: b:1\nnetworks: [proxy]\n{database}\n".encode(),
    }
    stack = read_stack(texts).stack
    assert stack is not None
    assert data_of_others(stack, "app") == keeper
    assert data_of_others(stack, "db") == ""


@pytest.mark.parametrize(
    ("app", "database", "keeper"),
    [
        ("networks: [proxy, data]", "networks: [data]", "db"),
        ("networks: [proxy, data]", "networks: [alias]", "db"),
        ("networks: [proxy]", "networks: [proxy]", ""),
        ("networks: [proxy, data]", "networks: [other]", ""),
        ("networks: [proxy]\ndepends_on: [worker]", "networks: [other]", "db"),
    ],
)
def test_a_database_counts_although_nobody_declared_that_it_is_needed(
    app: str, database: str, keeper: str
) -> None:
    texts = {
        "stack.yaml": b"name: home\nnetworks: {data: {name: d}, alias: {name: d}, other: {}}\n",
        "spokes/app.yaml": f"image: a:1\n{app}\nvolumes: [own:/own]\n".encode(),
        "spokes/worker.yaml": b"image: w:1\nnetworks: [other]\ndepends_on: [db]\n",
        "spokes/db.yaml": f"image: b:1\n{database}\nvolumes: [kept:/data]\n".encode(),
    }
    stack = read_stack(texts).stack
    assert stack is not None
    assert data_of_others(stack, "app") == keeper
