"""What a plan would open is told apart from what is open already."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from stackctl.codes import CODES
from stackctl.edge import caddy_labels
from stackctl.exposure import keys, new, of_plan
from stackctl.findings import Location
from stackctl.model import (
    Accept,
    Action,
    BasicAuth,
    Container,
    Edge,
    ForwardAuth,
    Kind,
    Observed,
    Plan,
    Policy,
    Protocol,
    Route,
    RoutesBy,
    Routing,
    Spoke,
    Stack,
    Verb,
    Wanted,
)
from stackctl.observe import container
from stackctl.routed import without_login
from tests.planned import NETWORKS, PROJECT, SEEN, running

PROXY = Spoke("guard", Kind.SOCKET_PROXY, {"networks": {"socket": None}})
FULL = Spoke("full", Kind.APP, SEEN["stanza"])
ROOT = "/srv/stack"


def stack(*spokes: Spoke) -> Stack:
    return Stack(PROJECT, spokes or (FULL, PROXY), networks=NETWORKS)


def wanted(**changed: Any) -> dict[str, Any]:
    return {**copy.deepcopy(SEEN["stanza"]), **changed}


def opened(
    *containers: Container, before: tuple[str, ...] = (), of: Spoke = FULL, **changed: Any
) -> list[str]:
    found = new(stack(of, PROXY), of, wanted(**changed), containers, before, ROOT)
    assert all(exposure.code in CODES for exposure in found)
    return [f"{exposure.code} {exposure.what}" for exposure in found]


def with_host(**config: Any) -> Container:
    inspect = copy.deepcopy(SEEN["inspect"])
    inspect["HostConfig"] |= config
    return container(inspect)


def test_what_runs_as_it_is_declared_opens_nothing() -> None:
    assert opened(running()) == []


def added(key: str, *more: Any) -> dict[str, Any]:
    return {key: [*SEEN["stanza"].get(key, ()), *more]}


@pytest.mark.parametrize(
    ("changed", "code", "says"),
    [
        (added("ports", {"target": 5432, "published": "5432"}), "SC750", "5432 on every address"),
        (added("ports", {"target": 1, "published": "1", "host_ip": "127.0.0.1"}), "SC750", "on 127.0.0.1"),
        ({"ports": [{"target": 80}]}, "SC750", "publishes 80/tcp as any port on every address"),
        ({"privileged": True}, "SC751", "privileged"),
        (added("cap_add", "CAP_SYS_ADMIN"), "SC751", "SYS_ADMIN"),
        ({"cap_drop": ["MKNOD"], "cap_add": []}, "SC751", "SETUID"),
        ({"security_opt": []}, "SC751", "set-user-id"),
        (added("security_opt", "seccomp:unconfined"), "SC751", "seccomp=unconfined"),
        (added("devices", "/dev/sda"), "SC752", "/dev/sda (rwm)"),
        ({"devices": ["/dev/zero:/dev/nothing"]}, "SC752", "/dev/zero"),
        ({"device_cgroup_rules": ["c 1:3 mr"]}, "SC752", "c 1:3 mr"),
        ({"deploy": {"resources": {"reservations": {"devices": [{}]}}}}, "SC752", "GPU"),
        (
            added("volumes", {"type": "bind", "source": "/etc", "target": "/e", "read_only": True}),
            "SC753",
            "/etc",
        ),
        (
            added("volumes", {"type": "bind", "source": "/var/run/docker.sock", "target": "/s"}),
            "SC753",
            "the Engine's socket",
        ),
        (
            {"volumes": [{"type": "bind", "source": "/etc/hostname", "target": "/in/hostname"}]},
            "SC753",
            "/etc/hostname of this host, to write",
        ),
        (
            added("volumes", {"type": "bind", "source": f"{ROOT}/.stackctl", "target": "/s"}),
            "SC753",
            ".stackctl",
        ),
        ({"volumes_from": ["other"]}, "SC753", "other"),
        ({"network_mode": "host", "networks": {}}, "SC756", "network"),
        ({"pid": "host"}, "SC756", "process"),
        ({"ipc": "host"}, "SC756", "shared memory"),
        ({"userns_mode": "host"}, "SC756", "root"),
    ],
)
def test_what_is_new_is_named(changed: dict[str, Any], code: str, says: str) -> None:
    found = opened(with_host(CgroupnsMode="private"), **changed)
    assert any(line.startswith(code) and says in line for line in found), found


@pytest.mark.parametrize(
    "changed",
    [
        {"ports": []},
        {"cap_add": ["CHOWN"]},
        {"devices": []},
        {"volumes": []},
        {"environment": {"A": "b"}},
        added("volumes", {"type": "bind", "source": f"{ROOT}/conf", "target": "/c", "read_only": True}),
        added("volumes", {"type": "bind", "source": f"{ROOT}/.stackctl/secrets/full/pw", "target": "/p"}),
        added("volumes", {"type": "volume", "source": "more", "target": "/more"}),
        added("volumes", {"type": "bind", "source": "/etc/hostname", "target": "/b", "read_only": True}),
    ],
)
def test_less_and_the_stacks_own_open_nothing(changed: dict[str, Any]) -> None:
    assert opened(running(), **changed) == []


def test_an_address_is_less_than_every_address_and_a_folder_more_than_what_lies_in_it() -> None:
    every = with_host(PortBindings={"80/tcp": [{"HostIp": "", "HostPort": "80"}]})
    port = {"target": 80, "published": "80", "host_ip": "127.0.0.1"}
    assert opened(every, ports=[port]) == []
    inside = {"type": "bind", "source": "/media/films/new", "target": "/m", "read_only": True}
    above = {**inside, "source": "/media/films"}
    before = keys(stack(), FULL, wanted(volumes=[above]), ROOT)
    assert opened(before=(*before,), volumes=[inside], ports=[], devices=[], networks={"proxy": None}) == []
    assert opened(before=(*before,), volumes=[{**inside, "read_only": False}], ports=[], devices=[])


def test_a_privileged_container_had_every_capability_and_device_already() -> None:
    assert (
        opened(with_host(Privileged=True), cap_add=["SYS_ADMIN"], devices=["/dev/sda"], privileged=True) == []
    )


def test_a_way_to_the_socket_proxy_is_new_by_network_by_volume_and_through_another_spoke() -> None:
    apart = copy.deepcopy(SEEN["inspect"])
    del apart["NetworkSettings"]["Networks"][f"{PROJECT}_socket"]
    assert opened(container(apart)) == [
        f"SC754 reaches the socket proxy guard by the network {PROJECT}_socket"
    ]
    through = Spoke("side", Kind.APP, {"network_mode": "service:full"})
    found = new(stack(FULL, PROXY, through), through, through.service, (), (), ROOT)
    assert [exposure.code for exposure in found] == ["SC754"]
    listening = replace(PROXY, policy=Policy(listen="/run/guard/api.sock"))
    volume = [{"type": "volume", "source": "guard-api", "target": "/run/guard", "read_only": True}]
    found = new(stack(FULL, listening), FULL, wanted(volumes=volume), (container(apart),), (), ROOT)
    assert [exposure.code for exposure in found] == ["SC754"]
    assert new(stack(), PROXY, PROXY.service, (), (), ROOT) == (), "the proxy itself"


def routed(middleware: str = "", **more: str) -> dict[str, str]:
    chain = {"traefik.http.routers.r.middlewares": middleware} if middleware else {}
    return {"traefik.enable": "true", "traefik.http.routers.r.rule": "Host(`a.example`)", **chain, **more}


BASIC = {"traefik.http.middlewares.login.basicauth.users": "x"}


@pytest.mark.parametrize(
    ("labels", "count"),
    [
        (routed(), 1),
        (routed("login", **BASIC), 0),
        (routed("strip"), 1),
        (routed("strip,authelia@file"), 0),
        (routed("forward-auth@file"), 0),
        (routed("noauth@file"), 1),
        (routed("no-auth@file"), 1),
        (routed("authored-headers@file,proxy@file"), 1),
        ({"traefik.enable": "true"}, 1),
        ({"traefik.enable": "1"}, 1),
        ({"traefik.enable": "false"}, 0),
        (routed(**{"traefik.enable": "False"}), 0),
        ({"traefik.tcp.routers.r.rule": "HostSNI(`*`)"}, 1),
        (routed(**{"traefik.http.routers.r.rule": "Host(`a.example`) && HeaderRegexp(`x`, `y`)"}), 1),
    ],
)
def test_a_route_without_a_login_is_new(labels: Mapping[str, str], count: int) -> None:
    bare = running(Labels={"com.docker.compose.service": "full"})
    found = opened(bare, labels=labels)
    assert [line.split()[0] for line in found] == ["SC755"] * count


UPSTREAM = "{{upstreams 80}}"
TO_APP = {"caddy": "http://a.example, b.example", "caddy.reverse_proxy": UPSTREAM}


@pytest.mark.parametrize(
    ("labels", "places"),
    [
        (TO_APP, ["a.example", "b.example"]),
        ({**TO_APP, "caddy.basic_auth.kim": "hash"}, []),
        (
            {**TO_APP, "caddy.basic_auth": "/admin/*", "caddy.basic_auth.kim": "hash"},
            ["a.example", "b.example"],
        ),
        ({**TO_APP, "caddy.1_forward_auth": "login:9091", "caddy.1_forward_auth.uri": "/decide"}, []),
        ({**TO_APP, "caddy.import": "authelia"}, ["a.example", "b.example"]),
        ({**TO_APP, "caddy.import": "authored-headers"}, ["a.example", "b.example"]),
        ({"caddy": "a.example", "caddy.tls": "internal"}, []),
        (
            {
                "caddy_0": "a.example",
                "caddy_0.handle_path": "/agent/1/*",
                "caddy_0.handle_path.0_reverse_proxy": UPSTREAM,
                "caddy_0.handle_path.0_reverse_proxy.header_up": "X-Forwarded-Prefix /agent/1",
                "caddy_1": "b.example",
                "caddy_1.handle": "",
                "caddy_1.handle.forward_auth": "login:9091",
                "caddy_1.handle.reverse_proxy": UPSTREAM,
                "caddy_2": "c.example",
                "caddy_2.@files.path": "/files /files/*",
                "caddy_2.handle": "@files",
                "caddy_2.handle.reverse_proxy": UPSTREAM,
            },
            ["a.example/agent/1", "c.example/files"],
        ),
    ],
)
def test_a_site_of_caddys_labels_without_a_login_is_new(labels: Mapping[str, str], places: list[str]) -> None:
    bare = running(Labels={"com.docker.compose.service": "full"})
    told = "SC755 is reached through the edge without a login: "
    assert opened(bare, labels=labels) == [told + place for place in places]


def test_what_stackctl_labels_for_caddy_and_what_the_spoke_states_is_one_route() -> None:
    routes = (Route(("a.example",), 80, "/x/", strip=True), Route(("b.example",), 80, "/y"))
    of = replace(FULL, routes=routes)
    home = replace(stack(of, PROXY), edge=Edge.CADDY, routing=Routing(RoutesBy.LABELS))
    assert sorted(without_login(caddy_labels.labels(home, of))) == ["a.example/x", "b.example/y"]
    locked = replace(of, routes=tuple(replace(r, auth=BasicAuth((("kim", "hash"),))) for r in routes))
    home = replace(stack(locked, PROXY), edge=Edge.CADDY, routing=Routing(RoutesBy.LABELS))
    assert list(without_login(caddy_labels.labels(home, locked))) == []


def test_a_login_that_is_taken_away_opens_the_route() -> None:
    guarded = running(Labels={**routed("login", **BASIC), "com.docker.compose.service": "full"})
    assert opened(guarded, labels=routed("login", **BASIC)) == []
    assert opened(guarded, labels=routed()) == [
        "SC755 is reached through the edge without a login: a.example"
    ]


def test_a_route_that_the_edge_reads_from_a_file_is_new_where_it_moved() -> None:
    of = replace(FULL, routes=(Route(("a.example",), 80, "/x"),))
    labelled = {"stackctl.inputs": "config=1,route=22222222"}
    has = running(Labels={**labelled, "com.docker.compose.service": "full"})
    assert opened(has, of=of, labels=labelled) == []
    assert opened(has, of=of, labels={"stackctl.inputs": "config=1,route=33333333"}) == [
        "SC755 is reached through the edge without a login: a.example/x"
    ]


def test_a_route_that_the_edge_has_in_a_file_is_open_only_to_whom_somebody_said_yes() -> None:
    of = replace(FULL, routes=(Route(("a.example",), 80, "/x"),))
    labelled = {"stackctl.inputs": "config=1,edge-route=2"}
    has = running(Labels={**labelled, "com.docker.compose.service": "full"})
    opens = ["SC755 is reached through the edge without a login: a.example/x"]
    assert opened(has, of=of, labels=labelled) == opens
    yes = keys(stack(of, PROXY), of, wanted(labels=labelled), ROOT)
    assert opened(has, of=of, labels=labelled, before=yes) == []


def test_a_route_that_asks_for_a_login_opens_nothing() -> None:
    login = ForwardAuth("sso", 80)
    bare, guarded = Route(("a.example",), 80), Route(("a.example",), 80, auth=login)
    assert opened(of=replace(FULL, routes=(guarded,)), **PLAIN) == []
    assert [line[:5] for line in opened(of=replace(FULL, routes=(bare,)), **PLAIN)] == ["SC755"]
    listening = Route((), 80, protocol=Protocol.TCP, listen=5432)
    assert opened(of=replace(FULL, routes=(listening,)), **PLAIN) == [
        "SC755 is reached through the edge without a login: tcp port 5432"
    ]


PLAIN: dict[str, Any] = {"ports": [], "devices": [], "volumes": [], "networks": {"proxy": None}}


def test_what_somebody_said_yes_to_is_not_asked_again_where_nothing_runs() -> None:
    port = [{"target": 5432, "published": "5432"}]
    yes = keys(stack(), FULL, wanted(ports=port), ROOT)
    assert opened(before=yes, ports=port) == []
    assert opened(before=yes, ports=[*port, {"target": 1, "published": "1"}]) == [
        "SC750 publishes 1/tcp as 1 on every address"
    ]


def test_a_reason_in_the_manifest_is_shown_and_needs_no_yes() -> None:
    at = Location("spokes/full.yaml", 3)
    of = replace(FULL, accept=(Accept("SC750", "the printer needs it", at),))
    port = {"target": 631, "published": "631"}
    action = Action("full", Verb.RECREATE)
    observed = Observed(PROJECT, (running(),))
    want = {"full": Wanted(wanted(**added("ports", port)))}
    plan = Plan((action,), exposures=of_plan(Plan((action,)), stack(of, PROXY), want, observed, {}, ROOT))
    assert [(e.code, e.accepted) for e in plan.exposures] == [("SC750", "the printer needs it")]
    assert plan.unaccepted == ()


def test_a_login_that_goes_from_a_file_is_asked_about_although_another_spoke_was_named() -> None:
    bare = replace(FULL, routes=(Route(("a.example",), 80),))
    of = replace(stack(bare, PROXY), edge=Edge.CADDY, routing=Routing(RoutesBy.FILES))
    had = {"stackctl.inputs": "route=22222222", "com.docker.compose.service": "full"}
    observed = Observed(PROJECT, (running(Labels=had),))
    stanzas = {"full": wanted(labels={"stackctl.inputs": "route=33333333"})}
    again = Plan((Action("edge", Verb.RELOAD),))
    found = of_plan(again, of, {}, observed, {}, ROOT, stanzas)
    assert [(e.spoke, e.code) for e in found] == [("full", "SC755")]
    same = {"full": wanted(labels={"stackctl.inputs": "route=22222222"})}
    assert of_plan(again, of, {}, observed, {}, ROOT, same) == ()
    assert of_plan(Plan(()), of, {}, observed, {}, ROOT, stanzas) == ()
    by_labels = replace(of, edge=Edge.TRAEFIK, routing=Routing(RoutesBy.LABELS))
    assert of_plan(again, by_labels, {}, observed, {}, ROOT, stanzas) == ()


def test_what_is_left_alone_opens_nothing_and_a_first_plan_has_one_yes() -> None:
    want = {"full": Wanted(wanted(privileged=True))}
    left = Plan((Action("full", Verb.NOTHING),))
    assert of_plan(left, stack(), want, Observed(PROJECT, ()), {}, ROOT) == ()
    made = Plan((Action("full", Verb.CREATE),))
    first = replace(made, exposures=of_plan(made, stack(), want, Observed(PROJECT, ()), {}, ROOT), first=True)
    assert first.exposures
    assert first.unaccepted == ()
    assert replace(first, first=False).unaccepted == first.exposures


def test_no_key_holds_more_than_names_and_paths() -> None:
    assert "s3cret" not in repr(keys(stack(), FULL, wanted(), ROOT))


def guard(*operations: str, **more: Any) -> Spoke:
    return replace(PROXY, policy=Policy(("traefik",), operations, **more))


def asked_anew(
    proxy: Spoke, *containers: Container, before: tuple[str, ...] = (), **stanza: Any
) -> list[str]:
    service = {**proxy.service, **stanza}
    found = new(stack(FULL, proxy), proxy, service, containers, before, ROOT)
    return [exposure.what for exposure in found if exposure.code == "SC757"]


def test_a_policy_that_lets_more_through_is_new_and_one_that_lets_less_is_not() -> None:
    before = keys(stack(FULL, guard()), guard(), guard().service)
    worse = guard("POST /containers/create", "GET /images/json")
    [told] = asked_anew(worse, before=before)
    assert told == "lets its consumers ask Docker POST /containers/create, GET /images/json"
    assert asked_anew(guard(), before=keys(stack(FULL, worse), worse, worse.service)) == []
    many = guard(
        *(f"{m} /containers/{{id}}/{w}" for m, w in (("POST", "start"), ("POST", "stop"))),
        *worse.policy.operations,
    )  # type: ignore[union-attr]
    [told] = asked_anew(many, before=before)
    assert told.endswith(" and 1 more")


def test_a_policy_that_runs_as_it_is_wanted_lets_nothing_more_through() -> None:
    labels = {"stackctl.inputs": "config=aa,image=bb"}
    runs = replace(running(), labels=labels)
    assert asked_anew(guard(), runs, labels=labels) == []
    assert len(asked_anew(guard(), runs, labels={"stackctl.inputs": "config=cc,image=bb"})) == 1


def test_switches_that_open_more_are_told_from_those_of_the_container() -> None:
    image = "tecnativa/docker-socket-proxy:v0.4.2"
    proxy = Spoke("guard", Kind.SOCKET_PROXY, {"image": image, "networks": {"socket": None}})
    inspect = copy.deepcopy(SEEN["inspect"])
    inspect["Config"] |= {"Env": ["CONTAINERS=1", "POST=0"], "Image": image}
    runs = container(inspect)
    assert asked_anew(proxy, runs, environment={"CONTAINERS": "1", "POST": "0"}) == []
    assert asked_anew(proxy, runs, environment={"CONTAINERS": "0"}) == []
    [told] = asked_anew(proxy, runs, environment={"CONTAINERS": "1", "POST": "1"})
    assert told.startswith("lets its consumers ask Docker ")
    assert " more" in told
