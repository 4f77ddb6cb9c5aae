"""A strict socket proxy in the rendered stack: its files, its container, its consumers, this host's values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stackctl import strict
from stackctl.checks import checks
from stackctl.errors import StackctlError
from stackctl.model import Bundle, Edge, Host, InVolume, Kind, Mode, Policy, Request, Spoke, Stack
from stackctl.override import engine_sockets, on_host
from stackctl.policy_problems import problems
from stackctl.render import render

LISTEN = "/run/docker-api/docker.sock"
MOUNT = {
    "type": "bind",
    "source": "/var/run/docker.sock",
    "target": "/var/run/docker.sock",
    "read_only": True,
}
SERVICE = {"image": "tecnativa/docker-socket-proxy:v0.4.1", "networks": {"socket": None}, "volumes": [MOUNT]}
PROXY = Spoke("proxy", Kind.SOCKET_PROXY, SERVICE, policy=Policy(("traefik",)))
TRAEFIK = Spoke("edge", Kind.EDGE, {"image": "traefik:v3.7", "networks": {"proxy": None, "socket": None}})
DOZZLE = Spoke("logs", Kind.APP, {"image": "amir20/dozzle:v8", "networks": {"proxy": None}})
WEB = Spoke("web", Kind.APP, {"image": "nginx:1", "networks": {"proxy": None}})
STACK = Stack(
    "s",
    (TRAEFIK, DOZZLE, PROXY, WEB),
    edge=Edge.TRAEFIK,
    networks={"proxy": {"name": "s_proxy"}, "socket": {"name": "s_socket", "internal": True}},
)


def with_policy(policy: Policy | None, **changes: Any) -> Stack:
    service = {**SERVICE, **changes}
    proxy = replace(PROXY, policy=policy, service={k: v for k, v in service.items() if v is not None})
    return replace(STACK, spokes=(TRAEFIK, DOZZLE, proxy, WEB))


UNIX = with_policy(Policy(("traefik",), listen=LISTEN))


def mounts(bundle: Bundle, spoke: str) -> dict[str, str]:
    return {m["target"]: m["source"] for m in bundle.service(spoke).get("volumes", ())}


def host(**changes: Any) -> Host:
    return replace(Host(socket_groups={"/var/run/docker.sock": "998", "/other.sock": "7"}), **changes)


def user(stack: Stack, on: Host) -> tuple[str, str]:
    """The proxy's user in the override, and as Compose gives it to the Engine."""
    seen = on_host(stack, render(stack), on, "/srv")
    assert seen.findings == ()
    return seen.override.get("proxy", {}).get("user", ""), seen.stanzas["proxy"]["user"]


# ---- what is rendered


def test_its_configuration_is_rendered_beside_the_compose_file_and_mounted() -> None:
    bundle = render(STACK)
    text = bundle.files["rendered/proxy/haproxy.cfg"].decode()
    assert text.count("set-var(txn.way)") == 5
    assert mounts(bundle, "proxy")["/etc/stackctl"] == "./rendered/proxy"
    assert bundle.service("proxy")["entrypoint"][0] == "haproxy"


def test_switches_render_nothing() -> None:
    for policy in (None, Policy(("traefik",), mode=Mode.SWITCHES)):
        bundle = render(with_policy(policy, environment={"CONTAINERS": "1"}))
        assert "rendered/proxy/haproxy.cfg" not in bundle.files
        assert "entrypoint" not in bundle.service("proxy")


def test_no_other_program_runs_in_place_of_the_filter() -> None:
    stack = with_policy(Policy(("traefik",)), entrypoint=["sh"], command=["-c", "evil"], mem_limit="32m")
    stanza = render(stack).service("proxy")
    assert stanza["entrypoint"][0] == "haproxy"
    assert "command" not in stanza
    assert stanza["mem_limit"] == "32m", "what is no part of the filter is the spoke's to say"
    told = [(p.code, p.path) for p in problems(stack, stack.spoke("proxy"))]
    assert ("SC404", ("entrypoint",)) in told
    assert ("SC404", ("command",)) in told


def test_an_edge_may_wait_for_its_health() -> None:
    waits = replace(
        TRAEFIK, service={**TRAEFIK.service, "depends_on": {"proxy": {"condition": "service_healthy"}}}
    )
    stack = replace(STACK, spokes=(waits, PROXY))
    assert render(stack).service("edge")["depends_on"]["proxy"]["condition"] == "service_healthy"


def test_a_changed_policy_is_a_changed_fingerprint_and_its_order_is_none() -> None:
    def declared(policy: Policy) -> str:
        return render(with_policy(policy)).fingerprints["proxy"].digest

    one = Policy(("traefik",), ("GET /info", "GET /images/json"))
    assert declared(one) == declared(replace(one, operations=one.operations[::-1]))
    others = (
        replace(one, operations=("GET /info",)),
        replace(one, listen=LISTEN),
        replace(one, stream_timeout=5),
    )
    assert len({declared(policy) for policy in (one, *others)}) == 4


def test_the_socket_is_where_the_spoke_mounts_it() -> None:
    stack = with_policy(Policy(("traefik",)), volumes=[{**MOUNT, "target": "/engine.sock"}])
    assert b"unix@/engine.sock " in render(stack).files["rendered/proxy/haproxy.cfg"]


