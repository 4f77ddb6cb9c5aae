"""Each link of `doctor` and each check of a route has a case that it must name, and one that it must not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from stackctl.checks import checks
from stackctl.checks_of_routes import HOST
from stackctl.codes import CODES
from stackctl.doctor import by_hand, chain, ordered
from stackctl.model import (
    BasicAuth,
    Bundle,
    Check,
    Container,
    Edge,
    Expect,
    ForwardAuth,
    Kind,
    Named,
    Observation,
    Observed,
    OnNetwork,
    Outcome,
    Port,
    Request,
    Result,
    Route,
    Spoke,
    Stack,
    Tls,
)
from stackctl.verify import decide_routes, routing
from stackctl.verify.decide import Reply, Verdict, decide
from stackctl.verify.observations import OBSERVATIONS

LABELS = {
    "traefik.enable": "true",
    "traefik.http.routers.home-web.rule": "Host(`web.home`)",
    "traefik.http.services.home-web.loadbalancer.server.port": "80",
}
ROUTE = Route(("web.home",), 80, "/shelf/", strip=True)
WEB = Spoke("web", Kind.APP, {"image": "web", "networks": {"proxy": None}, "labels": LABELS}, routes=(ROUTE,))
EDGE = Spoke(
    "edge",
    Kind.EDGE,
    {
        "image": "traefik:v3.7",
        "networks": {"proxy": None, "socket": None},
        "ports": [{"target": 80, "published": "80"}, {"target": 443, "published": "443"}],
    },
)
PROXY = Spoke(
    "proxy",
    Kind.SOCKET_PROXY,
    {"image": "tecnativa/docker-socket-proxy:v0.4.2", "networks": {"socket": None}},
)
STACK = Stack(
    "home",
    (EDGE, PROXY, WEB),
    "home",
    Edge.TRAEFIK,
    networks={"proxy": {"name": "home_proxy"}, "socket": {"name": "home_socket", "internal": True}},
)
BUNDLE = Bundle({"services": {s.name: s.service for s in STACK.spokes}}, {}, {})


def container(spoke: str, labels: Mapping[str, str] | None = None, **more: Any) -> Container:
    networks = {"edge": ("home_proxy", "home_socket"), "proxy": ("home_socket",)}.get(spoke, ("home_proxy",))
    own = {**(LABELS if spoke == "web" and labels is None else labels or {}), "stackctl.spoke": spoke}
    found = Container(
        id=spoke * 8,
        name=f"home-{spoke}-1",
        image_id="",
        image={"edge": "traefik:v3.7.1"}.get(spoke, spoke),
        state="running",
        health="",
        exit_code=0,
        restarts=0,
        labels=own,
        networks={n: f"10.0.0.{len(spoke)}" for n in networks},
        mounts=(),
        ports=(),
        inspect={"State": {"StartedAt": "2026-01-01T10:00:00.5Z"}, "HostConfig": {}},
    )
    return replace(found, **more)


def seen(*containers: Container, **more: Any) -> Observed:
    known = {c.spoke: c for c in (container("edge"), container("proxy"), container("web"))}
    known |= {c.spoke: c for c in containers}
    return Observed("home", tuple(known.values()), engine_version="20.10", **more)


def looked(name: str, spoke: str, observed: Observed) -> Verdict:
    check = Check("CK101", spoke, "", Observation(name))
    return OBSERVATIONS[name](observed, STACK, BUNDLE, check)


def answered(expect: Expect, reply: Reply, *controls: Reply) -> Verdict:
    from stackctl.model import Control

    request = Request(HOST, Named("edge", 80), host="web.home")
    check = Check(
        "CK101", "web", "", request, expect, tuple(Control(request, Expect(), "") for _ in controls)
    )
    return decide(
        check, (*controls, reply), {}, {("web", "proxy"): "10.0.0.3", ("edge", "proxy"): "10.0.0.4"}
    )


def answer(status: int = 200, body: str = "", **more: Any) -> Reply:
    return Reply("answer", status, body=body, peer="10.0.0.4", **more)


def log(*lines: str) -> dict[str, str]:
    return {"edge": "\n".join(lines)}


CALLED = Expect(called=OnNetwork("web", "proxy", 80), called_by="edge")
GOOD = {"wrong": "", "names": "web.home", "issuer": "home", "left": str(90 * 86400), "until": "soon"}
BOUND = {"HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "80"}]}}}
NOISE = "2026-01-01T10:00:01Z ERR something of another app entryPointName=web"

Case = tuple[Callable[[], Verdict], Callable[[], Verdict], str]

CASES: Mapping[str, tuple[Case, ...]] = {
    "CK303": (
        (
            lambda: looked("route-labels", "web", seen(container("web", {}))),
            lambda: looked("route-labels", "web", seen()),
            "lacks the label `traefik.enable`",
        ),
        (
            lambda: looked("route-labels", "web", seen(container("web", {**LABELS, "traefik.x": "1"}))),
            lambda: looked("route-labels", "web", seen(container("web", {**LABELS, "other.x": "1"}))),
            "a label that the files do not state: `traefik.x`",
        ),
    ),
    "CK304": (
        (
            lambda: looked("route-network", "web", seen(container("web", networks={"other": "10.1.0.2"}))),
            lambda: looked("route-network", "web", seen()),
            "sits on other, and edge on home_proxy",
        ),
    ),
    "CK305": (
        (
            lambda: answered(Expect(unlike_control=True), answer(404, "no"), answer(404, "no")),
            lambda: answered(Expect(unlike_control=True), answer(200, "app"), answer(404, "no")),
            "as it does for a name that nobody declared",
        ),
    ),
    "CK306": (
        (
            lambda: answered(
                CALLED, answer(502, connections=("10.0.0.3:80 10.0.0.9:5000", "10.0.0.3:443 10.0.0.4:1"))
            ),
            lambda: answered(CALLED, answer(200, connections=("10.0.0.3:80 10.0.0.4:5000",))),
            "answered 502, and edge does not call 10.0.0.3:80",
        ),
    ),
    "CK307": (
        (
            lambda: answered(
                Expect(certificate="web.home"), answer(certificate={"wrong": "self-signed", "default": "yes"})
            ),
            lambda: answered(Expect(certificate="web.home"), answer(certificate=GOOD)),
            "its default certificate",
        ),
        (
            lambda: answered(Expect(certificate="web.home"), answer(certificate={**GOOD, "left": "3600"})),
            lambda: answered(Expect(certificate="web.home"), answer(certificate=GOOD)),
            "ends in 1 hours",
        ),
        (
            lambda: answered(
                Expect(certificate="web.home"), answer(certificate={"wrong": "Hostname mismatch"})
            ),
            lambda: answered(Expect(certificate="web.home"), answer(certificate=GOOD)),
            "does not hold: Hostname mismatch",
        ),
    ),
    "CK308": (
        (
            lambda: answered(Expect(redirects_to="https://web.home/"), answer(200)),
            lambda: answered(
                Expect(redirects_to="https://web.home/"),
                answer(308, headers={"location": "https://web.home:443/"}),
            ),
            "answered 200 instead of leading to",
        ),
        (
            lambda: answered(
                Expect(redirects_to="https://web.home/"),
                answer(301, headers={"location": "https://web.home:8443/"}),
            ),
            lambda: answered(
                Expect(redirects_to="https://web.home:8443/"),
                answer(301, headers={"location": "https://web.home:8443/"}),
            ),
            "leads to https://web.home:8443/",
        ),
    ),
    "CK311": (
        (
            lambda: looked(
                "label-network", "web", seen(container("web", {"traefik.docker.network": "proxy"}))
            ),
            lambda: looked(
                "label-network", "web", seen(container("web", {"traefik.docker.network": "home_proxy"}))
            ),
            "names `proxy`; on the Engine it sits on home_proxy",
        ),
    ),
    "CK312": (
        (
            lambda: looked("label-keys", "web", seen(container("web", {"traefik.http.routers.a.rul": "x"}))),
            lambda: looked("label-keys", "web", seen()),
            "knows no `rul`",
        ),
    ),
    "CK313": (
        (
            lambda: looked(
                "label-names", "web", seen(container("twin", {"traefik.http.routers.home-web.rule": "x"}))
            ),
            lambda: looked(
                "label-names", "web", seen(container("twin", {"traefik.http.routers.twin.rule": "x"}))
            ),
            "the edge drops both",
        ),
        (
            lambda: looked(
                "label-names", "web", seen(container("twin", {"traefik.http.services.home-web.x": "1"}))
            ),
            lambda: looked("label-names", "web", seen()),
            "half of the requests",
        ),
        (
            lambda: looked(
                "label-names",
                "web",
                seen(container("twin", {"traefik.http.routers.t.rule": "Host(`web.home`)"})),
            ),
            lambda: looked("label-names", "web", seen()),
            "either may win",
        ),
    ),
    "CK314": (
        (
            lambda: looked(
                "edge-says",
                "web",
                seen(said=log("2026-01-01T10:00:01Z ERR no such thing routerName=home-web@docker")),
            ),
            lambda: looked(
                "edge-says",
                "web",
                seen(said=log("2026-01-01T09:59:59Z ERR no such thing routerName=home-web@docker", NOISE)),
            ),
            "no such thing",
        ),
        (
            lambda: looked(
                "edge-says", "web", seen(said=log("ERR permissions 644 for /acme.json are too open"))
            ),
            lambda: looked("edge-says", "web", seen(said=log(NOISE))),
            "too open",
        ),
    ),
    "CK315": (
        (
            lambda: answered(Expect(listens=80), Reply("looked", listens=("127.0.0.11:4000", "0.0.0.0:81"))),
            lambda: answered(Expect(listens=80), Reply("looked", listens=("0.0.0.0:80",))),
            "nobody listens on port 80 in its container; it listens on 81",
        ),
        (
            lambda: answered(Expect(listens=80), Reply("looked", listens=("127.0.0.1:80",))),
            lambda: answered(Expect(listens=80), Reply("looked", listens=("127.0.0.1:80", ":::80"))),
            "inside its own container",
        ),
    ),
    "CK316": (
        (
            lambda: answered(Expect(below="/shelf"), answer(body='<a href="/next"> <img src="//cdn/x">')),
            lambda: answered(Expect(below="/shelf"), answer(body='<a href="/shelf/next"> <img src="x">')),
            "/next, outside /shelf/",
        ),
        (
            lambda: answered(Expect(below="/shelf"), answer(302, headers={"location": "/login"})),
            lambda: answered(Expect(below="/shelf"), answer(302, headers={"location": "/shelf/login"})),
            "/login",
        ),
    ),
    "CK318": (
        (
            lambda: looked(
                "ports-bound",
                "edge",
                seen(
                    container("edge", inspect=BOUND),
                    networks={"home_proxy": {"Internal": True}, "home_socket": {"Internal": True}},
                ),
            ),
            lambda: looked(
                "ports-bound", "edge", seen(container("edge", inspect=BOUND, ports=(Port(80, "80"),)))
            ),
            "not bound: each of its networks is internal",
        ),
    ),
    "CK319": (
        (
            lambda: looked(
                "edge-asks",
                "web",
                seen(
                    said=log("2026-01-01T10:00:02Z ERR Failed to list containers for docker error=Forbidden")
                ),
            ),
            lambda: looked(
                "edge-asks",
                "web",
                seen(said=log("2026-01-01T09:00:00Z ERR Failed to list containers for docker", NOISE)),
            ),
            "Failed to list containers",
        ),
    ),
    "CK323": (
        (
            lambda: looked(
                "engine-api",
                "edge",
                replace(seen(container("edge", image="traefik:v3.5.2")), engine_version="29.0.1"),
            ),
            lambda: looked(
                "engine-api",
                "edge",
                replace(seen(container("edge", image="traefik:v3.6.1")), engine_version="29.0.1"),
            ),
            "which Docker 29.0.1 refuses",
        ),
    ),
}

IMPLEMENTED = {
    "CK303": "route_labels",
    "CK304": "route_network",
    "CK311": "label_network",
    "CK312": "label_keys",
    "CK313": "label_names",
    "CK314": "edge_says",
    "CK318": "ports_bound",
    "CK319": "edge_asks",
    "CK323": "engine_api",
    "CK306": "called",
    "CK307": "certified",
    "CK308": "redirected",
    "CK315": "listening",
    "CK316": "links_below",
}
OF_PLAIN_ANSWERS = {"CK301", "CK302", "CK309", "CK310", "CK317", "CK320", "CK325"}
"""Decided as any other answer is: see test_decide.py; CK305 compares with its control there too."""
BEFORE_ANY_CHECK = {"CK321", "CK322", "CK324"}

EACH = [(code, case) for code, cases in CASES.items() for case in cases]


@pytest.mark.parametrize(("code", "case"), EACH, ids=[code for code, _ in EACH])
def test_a_fault_is_named_and_what_looks_like_it_is_not(code: str, case: Case) -> None:
    bad, good, says = case
    outcome, saw = bad()
    assert (outcome, says in saw) == (Outcome.FAILED, True), saw
    assert good()[0] is Outcome.PASSED


@pytest.mark.parametrize("code", IMPLEMENTED)
def test_without_its_implementation_the_case_turns_red(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = IMPLEMENTED[code]

    def nothing(*_: object) -> Verdict:
        return Outcome.PASSED, ""

    known = {key: value for key, value in routing.OBSERVATIONS.items() if value.__name__ == name}
    for key in known:
        monkeypatch.setitem(OBSERVATIONS, key, nothing)  # type: ignore[arg-type]
    if not known:
        monkeypatch.setattr(decide_routes, name, nothing)
    assert all(bad()[0] is not Outcome.FAILED for bad, _, _ in CASES[code])


def test_every_code_about_routes_has_a_case() -> None:
    of_routes = {code for code in CODES if code.startswith("CK3")}
    assert of_routes == CASES.keys() | OF_PLAIN_ANSWERS | BEFORE_ANY_CHECK


@pytest.mark.parametrize("code", sorted(CASES))
def test_a_broken_link_ends_the_chain_and_is_missed_where_it_is_taken_out(code: str) -> None:
    links = chain(STACK, BUNDLE, seen(), WEB)
    if code in ("CK307", "CK308"):
        route = replace(ROUTE, tls=Tls.INTERNAL)
        web = replace(WEB, routes=(route,))
        links = chain(replace(STACK, spokes=(EDGE, PROXY, web)), BUNDLE, seen(), web)
    everything = (*links.seen, *links.asked, *links.because)

    def end(of: tuple[Check, ...]) -> str:
        unknown = code in ("CK314", "CK319", "CK303")
        failing = {code, "CK305"} if unknown else {code}
        results = [
            Result(check, Outcome.FAILED if check.code in failing else Outcome.PASSED, "") for check in of
        ]
        told = ordered(links, results)
        return told[-1].check.code if told and not told[-1].holds else ""

    assert end(everything) == code
    assert end(tuple(check for check in everything if check.code != code)) != code


def test_a_link_that_only_warns_does_not_end_the_chain() -> None:
    links = chain(STACK, BUNDLE, seen(), WEB)
    everything = (*links.seen, *links.asked)
    results = [Result(c, Outcome.FAILED if c.code == "CK317" else Outcome.PASSED, "") for c in everything]
    assert all(result.holds for result in ordered(links, results))


def test_old_words_of_the_log_are_told_only_where_the_route_is_unknown() -> None:
    links = chain(STACK, BUNDLE, seen(), WEB)
    everything = (*links.seen, *links.asked, *links.because)
    results = [Result(c, Outcome.FAILED if c.code == "CK314" else Outcome.PASSED, "") for c in everything]
    assert all(result.holds for result in ordered(links, results))


def test_every_negative_check_of_a_route_can_be_broken() -> None:
    routes = [c for c in checks(STACK, BUNDLE) if c.code in ("CK302", "CK305", "CK309", "CK310")]
    assert {c.code for c in routes} >= {"CK305", "CK310"}
    assert all(c.broken_by is not None and c.controls for c in routes)


def test_an_app_that_leads_to_its_own_login_is_not_taken_for_one_of_the_edge() -> None:
    locked = replace(WEB, routes=(replace(ROUTE, auth=BasicAuth((("kim", "hash"),))),))
    [asked] = [c for c in checks(replace(STACK, spokes=(EDGE, PROXY, locked)), BUNDLE) if c.code == "CK309"]
    assert asked.expect.statuses == {401}


def test_a_link_that_no_check_looked_at_is_broken() -> None:
    assert by_hand("CK321", "", "the Engine answers", "no").outcome is Outcome.FAILED


def test_an_answer_with_words_that_it_must_not_have_fails() -> None:
    wanted = Expect(without='"Codename"')
    assert answered(wanted, answer(200, "app"))[0] is Outcome.PASSED
    assert answered(wanted, answer(200, '{"Codename": "x"}'))[0] is Outcome.FAILED


def test_how_an_edge_refuses_a_name_is_asked_behind_the_handshake_of_another() -> None:
    web = replace(WEB, routes=(replace(ROUTE, tls=Tls.INTERNAL),))
    [known] = [c for c in checks(replace(STACK, spokes=(EDGE, PROXY, web)), BUNDLE) if c.code == "CK305"]
    [nobody] = [control.request for control in known.controls]
    assert isinstance(known.look, Request)
    assert nobody.tls
    assert nobody.host != known.look.host == nobody.sni


def of_login() -> Check:
    guarded = replace(WEB, routes=(replace(ROUTE, auth=ForwardAuth("login", 9091, "/decide")),))
    login = replace(WEB, name="login", routes=())
    stack = replace(STACK, spokes=(EDGE, PROXY, guarded, login))
    [check] = [c for c in checks(stack) if c.code == "CK309"]
    return check


def test_an_apps_own_redirect_is_not_taken_for_that_of_the_login() -> None:
    check, nobody = of_login(), answer(404, "no")
    login = answer(302, headers={"location": "https://login.home/?rd=http://web.home/shelf/&once=1"})
    again = answer(302, headers={"location": "https://login.home/?rd=http://web.home/shelf/&once=2"})
    own = answer(302, headers={"location": "/shelf/start"})
    assert decide(check, (nobody, login, again, again), {})[0] is Outcome.PASSED
    assert decide(check, (nobody, login, again, own), {}) == (
        Outcome.FAILED,
        "answered 302, to /shelf/start; the login itself answered 302, to https://login.home/",
    )


def test_an_apps_own_refusal_is_not_taken_for_that_of_the_login() -> None:
    check, nobody, login = of_login(), answer(404, "no"), answer(401, "who are you?")
    assert decide(check, (nobody, login, login, login), {})[0] is Outcome.PASSED
    assert decide(check, (nobody, login, login, answer(401, "not here")), {})[0] is Outcome.FAILED
    shows = answer(401, "you are 10.0.0.1"), answer(401, "you are 10.0.0.2")
    assert decide(check, (nobody, *shows, answer(401, "you are 172.20.0.1")), {})[0] is Outcome.PASSED


def test_a_login_that_lets_everyone_in_proves_nothing() -> None:
    check, nobody, open_door = of_login(), answer(404, "no"), answer(200)
    assert decide(check, (nobody, open_door, open_door, answer(200)), {})[0] is Outcome.UNREACHABLE


def test_a_login_is_asked_as_the_edge_asks_it() -> None:
    [_, first, second] = [control.request for control in of_login().controls]
    assert (first.path, first.host, first.about) == ("/decide", "login:9091", "http://web.home/shelf/")
    assert replace(second, forwarded="") == first
