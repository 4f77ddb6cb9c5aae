"""Labels of a second container that Traefik takes for another service, and the newer for the first choice."""

from __future__ import annotations

from stackctl.generation import LABEL, generation, not_handed_over, raised, told, witness

R, S, M = "traefik.http.routers", "traefik.http.services", "traefik.http.middlewares"
RULE = "Host(`app.example`)"
APP = {
    "traefik.enable": "true",
    "org.example.owner": "me",
    f"{R}.lab-app.rule": RULE,
    f"{R}.lab-app.entrypoints": "web",
    f"{R}.lab-app.service": "lab-app",
    f"{R}.lab-app.middlewares": "lab-app-strip, auth@file,other",
    f"{S}.lab-app.loadbalancer.server.port": "80",
    f"{M}.lab-app-strip.stripprefix.prefixes": "/a",
}
WITNESS = witness("lab", "app", 3)


def test_the_first_generation_is_what_is_declared() -> None:
    assert raised(APP, 1, WITNESS) == APP
    assert generation(APP) == 1
    assert generation({LABEL: "x"}) == 1


def test_a_later_one_has_names_of_its_own_and_keeps_to_them() -> None:
    found = raised(APP, 3, WITNESS)
    assert generation(found) == 3
    assert found[f"{R}.lab-app-g3.rule"] == RULE
    assert found[f"{R}.lab-app-g3.service"] == "lab-app-g3"
    assert found[f"{S}.lab-app-g3.loadbalancer.server.port"] == "80"
    assert found[f"{M}.lab-app-strip-g3.stripprefix.prefixes"] == "/a"
    assert not [label for label in found if ".lab-app." in label or ".lab-app-strip." in label]


def test_what_others_define_is_still_called_by_its_name() -> None:
    assert raised(APP, 3, WITNESS)[f"{R}.lab-app-g3.middlewares"] == "lab-app-strip-g3,auth@file,other"


def test_the_newer_goes_first_by_as_little_as_it_takes() -> None:
    assert raised(APP, 2, WITNESS)[f"{R}.lab-app-g2.priority"] == str(len(RULE) + 1)
    stated = {**APP, f"{R}.lab-app.priority": "500"}
    assert raised(stated, 3, WITNESS)[f"{R}.lab-app-g3.priority"] == "502"


def test_the_witness_answers_on_the_same_entry_points_and_never_asks_the_app() -> None:
    found = raised({**APP, f"{R}.lab-app.tls.certresolver": "le"}, 3, WITNESS)
    router = f"{R}.lab-app-g3-witness"
    assert found[f"{router}.rule"] == f"Host(`{WITNESS}`)"
    assert found[f"{router}.entrypoints"] == "web"
    assert found[f"{router}.tls"] == "true"
    middleware = f"{M}.{found[f'{router}.middlewares']}.redirectregex"
    assert found[f"{middleware}.replacement"] == told(WITNESS)


def test_what_is_not_routed_has_no_witness() -> None:
    assert raised({"org.example.owner": "me"}, 2, WITNESS) == {"org.example.owner": "me", LABEL: "2"}


def test_a_route_of_tcp_cannot_go_over() -> None:
    tcp = {"traefik.tcp.routers.db.rule": "HostSNI(`*`)"}
    assert [*not_handed_over(tcp, {}, 2)] == ["its TCP or UDP route cannot go over to a second container"]


def test_what_another_spoke_uses_keeps_its_name() -> None:
    other = {f"{R}.lab-web.middlewares": "lab-app-strip@docker"}
    assert [*not_handed_over(APP, {"web": other}, 2)] == ["web uses its `lab-app-strip`"]
    defines = {**other, f"{M}.lab-app-strip.stripprefix.prefixes": "/a"}
    assert [*not_handed_over(APP, {"web": defines}, 2)] == []


def test_a_priority_does_not_rise_past_a_narrower_route_of_the_same_host() -> None:
    inner = {f"{R}.lab-api.rule": f"{RULE} && (Path(`/x`))"}
    elsewhere = {f"{R}.lab-api.rule": "Host(`b.example`) && (Path(`/x`))"}
    gap = len(inner[f"{R}.lab-api.rule"]) - len(RULE)
    assert [*not_handed_over(APP, {"api": inner}, gap)] == []
    assert [*not_handed_over(APP, {"api": inner}, gap + 1)] == [
        "one more replacement would put its route before that of api"
    ]
    assert [*not_handed_over(APP, {"api": elsewhere}, gap + 1)] == []