def test_a_path_that_would_leave_the_configuration_is_told() -> None:
    stack = with_policy(Policy(("traefik",)), volumes=[{**MOUNT, "target": "/a b.sock"}])
    with pytest.raises(StackctlError, match="no path for a socket"):
        render(stack)


# ---- a unix socket


def test_its_volume_goes_to_its_consumers_alone() -> None:
    bundle = render(UNIX)
    assert mounts(bundle, "proxy")["/run/docker-api"] == "proxy-api"
    assert mounts(bundle, "edge")["/run/docker-api"] == "proxy-api"
    assert "/run/docker-api" not in {**mounts(bundle, "logs"), **mounts(bundle, "web")}
    assert bundle.compose["volumes"]["proxy-api"]["driver_opts"]["type"] == "tmpfs"
    assert b'endpoint: "unix:///run/docker-api/docker.sock"' in bundle.files["rendered/edge/traefik.yml"]


def test_a_consumer_is_known_by_its_image_by_its_name_or_as_the_edge() -> None:
    def served(*consumers: str) -> set[str]:
        stack = with_policy(Policy(consumers, listen=LISTEN))
        return {s.name for s in stack.spokes if strict.mounts(stack, s)}

    assert served("traefik") == {"edge"}
    assert served("dozzle") == {"logs"}
    assert served("traefik", "dozzle") == {"edge", "logs"}
    assert served() == set()
    built = replace(DOZZLE, name="dozzle", service={"build": {"context": "."}})
    assert strict.mounts(with_policy(Policy(("dozzle",), listen=LISTEN)), built)
    assert not strict.mounts(UNIX, built)


def test_a_consumer_that_is_given_another_way_has_another_fingerprint() -> None:
    both = ("traefik", "dozzle")
    tcp, unix = (render(with_policy(Policy(both, listen=path))).fingerprints for path in ("", LISTEN))
    assert {name for name in tcp if tcp[name] != unix[name]} == {"proxy", "edge", "logs"}


def test_without_a_word_about_networks_it_has_none() -> None:
    policy = Policy(("traefik",), listen=LISTEN)
    assert render(with_policy(policy, networks=None)).service("proxy")["network_mode"] == "none"
    assert "network_mode" not in render(UNIX).service("proxy")
    assert "network_mode" not in render(with_policy(Policy(("traefik",)), networks=None)).service("proxy")


@pytest.mark.parametrize("path", ["/docker.sock", "/run/docker.sock", "/var/run/api.sock", "/tmp/x.sock"])
def test_its_folder_is_its_own(path: str) -> None:
    stack = with_policy(Policy(("traefik",), listen=path))
    assert [p.code for p in problems(stack, stack.spoke("proxy"))] == ["SC406"]
    assert problems(UNIX, UNIX.spoke("proxy")) == ()


def test_it_is_asked_in_its_volume_and_has_no_port_to_state() -> None:
    found = [check for check in checks(UNIX) if check.spoke == "proxy"]
    (refusal,) = (check for check in found if check.code == "CK201")
    assert refusal.look == Request(
        "proxy-api", InVolume("proxy", LISTEN), "POST", "/containers/create", "docker"
    )
    assert [c.request.path for c in refusal.controls] == ["/version"]
    (closed,) = (check for check in found if check.code == "CK202")
    assert closed.expect.no_answer
    assert "CK205" not in {check.code for check in found}
    assert "CK209" in {check.code for check in found}


def test_the_control_is_a_read_that_the_policy_does_let_through() -> None:
    stack = with_policy(Policy((), ("GET /info",)))
    (refusal,) = (check for check in checks(stack) if check.code == "CK201")
    assert [c.request.path for c in refusal.controls] == ["/info"]


# ---- this host


def test_the_group_of_the_socket_that_is_mounted_here_goes_to_the_override_as_a_whole() -> None:
    assert user(STACK, host()) == ("65534:998", "65534:998")
    assert user(STACK, host(socket="/other.sock")) == ("65534:7", "65534:7")


def test_what_the_environment_says_wins() -> None:
    assert user(STACK, host(variables={"SOCKET_GID": "5"})) == ("65534:5", "65534:5")


def test_where_nobody_knows_the_group_it_is_one_that_may_not_open_the_socket() -> None:
    assert user(STACK, Host()) == ("", "65534:65534")
    assert "65534:${SOCKET_GID:-65534}" in render(STACK).files["docker-compose.yml"].decode()


def test_a_page_may_use_the_group_too() -> None:
    stack = with_policy(None, user="65534:${SOCKET_GID}")
    assert user(stack, host()) == ("65534:998", "65534:998")


def test_sockets_are_those_that_socket_proxies_mount_here() -> None:
    elsewhere = with_policy(
        Policy(("traefik",)), volumes=[{**MOUNT, "source": "/run/user/${UID}/docker.sock"}]
    )
    assert engine_sockets(STACK, Host()) == {"/var/run/docker.sock"}
    assert engine_sockets(elsewhere, Host(variables={"UID": "7"})) == {"/run/user/7/docker.sock"}
    assert engine_sockets(elsewhere, Host()) == frozenset()
    assert engine_sockets(elsewhere, Host(socket="/x/docker.sock")) == {"/x/docker.sock"}
