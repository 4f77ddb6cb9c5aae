"""Which checks a stack gets, and that each refusal carries what makes it mean something."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from stackctl.checks import checks
from stackctl.codes import CODES
from stackctl.commands.status import UNPROVED
from stackctl.findings import Severity
from stackctl.model import (
    BasicAuth,
    Bundle,
    Check,
    Edge,
    Expect,
    Kind,
    Mode,
    Mutation,
    Named,
    Observation,
    OnNetwork,
    Policy,
    Published,
    Request,
    Route,
    RoutesBy,
    Spoke,
    Stack,
    Tls,
)
from stackctl.verify.mutations import WAYS

PROXY = Spoke(
    "docker-socket-proxy",
    Kind.SOCKET_PROXY,
    {"networks": {"socket": None}, "healthcheck": {"test": ["CMD", "true"]}},
)
EDGE = Spoke(
    "traefik",
    Kind.EDGE,
    {"networks": {"proxy": None, "socket": None}, "ports": [{"target": 80, "published": "8080"}]},
)
WEB = Spoke("web", Kind.APP, {"networks": {"proxy": None}}, routes=(Route(("web.home", "www.home"), 8000),))
STACK = Stack(
    "home",
    (PROXY, EDGE, WEB),
    domain="home",
    edge=Edge.TRAEFIK,
    networks={"proxy": {}, "socket": {"internal": True}, "backend": {}},
)


def of(stack: Stack, code: str, spoke: str = "") -> list[Check]:
    return [c for c in checks(stack) if c.code == code and spoke in ("", c.spoke)]


def with_spokes(*spokes: Spoke, **changes: object) -> Stack:
    return replace(STACK, spokes=tuple(sorted(spokes, key=lambda s: s.name)), **changes)  # type: ignore[arg-type]


def look(check: Check) -> Request:
    assert isinstance(check.look, Request)
    return check.look


def test_every_spoke_is_looked_at() -> None:
    for spoke in STACK.spokes:
        codes = [c.code for c in checks(STACK) if c.spoke == spoke.name]
        assert {"CK101", "CK103", "CK104"} <= set(codes)
        assert ("CK102" in codes) == ("healthcheck" in spoke.service)


@pytest.mark.parametrize("test", [{"disable": True}, {"test": "NONE"}, {"test": ["NONE"]}])
def test_a_healthcheck_that_is_switched_off_is_not_expected(test: dict[str, object]) -> None:
    off = replace(WEB, service={**WEB.service, "healthcheck": test})
    assert not of(with_spokes(off), "CK102")


def test_a_healthcheck_that_a_template_adds_is_expected() -> None:
    services = {s.name: {**s.service, "healthcheck": {"test": ["CMD", "true"]}} for s in STACK.spokes}
    found = checks(STACK, Bundle({"services": services}, {}, {}))
    assert {c.spoke for c in found if c.code == "CK102"} == {s.name for s in STACK.spokes}


def test_a_job_is_to_end_well() -> None:
    found = checks(with_spokes(replace(WEB, kind=Kind.JOB, routes=())))
    assert next((c.code, c.look) for c in found) == ("CK102", Observation("done"))
    assert "CK101" not in {c.code for c in found}


def stated(expect: Expect, target: str = "web") -> Check:
    return Check("CK401", "web", "stated", Request("proxy", Named(target, 80)), expect)


STATED = (
    stated(Expect(frozenset({200}))),
    stated(Expect(body="word")),
    stated(Expect(names_container="web")),
    stated(Expect(frozenset({401}))),
    stated(Expect(frozenset({404})), "traefik"),
    stated(Expect(no_answer=True)),
)


def wide() -> tuple[Stack, ...]:
    """Stacks that have every shipped check among them, and stated ones of every kind."""
    needs = Policy(operations=("GET /version", "GET /events", "POST /exec/{id}/start"), mode=Mode.STRICT)
    strict = replace(PROXY, policy=needs)
    listens = replace(PROXY, policy=replace(needs, listen="/run/api/docker.sock"))
    job = Spoke("job", Kind.JOB, {"networks": {"proxy": None}})
    switched = replace(
        PROXY, service={**PROXY.service, "image": "tecnativa/docker-socket-proxy:v0.4.1"}, checks=(own(),)
    )
    routes = (
        *WEB.routes,
        Route(("login.home",), 8000, auth=BasicAuth((("me", "$2y$05$" + "a" * 53),))),
        Route(("tls.home",), 8000, tls=Tls.INTERNAL),
    )
    web = replace(WEB, checks=STATED, routes=routes)
    proxied = tuple(with_spokes(proxy, EDGE, web, job) for proxy in (strict, listens, switched))
    return (*proxied, with_spokes(job))


def test_every_check_has_a_mutation_that_must_turn_it_red() -> None:
    found = [check for stack in wide() for check in checks(stack)]
    of_doctor = {code for code in CODES if "CK311" <= code <= "CK324"}
    shipped = {code for code in CODES if code.startswith("CK")} - of_doctor
    assert {check.code for check in found} | {UNPROVED} == shipped
    assert [check.title for check in found if check.broken_by is None or not check.mutation] == []


def test_without_a_socket_proxy_each_spoke_is_asked_for_the_socket_itself() -> None:
    assert of(with_spokes(WEB), "CK224")
    assert not of(with_spokes(PROXY, WEB), "CK224")


def test_every_mutation_can_be_made() -> None:
    assert set(WAYS) == set(get_args(Mutation))


def test_every_refusal_carries_a_control() -> None:
    for check in checks(STACK):
        refuses = check.expect.no_answer or any(s >= 400 for s in check.expect.statuses)
        if refuses or check.expect.as_control:
            assert check.controls, check.title


def test_the_place_where_the_proxy_must_not_answer_is_shown_to_work() -> None:
    by_address, by_name = of(STACK, "CK202")
    assert look(by_address) == Request("proxy", OnNetwork(PROXY.name, "socket", 2375), "GET", "/version")
    assert look(by_name) == Request("proxy", Named(PROXY.name, 2375), "GET", "/version")
    up, way = by_address.controls
    assert up.request == replace(look(by_address), vantage="socket"), "the same address and port, from inside"
    assert way.request.vantage == "proxy"
    assert way.request.target == Named("traefik", 80)
    assert way.expect.reached


def test_every_network_with_members_is_a_place_to_ask_from() -> None:
    db = Spoke("db", Kind.APP, {"networks": {"backend": None}})
    stack = with_spokes(PROXY, EDGE, WEB, db)
    assert {look(c).vantage for c in of(stack, "CK202")} == {"proxy", "backend"}
    assert {
        look(c).vantage for c in checks(stack, among={"docker-socket-proxy", "web"}) if c.code == "CK202"
    } == {"proxy"}


def test_a_second_internal_network_of_the_proxy_is_its_own_but_proxy_never_is() -> None:
    wide = replace(PROXY, service={"networks": {"socket": None, "monitoring": None, "proxy": None}})
    prometheus = Spoke("prometheus", Kind.APP, {"networks": {"monitoring": None}})
    networks = {**STACK.networks, "monitoring": {"internal": True}}
    stack = with_spokes(wide, EDGE, WEB, prometheus, networks=networks)
    assert {look(c).vantage for c in of(stack, "CK202")} == {"proxy"}


def test_the_control_is_a_read_that_the_proxy_does_let_through() -> None:
    shut = replace(PROXY, service={**PROXY.service, "environment": {"VERSION": "0"}})
    (check,) = of(with_spokes(shut, EDGE), "CK201")
    (control,) = check.controls
    assert (control.request.path, control.expect.body) == ("/_ping", "OK")


def test_exposures_are_warnings() -> None:
    for code in ("CK204", "CK205"):
        (check,) = of(STACK, code)
        assert check.severity is Severity.WARNING


def own(path: str = "/containers/create", method: str = "POST", **changes: object) -> Check:
    request = Request("socket", Named(PROXY.name, 2375), method, path)
    check = Check("CK401", PROXY.name, "Verify Restrictions", request, Expect(frozenset({403})))
    return replace(check, **changes)  # type: ignore[arg-type]


def test_what_a_page_already_states_is_asked_once() -> None:
    stack = with_spokes(replace(PROXY, checks=(own(),)), EDGE)
    (check,) = of(stack, "CK201")
    assert check.title == "Verify Restrictions"
    assert check.controls
    assert not of(stack, "CK401")


def test_a_page_that_expects_less_does_not_replace_the_standing_check() -> None:
    lenient = own(expect=Expect(frozenset({403, 400})))
    stack = with_spokes(replace(PROXY, checks=(lenient,)), EDGE)
    assert len(of(stack, "CK201")) == len(of(stack, "CK401")) == 1


def test_a_stated_refusal_is_given_its_control() -> None:
    stack = with_spokes(replace(PROXY, checks=(own("/images/json", "GET"),)), EDGE)
    (check,) = of(stack, "CK401")
    assert check.controls[0].request.path == "/version"


def test_a_stated_silence_is_given_a_witness() -> None:
    asks = Request("proxy", OnNetwork(PROXY.name, "socket", 2375))
    silent = own(look=asks, expect=Expect(no_answer=True))
    (check,) = of(with_spokes(replace(PROXY, checks=(silent,)), EDGE), "CK401")
    assert [c.request.target for c in check.controls if c.expect.reached] == [Named("traefik", 80)]


def test_a_stated_url_of_a_routed_host_goes_through_the_edge() -> None:
    asks = Check("CK401", "web", "answers", Request("", Named("web.home", 80), "GET", "/x"))
    (check,) = of(with_spokes(EDGE, replace(WEB, checks=(asks,))), "CK401")
    assert look(check) == Request("", Published("traefik", 80), "GET", "/x", "web.home")


def test_routes() -> None:
    found = of(STACK, "CK301")
    assert [look(c).host for c in found] == ["web.home", "www.home"]
    for check in found:
        assert (look(check).vantage, look(check).target) == ("", Published("traefik", 80))
        direct, forwarded = check.controls
        assert forwarded.request == replace(direct.request, forwarded="/"), (
            "what differs between them is no part of the comparison"
        )
        assert direct.request == Request(
            "proxy", OnNetwork("web", "proxy", 8000), "GET", "/", look(check).host
        )
        assert check.expect.as_control


def test_an_edge_that_is_not_published_is_asked_from_inside() -> None:
    inner = replace(EDGE, service={"networks": {"proxy": None}})
    for check in of(with_spokes(inner, WEB), "CK301"):
        assert (look(check).vantage, look(check).target) == ("proxy", OnNetwork("traefik", "proxy", 80))


@pytest.mark.parametrize(("strip", "direct"), [(True, "/"), (False, "/api")])
def test_a_path_that_the_edge_strips(strip: bool, direct: str) -> None:
    api = replace(WEB, routes=(Route(("web.home",), 8000, "/api", strip),))
    (check,) = of(with_spokes(EDGE, api), "CK301")
    over = "/api/" if strip else "/api"
    assert (look(check).path, check.controls[0].request.path) == (over, direct)
    assert check.controls[1].request.forwarded == ("/api" if strip else "/"), "an edge says what it took away"


def test_an_undeclared_name_is_asked_for_once() -> None:
    (check,) = of(STACK, "CK302")
    assert check.spoke == "traefik"
    assert look(check).host.endswith(".home")
    assert check.expect.statuses == {404}
    assert [c.expect.as_control for c in check.controls] == [False, False, True], (
        "a declared name does lead somewhere"
    )
    for by in RoutesBy:
        routing = replace(STACK.routing, by=by)
        (caddy,) = of(replace(STACK, edge=Edge.CADDY, routing=routing), "CK302")
        assert caddy.expect.statuses == {404}, "what an app may answer too says nothing of where it leads"
        assert bool(caddy.expect.redirects_to) is (by is RoutesBy.LABELS)


def test_of_an_undeclared_name_no_more_is_told_than_was_asked() -> None:
    (check,) = of(STACK, "CK302")
    assert not look(check).tls
    assert check.title == "undeclared-by-any-spoke.home leads nowhere over http"


def test_without_an_edge_there_are_no_routes_to_check() -> None:
    stack = replace(STACK, edge=Edge.NONE)
    assert not of(stack, "CK301")
    assert not of(stack, "CK302")


def test_the_same_stack_gives_the_same_checks() -> None:
    assert checks(STACK) == checks(STACK)


@pytest.mark.parametrize(
    ("host", "status", "controls"),
    [
        ("nobody.home", 404, 3),
        ("nobody.home:8080", 404, 3),
        ("", 404, 3),
        ("web.home", 401, 0),
        ("nobody.home", 200, 0),
    ],
)
def test_a_stated_refusal_of_the_edge_shows_that_it_routes(host: str, status: int, controls: int) -> None:
    request = Request("proxy", Named("traefik", 80), "GET", "/", host)
    stated = Check("CK401", "traefik", "nobody", request, Expect(frozenset({status})))
    (check,) = of(with_spokes(replace(EDGE, checks=(stated,)), PROXY, WEB), "CK401")
    assert len(check.controls) == controls
    if controls:
        assert check.controls[-1].request == replace(request, host="web.home")
        assert check.broken_by is not None
