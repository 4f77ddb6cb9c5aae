"""Each check of a route, and each link of `doctor`, has a case that it must name, and one that it must not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from stackctl.codes import CODES
from stackctl.generation import as_it_runs
from stackctl.model import (
    Expect,
    Outcome,
    Port,
)
from stackctl.verify import decide as decide_module
from stackctl.verify import decide_routes, routing
from stackctl.verify.decide import Reply, Verdict
from stackctl.verify.observations import OBSERVATIONS
from tests.routed import (
    APP,
    BOUND,
    CALLED,
    GOOD,
    LABELS,
    NOBODY,
    NOISE,
    answer,
    answered,
    asked,
    basic,
    check_of,
    container,
    forward,
    link_of,
    log,
    looked,
    seen,
)

Case = tuple[Callable[[], Verdict], Callable[[], Verdict], str]


SECOND = {"stackctl.generation": "2"}
NEWER = container("web", SECOND)
LOGIN = answer(302, headers={"location": "/login"})


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
        (
            # The second generation bears other names than the first.
            lambda: looked("route-labels", "web", seen(container("web", {**LABELS, **SECOND}))),
            lambda: looked("route-labels", "web", seen(container("web", as_it_runs(LABELS, NEWER)))),
            "lacks the label",
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
            "answered 502, and edge does not call 10.0.0.3:80 or 10.0.0.5:80",
        ),
        (
            lambda: answered(CALLED, answer(200, connections=("10.0.0.7:80 10.0.0.4:5000",))),
            lambda: answered(CALLED, answer(200, connections=("10.0.0.5:80 10.0.0.4:5000",))),
            "answered 200, and edge does not call 10.0.0.3:80 or 10.0.0.5:80",
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
    "CK301": (
        (
            lambda: asked(check_of("CK301"), APP, APP, NOBODY),
            lambda: asked(check_of("CK301"), APP, APP, APP),
            "answered 404, but the container itself answers 200",
        ),
        (
            lambda: asked(check_of("CK301"), APP, APP, answer(200, "another app")),
            lambda: asked(check_of("CK301"), answer(200, "1"), answer(200, "2"), answer(200, "3")),
            "another page",
        ),
    ),
    "CK302": (
        (
            lambda: asked(check_of("CK302"), APP, APP, APP, answer(200)),
            lambda: asked(check_of("CK302"), APP, APP, APP, NOBODY),
            "answered 200, not 404",
        ),
    ),
    "CK309": (
        (
            lambda: asked(basic(), NOBODY, LOGIN),
            lambda: asked(basic(), NOBODY, answer(401)),
            "answered 302, not 401",
        ),
        (
            lambda: asked(forward(), NOBODY, LOGIN, LOGIN, answer(302, headers={"location": "/start"})),
            lambda: asked(forward(), NOBODY, LOGIN, LOGIN, LOGIN),
            "answered 302, to /start; the login itself answered 302, to /login",
        ),
    ),
    "CK310": (
        (
            lambda: asked(check_of("CK310"), NOBODY, answer(200)),
            lambda: asked(check_of("CK310"), NOBODY, Reply("refused")),
            "answered 200 at 10.0.0.4, where it must not be reachable",
        ),
    ),
    "CK317": (
        (
            lambda: asked(link_of("CK317"), Reply("unresolved")),
            lambda: asked(link_of("CK317"), Reply("refused")),
            "does not resolve",
        ),
    ),
    "CK320": (
        (
            lambda: asked(link_of("CK320"), answer(403)),
            lambda: asked(link_of("CK320"), answer(200)),
            "answered 403, not 200",
        ),
    ),
    "CK325": (
        (
            lambda: asked(check_of("CK325"), NOBODY, answer(200, '{"Codename": "x"}')),
            lambda: asked(check_of("CK325"), NOBODY, APP),
            "with the text",
        ),
    ),
}


IMPLEMENTED: Mapping[str, tuple[str, ...]] = {
    "CK303": ("route_labels",),
    "CK304": ("route_network",),
    "CK311": ("label_network",),
    "CK312": ("label_keys",),
    "CK313": ("label_names",),
    "CK314": ("edge_says",),
    "CK318": ("ports_bound",),
    "CK319": ("edge_asks",),
    "CK323": ("engine_api",),
    "CK306": ("called",),
    "CK307": ("certified",),
    "CK308": ("redirected",),
    "CK315": ("listening",),
    "CK316": ("links_below",),
    "CK301": ("_same",),
    "CK302": ("_otherwise",),
    "CK305": ("_another",),
    "CK309": ("_otherwise", "_refused"),
    "CK310": ("_silent",),
    "CK317": ("_resolved",),
    "CK320": ("_otherwise",),
    "CK325": ("_otherwise",),
}
BEFORE_ANY_CHECK = {"CK321", "CK322", "CK324"}
"""Told where nothing could be asked: see test_chain.py."""

EACH = [(code, case) for code, cases in CASES.items() for case in cases]


@pytest.mark.parametrize(("code", "case"), EACH, ids=[code for code, _ in EACH])
def test_a_fault_is_named_and_what_looks_like_it_is_not(code: str, case: Case) -> None:
    bad, good, says = case
    outcome, saw = bad()
    assert (outcome, says in saw) == (Outcome.FAILED, True), saw
    assert good()[0] is Outcome.PASSED


@pytest.mark.parametrize("code", sorted(CASES))
def test_without_its_implementation_the_case_turns_red(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in IMPLEMENTED[code]:
        take_out(name, monkeypatch)
    assert all(bad()[0] is not Outcome.FAILED for bad, _, _ in CASES[code])


def take_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks, or decides, finds nothing wrong any more."""

    def nothing(*_: object) -> Verdict | str:
        return "" if name == "_otherwise" else (Outcome.PASSED, "")

    known = {key: value for key, value in routing.OBSERVATIONS.items() if value.__name__ == name}
    for key in known:
        monkeypatch.setitem(OBSERVATIONS, key, nothing)  # type: ignore[arg-type]
    if not known:
        monkeypatch.setattr(decide_routes if hasattr(decide_routes, name) else decide_module, name, nothing)


def test_every_code_about_routes_has_a_case() -> None:
    of_routes = {code for code in CODES if code.startswith("CK3")}
    assert of_routes == CASES.keys() | BEFORE_ANY_CHECK
