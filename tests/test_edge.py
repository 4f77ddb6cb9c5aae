"""What the edges are told of a route; that they obey is shown by scenarios."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stackctl.edge import caddy, caddy_labels, traefik
from stackctl.edge.precedence import precedence
from stackctl.model import (
    Acme,
    BasicAuth,
    Edge,
    ForwardAuth,
    Kind,
    Probe,
    RateLimit,
    Route,
    RoutesBy,
    Routing,
    Spoke,
    Stack,
    Tls,
)
from stackctl.render import render

NETWORKS = {"proxy": {"name": "s_proxy"}, "socket": {"name": "s_socket", "internal": True}}
PORTS = [{"target": 443, "published": "443", "protocol": "tcp"}]
EDGE = Spoke("edge", Kind.EDGE, {"image": "traefik:v3.7", "networks": {"proxy": {}}, "ports": PORTS})
HASH = "$2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"


def stack(*routes: Route, edge: Edge = Edge.TRAEFIK, **routing: Any) -> Stack:
    web = Spoke("web", Kind.APP, {"image": "nginx:1", "networks": {"proxy": {}}}, routes=routes)
    usual = {"by": RoutesBy.LABELS if edge is Edge.TRAEFIK else RoutesBy.FILES}
    return Stack("s", (EDGE, web), edge=edge, routing=Routing(**{**usual, **routing}), networks=NETWORKS)


def labels(*routes: Route) -> dict[str, str]:
    of = stack(*routes)
    return traefik.labels(of, of.spoke("web"))


def route(**said: Any) -> Route:
    return Route(("web.localhost",), 80, **said)


def test_a_name_wins_over_a_pattern_and_a_longer_path_over_a_shorter() -> None:
    def at(host: str, path: str = "/") -> int:
        return precedence(host, Route((host,), 80, path))

    assert at("a.b") > at("*.a-very-long-name.b", "/with/a/path") > at("*.b", "/with/a/path") > at("*.b")
    assert at("a.b", "/agent/10/") > at("a.b", "/agent/1/") > at("a.b")


def test_names_cannot_be_those_of_another_spoke() -> None:
    found = labels(route(), route(path="/a"))
    services = {key.split(".")[3] for key in found if key.startswith("traefik.http.services.")}
    # A spoke called `web-1` would have the name `s-web-1`.
    assert services == {"s-web", "s-web~1"}


def test_a_dollar_in_a_label_is_doubled_for_compose_and_not_in_a_file() -> None:
    locked = route(auth=BasicAuth((("alice", HASH),)))
    [users] = [value for key, value in labels(locked).items() if key.endswith(".basicauth.users")]
    assert users == "alice:" + HASH.replace("$", "$$")
    of = stack(locked, by=RoutesBy.FILES)
    written = traefik.routes_file(of, {})["http"]["middlewares"]["s-web~auth"]["basicAuth"]["users"]
    assert written == [f"alice:{HASH}"]


def test_a_route_changes_nothing_of_the_edges_container() -> None:
    before, after = stack(), stack(route(tls=Tls.INTERNAL), Route(("*.b",), 80, rate_limit=RateLimit(1)))
    for edge in (Edge.TRAEFIK, Edge.CADDY):
        one, other = (render(replace(s, edge=edge, routing=Routing(RoutesBy.FILES))) for s in (before, after))
        assert one.service("edge") == other.service("edge")
        assert one.reloads != other.reloads


def test_what_leads_to_a_container_can_be_said_in_place_of_its_spokes_name() -> None:
    by_files = stack(route(), by=RoutesBy.FILES)
    assert "http://s-web-7:80" in str(traefik.routes_file(by_files, {"web": ("s-web-7",)}))


def test_caddy_looks_for_a_file_that_names_a_container_unless_several_are_wanted() -> None:
    auth = ForwardAuth("login", 9091, "/verify", ())
    of = stack(route(auth=auth, sticky=True, probe=Probe("/health")), edge=Edge.CADDY)
    [served, _] = caddy.configuration(of)["apps"]["http"]["servers"]["web"]["routes"]
    asked, app = served["handle"]
    for led, spoke, port in ((asked, "login", 9091), (app, "web", 80)):
        to_one, usual = led["routes"]
        # Only the first of a group that matches is used.
        assert to_one["group"] == usual["group"]
        assert to_one["match"][0]["file"] == {"root": "/etc/caddy", "try_files": [f"/led/{spoke}/"]}
        assert to_one["handle"][-1]["upstreams"] == [{"dial": f"{{stackctl.{spoke}}}:{port}"}]
        assert usual["handle"][0]["upstreams"] == [{"dial": f"{spoke}:{port}"}]
        for proxy in (to_one["handle"][-1], usual["handle"][0]):
            assert proxy["transport"]["keep_alive"]["idle_timeout"] == "1s"
    assert {"health_checks", "load_balancing"}.isdisjoint(app["routes"][0]["handle"][-1])
    assert {"health_checks", "load_balancing"} <= app["routes"][1]["handle"][0].keys()
    web = replace(of.spoke("web"), service={**of.spoke("web").service, "scale": 2})
    scaled = str(caddy.configuration(replace(of, spokes=(EDGE, web))))
    assert "s-web-2:80" in scaled
    assert "led/web" not in scaled


def test_who_was_led_to_a_login_is_led_to_the_app_too() -> None:
    """Caddy counts a group over the whole way of a request, not for the block in which it stands."""
    guarded = route(auth=ForwardAuth("login", 9091, "/verify"))
    config = caddy.configuration(stack(guarded, edge=Edge.CADDY))
    handlers = config["apps"]["http"]["servers"]["web"]["routes"][0]["handle"]
    led = [handler["routes"] for handler in handlers if handler["handler"] == "subroute"]
    groups = [{found["group"] for found in routes} for routes in led]
    assert [len(group) for group in groups] == [1, 1]
    assert groups[0] != groups[1]


def test_an_edge_that_reads_files_is_told_nothing_of_docker() -> None:
    text = render(stack(route(), by=RoutesBy.FILES)).files["rendered/edge/traefik.yml"].decode()
    assert "docker" not in text
    assert (
        render(stack(route(), by=RoutesBy.FILES))
        .service("web")["labels"]
        .keys()
        .isdisjoint({"traefik.enable"})
    )


def test_caddy_takes_orders_inside_its_container_only_and_asks_for_no_certificate_by_itself() -> None:
    told = caddy.configuration(stack(route(tls=Tls.INTERNAL), edge=Edge.CADDY))
    assert told["admin"]["listen"] == "localhost:2019"
    assert all(s["automatic_https"] == {"disable": True} for s in told["apps"]["http"]["servers"].values())


def test_a_manifest_says_otherwise_how_often_caddy_looks_for_garbage() -> None:
    def environment(**stated: str) -> Any:
        of = stack(route(), edge=Edge.CADDY)
        edge = replace(EDGE, service={**EDGE.service, **({"environment": stated} if stated else {})})
        return render(replace(of, spokes=(edge, of.spoke("web")))).service("edge")["environment"]

    assert environment() == {"GOGC": "400"}
    assert environment(TZ="UTC", GOGC="100") == {"TZ": "UTC", "GOGC": "100"}


def test_acme_is_asked_for_public_names_alone() -> None:
    routes = (Route(("a.example.com",), 80, tls=Tls.ACME), route(tls=Tls.INTERNAL))
    acme = Acme("me@example.com", "tls", "https://pebble:14000/dir", "/ca.pem")
    told = caddy.configuration(stack(*routes, edge=Edge.CADDY, acme=acme))["apps"]["tls"]
    assert told["certificates"]["automate"] == ["a.example.com"]
    [policy] = told["automation"]["policies"]
    assert policy["issuers"][0]["challenges"] == {"http": {"disabled": True}}
    static = render(stack(*routes, acme=acme)).files["rendered/edge/traefik.yml"].decode()
    for said in ("tlsChallenge", "storage: /acme/acme.json", "https://pebble:14000/dir", "/ca.pem"):
        assert said in static
    found = labels(*routes)
    assert [key for key, value in found.items() if value == "acme"] == [
        "traefik.http.routers.s-web.tls.certresolver"
    ]


def test_the_dashboard_is_off_unless_the_edges_page_gives_it_a_route() -> None:
    bare = stack(route())
    assert b"api" not in render(bare).files["rendered/edge/traefik.yml"]
    shown = Route(("traefik.localhost",), 0, dashboard=True, auth=BasicAuth((("alice", HASH),)))
    of = replace(bare, spokes=(replace(EDGE, routes=(shown,)), bare.spoke("web")))
    files = render(of).files
    assert b"dashboard: true" in files["rendered/edge/traefik.yml"]
    routes = files["rendered/edge/routes/routes.yml"].decode()
    assert "api@internal" in routes
    assert "s-edge~auth" in routes


def test_caddy_docker_proxy_gets_each_route_in_a_block_of_its_own() -> None:
    said = route(
        path="/agent/7/",
        strip=True,
        tls=Tls.INTERNAL,
        auth=ForwardAuth("login", 9091, "/verify", ("Remote-User",)),
        max_body=10,
        compress=True,
        sticky=True,
        probe=Probe("/health"),
        headers=(("X-A", "b"), ("Server", "")),
    )
    of = stack(said, edge=Edge.CADDY, by=RoutesBy.LABELS)
    assert caddy_labels.labels(of, of.spoke("web")) == {
        "caddy": "web.localhost",
        "caddy.tls": "internal",
        "caddy.redir": "/agent/7 /agent/7/ 308",
        "caddy.handle_path": "/agent/7/*",
        "caddy.handle_path.forward_auth": "login:9091",
        "caddy.handle_path.forward_auth.uri": "/verify",
        "caddy.handle_path.forward_auth.copy_headers": "Remote-User",
        "caddy.handle_path.header.X-A": '"b"',
        "caddy.handle_path.header.-Server": "",
        "caddy.handle_path.encode": "zstd gzip",
        "caddy.handle_path.request_body.max_size": "10",
        "caddy.handle_path.reverse_proxy": "{{upstreams 80}}",
        "caddy.handle_path.reverse_proxy.header_up": "X-Forwarded-Prefix /agent/7",
        "caddy.handle_path.reverse_proxy.lb_policy": "cookie stackctl",
        "caddy.handle_path.reverse_proxy.health_uri": "/health",
        "caddy.handle_path.reverse_proxy.health_interval": "10s",
        "caddy.handle_path.reverse_proxy.health_timeout": "3s",
        "caddy_ingress_network": "s_proxy",
    }


@pytest.mark.parametrize("published", ["443", "8443"])
def test_plain_http_is_sent_to_the_port_at_which_the_edge_serves_https(published: str) -> None:
    edge = replace(EDGE, service={**EDGE.service, "ports": [{**PORTS[0], "published": published}]})
    of = replace(stack(route(tls=Tls.INTERNAL)), spokes=(edge, stack(route(tls=Tls.INTERNAL)).spoke("web")))
    port = "" if published == "443" else published
    assert (
        traefik.labels(of, of.spoke("web")).get(
            "traefik.http.middlewares.s-web~https.redirectscheme.port", ""
        )
        == port
    )
    location = f"https://{{http.request.host}}{f':{port}' if port else ''}{{http.request.uri}}"
    assert location in str(caddy.configuration(replace(of, edge=Edge.CADDY)))


def test_a_pattern_that_leads_to_https_takes_nothing_from_a_name_that_is_served_in_the_clear() -> None:
    pattern, name = Route(("*.localhost",), 80, tls=Tls.INTERNAL), route()
    web = caddy.configuration(stack(pattern, name, edge=Edge.CADDY))["apps"]["http"]["servers"]["web"]
    hosts = [found["match"][0]["host"] for found in web["routes"] if "match" in found]
    assert hosts == [["web.localhost"], ["*.localhost"]]
    assert "reverse_proxy" in str(web["routes"][0])
    assert "308" in str(web["routes"][1])
