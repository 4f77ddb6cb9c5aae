"""A copy filters as its model does, and can reach none of what that can reach."""

from __future__ import annotations

from typing import Any

import pytest

from stackctl.verify.copies import Breach, NotAsked, copy


def proxy(*mounts: tuple[str, str, str], **host: Any) -> dict[str, Any]:
    return {
        "Image": "sha256:1",
        "Config": {
            "Entrypoint": ["entry"],
            "Cmd": ["haproxy"],
            "User": "65534:999",
            "WorkingDir": "/",
            "Env": ["POST=0", "CONTAINERS=1"],
        },
        "HostConfig": {"ReadonlyRootfs": True, "CapDrop": ["ALL"], "Tmpfs": {"/run": ""}, **host},
        "Mounts": [
            {"Type": kind, "Source": source, "Destination": target, "RW": True}
            for kind, source, target in (("bind", "/run/user/7/docker.sock", "/var/run/docker.sock"), *mounts)
        ],
    }


def test_its_engine_is_the_stand_in() -> None:
    made = copy(proxy(("bind", "/etc/filter", "/cfg")), "s1", "/vol")
    mounts = {m["Target"]: m for m in made["HostConfig"]["Mounts"]}
    assert mounts["/var/run/docker.sock"]["Source"] == "/vol/engine.sock"
    assert mounts["/cfg"]["Source"] == "/etc/filter"
    assert all(m["ReadOnly"] for m in mounts.values())
    assert made["HostConfig"]["NetworkMode"] == made["HostConfig"]["PidMode"] == "container:s1"


def test_it_keeps_what_decides_how_it_filters() -> None:
    made = copy(proxy(), "s1", "/vol", breach=Breach({"POST": "1"}))
    assert (made["Image"], made["User"], made["Entrypoint"]) == ("sha256:1", "65534:999", ["entry"])
    assert made["HostConfig"]["ReadonlyRootfs"] is True
    assert made["HostConfig"]["CapDrop"] == ["ALL"]
    assert sorted(made["Env"]) == ["CONTAINERS=1", "POST=1"]


def test_it_has_no_right_and_no_volume_of_its_model() -> None:
    original = proxy(("volume", "data", "/data"), Privileged=True, PortBindings={"2375/tcp": [{}]})
    made = copy(original, "s1", "/vol")["HostConfig"]
    assert "Privileged" not in made
    assert "PortBindings" not in made
    assert made["Tmpfs"] == {"/run": "", "/data": ""}
    assert "data" not in str(made["Mounts"])


@pytest.mark.parametrize("folder", ["/", "/run", "/var/run", "/run/user/7", "/var/run/"])
def test_what_holds_the_socket_by_a_folder_is_not_copied(folder: str) -> None:
    with pytest.raises(NotAsked):
        copy(proxy(("bind", folder, "/x")), "s1", "/vol")


def test_without_a_socket_there_is_nothing_to_copy() -> None:
    with pytest.raises(NotAsked):
        copy({**proxy(), "Mounts": []}, "s1", "/vol")
