"""Who on the Engine can reach further than the pages say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stackctl.findings import Location
from stackctl.model import (
    Accept,
    Bundle,
    Check,
    Container,
    Kind,
    Mount,
    Observation,
    Observed,
    Outcome,
    Policy,
    Port,
    Spoke,
    Stack,
)
from stackctl.verify.reach import OBSERVATIONS

PASSED, FAILED = Outcome.PASSED, Outcome.FAILED
PROXY = Spoke("proxy", Kind.SOCKET_PROXY, {"networks": {"socket": None}}, policy=Policy(("traefik",)))
EDGE = Spoke("edge", Kind.EDGE, {"image": "traefik:3", "networks": {"socket": None, "proxy": None}})
WEB = Spoke("web", Kind.APP, {"image": "web:1", "networks": {"proxy": None}})
NETWORKS = {"proxy": {"name": "home_proxy"}, "socket": {"name": "home_socket", "internal": True}}
STACK = Stack("home", (EDGE, PROXY, WEB), networks=NETWORKS)
ON_ENGINE = {"home_proxy": {"Internal": False}, "home_socket": {"Internal": True}}


def container(name: str, *networks: str, spoke: str = "", **host: Any) -> Container:
    return Container(
        id=f"{name}-id",
        name=name,
        image_id="",
        image="",
        state="running",
        health="",
        exit_code=0,
        restarts=0,
        labels={"stackctl.spoke": spoke} if spoke else {},
        networks=dict.fromkeys(networks, "10.0.0.2"),
        mounts=(),
        ports=(),
        inspect={"HostConfig": host},
    )


OURS = (
    container("p", "home_socket", spoke="proxy"),
    container("e", "home_socket", "home_proxy", spoke="edge"),
    container("w", "home_proxy", spoke="web"),
)


def see(
    name: str, *others: Container, ours: tuple[Container, ...] = OURS, stack: Stack = STACK, **seen: Any
) -> tuple[Outcome, str]:
    check = Check("CK999", "web" if name in ("rights", "socket-held") else "proxy", "", Observation(name))
    observed = Observed("home", ours, others, **{"networks": ON_ENGINE, **seen})
    return OBSERVATIONS[name](observed, stack, Bundle({"services": {}}, {}, {}), check)


# A proxy that listens on TCP shares no socket.
@pytest.mark.parametrize("name", sorted(OBSERVATIONS.keys() - {"socket-shared"}))
def test_a_right_stack_is_right(name: str) -> None:
    assert see(name, container("stranger", "bridge"))[0] is PASSED


@pytest.mark.parametrize(
    "source",
    [
        *("/var/run/docker.sock", "/run/user/1000/docker.sock", "/home/me/.docker/run/docker.sock"),
        *("/run/containerd/containerd.sock", "/run/containerd", "/run/buildkit/buildkitd.sock"),
        *("/run/podman/podman.sock", "/run/user/1000", "/run", "/"),
    ],
)
def test_a_mounted_socket_is_found_wherever_it_is(source: str) -> None:
    held = replace(container("portainer"), mounts=(Mount("bind", source, "/x", True),))
    outcome, saw = see("socket-outside", held)
    assert outcome is FAILED
    assert f"portainer ({source})" in saw


def test_a_spoke_that_holds_the_socket_fails_by_itself_and_not_for_others() -> None:
    socket = (Mount("bind", "/var/run/docker.sock", "/var/run/docker.sock", True),)
    proxy, edge, web = OURS
    assert see("socket-held", ours=(proxy, replace(edge, mounts=socket), web))[0] is PASSED
    found = see("socket-held", ours=(proxy, edge, replace(web, mounts=socket)))
    assert found == (FAILED, "mounted by w (/var/run/docker.sock)")
    assert see("socket-held", ours=(proxy, edge))[0] is Outcome.UNREACHABLE


def test_a_link_to_the_socket_is_one_too() -> None:
    held = replace(container("x"), mounts=(Mount("bind", "/srv/nothing-special", "/x"),))
    assert see("socket-outside", held)[0] is PASSED
    found = see("socket-outside", held, socket_paths=frozenset({"/srv/nothing-special"}))
    assert found == (FAILED, "also mounted by x (/srv/nothing-special)")


def test_a_volume_may_be_the_socket_too() -> None:
    held = replace(container("x"), mounts=(Mount("volume", "engine", "/x"),))
    volumes = {"engine": {"Options": {"type": "none", "o": "bind", "device": "/var/run"}}}
    assert see("socket-outside", held)[0] is PASSED
    assert see("socket-outside", held, volumes=volumes) == (
        FAILED,
        "also mounted by x (/var/run by the volume engine)",
    )


def test_mounts_from_another_container_are_its_own() -> None:
    """The Engine lists them with the mounts of whoever takes them over."""
    mount = (Mount("bind", "/var/run/docker.sock", "/var/run/docker.sock"),)
    taker = replace(container("taker", VolumesFrom=["proxy"]), mounts=mount)
    assert see("socket-outside", taker)[0] is FAILED


def test_who_sits_on_the_proxys_network() -> None:
    outcome, saw = see("members", container("stranger", "home_socket"))
    assert outcome is FAILED
    assert "stranger (of another stack)" in saw
    joined = (*OURS[:2], container("w", "home_proxy", "home_socket", spoke="web"))
    assert "its files do not put it there" in see("members", ours=joined)[1]
    told = replace(WEB, service={**WEB.service, "networks": {"socket": None}})
    assert (
        "no declared consumer"
        in see("members", ours=joined, stack=replace(STACK, spokes=(EDGE, PROXY, told)))[1]
    )
    named = replace(PROXY, policy=Policy(("traefik", "web")))
    assert see("members", ours=joined, stack=replace(STACK, spokes=(EDGE, named, told)))[0] is PASSED


def test_a_policy_that_names_nobody_means_the_edge_and_known_programs() -> None:
    joined = (*OURS[:2], container("w", "home_proxy", "home_socket", spoke="web"))
    silent = replace(PROXY, policy=None)
    told = replace(WEB, service={**WEB.service, "networks": {"socket": None}})
    outcome, saw = see("members", ours=joined, stack=replace(STACK, spokes=(EDGE, silent, told)))
    assert (outcome, saw) == (FAILED, "also on home_socket: w (no declared consumer)")
    known = replace(told, service={**told.service, "image": "amir20/dozzle:v8"})
    assert see("members", ours=joined, stack=replace(STACK, spokes=(EDGE, silent, known)))[0] is PASSED


def test_a_network_that_is_internal_in_the_files_alone() -> None:
    assert see("internal") == (PASSED, "internal: home_socket")
    wide = {**ON_ENGINE, "home_socket": {"Internal": False}}
    assert see("internal", networks=wide) == (FAILED, "on the Engine: home_socket (not internal)")
    assert see("internal", networks={})[0] is Outcome.UNREACHABLE


@pytest.mark.parametrize("target", ["p-id", "e-id", "e"])
def test_who_shares_the_network_of_the_proxy_or_of_a_client(target: str) -> None:
    assert see("namespaces", container("spy", NetworkMode=f"container:{target}"))[0] is FAILED
    assert see("namespaces", container("spy", NetworkMode="container:w-id"))[0] is PASSED


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ({"Privileged": True}, "privileged"),
        ({"NetworkMode": "host"}, "the host's network"),
        ({"PidMode": "host"}, "the host's processes"),
        ({"CapAdd": ["SYS_ADMIN", "NET_ADMIN"]}, "added capabilities NET_ADMIN, SYS_ADMIN"),
        ({"CapAdd": ["CAP_SYS_ADMIN", "NET_BIND_SERVICE"]}, "added capabilities SYS_ADMIN"),
    ],
)
def test_rights_of_the_host(host: dict[str, Any], said: str) -> None:
    assert see("rights-outside", container("x", **host)) == (FAILED, f"has more: x ({said})")
    assert see("rights", ours=(container("w", spoke="web", **host),))[0] is FAILED


def test_a_published_port_of_the_api() -> None:
    bound = replace(container("p", spoke="proxy"), ports=(Port(2375, "2375", "0.0.0.0"),))
    assert see("published-in-stack", ours=(bound,)) == (FAILED, "published by p (0.0.0.0:2375)")
    asleep = container("x", PortBindings={"2375/tcp": [{"HostPort": "2375"}]})
    assert see("published-outside", asleep)[0] is FAILED


def test_an_engine_that_listens_on_tcp() -> None:
    warning = "WARNING: API is accessible on http://0.0.0.0:2375 without encryption.\n  Access to …"
    outcome, saw = see("engine-on-tcp", engine_warnings=("WARNING: No swap limit support", warning))
    assert outcome is FAILED
    assert "http://0.0.0.0:2375" in saw


def test_what_is_accepted_by_name_is_told_and_does_not_count() -> None:
    accept = Accept("CK999", "the backup needs it", Location("x"), "backup")
    stack = replace(STACK, spokes=(EDGE, replace(PROXY, accept=(accept,)), WEB))
    backup, other = container("backup", Privileged=True), container("other", Privileged=True)
    outcome, saw = see("rights-outside", backup, stack=stack)
    assert outcome is PASSED
    assert "backup (accepted: the backup needs it)" in saw
    outcome, saw = see("rights-outside", backup, other, stack=stack)
    assert outcome is FAILED
    assert saw.startswith("has more: other (privileged)")
