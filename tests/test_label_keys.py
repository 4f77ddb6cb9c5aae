"""What the lists of labels say of single keys."""

from __future__ import annotations

import pytest

from stackctl.lint.label_keys import traefik_keys, unknown_to_caddy, unknown_to_traefik


@pytest.mark.parametrize(
    ("label", "part", "hint"),
    [
        ("traefik.http.services.a.loadbalancer.server.prot", "prot", "did you mean `port`?"),
        ("traefik.http.router.a.rule", "router", "did you mean `routers`?"),
        ("traefik.http.routers.a.midlewares", "midlewares", "did you mean `middlewares`?"),
        ("traefik.http.middlewares.a.basicauth.user", "user", "did you mean `users`?"),
        ("traefik.http.routers.a.tls.domains.main", "main", ""),
        ("traefik.enabled", "enabled", "did you mean `enable`?"),
        ("traefik.frontend.rule", "frontend", ""),
    ],
)
def test_an_unknown_label_is_told_with_the_nearest_one(label: str, part: str, hint: str) -> None:
    found = unknown_to_traefik(label)
    assert found is not None
    assert found[0] == part
    assert found[1].startswith(hint)
    assert found[1]


@pytest.mark.parametrize(
    "label",
    [
        "traefik.enable",
        "traefik.HTTP.Routers.My-Name.Rule",
        "traefik.http.routers.a.tls",
        "traefik.http.routers.a.tls.domains[3].sans",
        "traefik.http.middlewares.a.compress",
        "traefik.http.middlewares.a.headers.customrequestheaders.X-Any",
        "traefik.http.middlewares.a.plugin.crowdsec.enabled",
        "traefik.http.services.a.loadbalancer.sticky.cookie",
        "traefik.tcp.routers.a.tls.passthrough",
        "traefik.docker.network",
    ],
)
def test_a_known_label_is_known(label: str) -> None:
    assert unknown_to_traefik(label) is None


def test_every_listed_key_is_known() -> None:
    keys = list(traefik_keys())
    assert len(keys) > 200
    assert [key for key in keys if unknown_to_traefik(key) is not None] == []


@pytest.mark.parametrize(
    ("label", "hint"),
    [
        ("caddy.revers_proxy", "did you mean `reverse_proxy`?"),
        ("caddy_0.1_handle_path.revers_proxy", "did you mean `reverse_proxy`?"),
        ("caddy.reverse_proxy.header_upp", "did you mean `header_up`?"),
        ("caddy.tls.interal", "below `tls` may stand: alpn"),
    ],
)
def test_an_unknown_directive_is_told_with_the_nearest_one(label: str, hint: str) -> None:
    found = unknown_to_caddy(label)
    assert found is not None
    assert found[1].startswith(hint)


@pytest.mark.parametrize(
    "label",
    [
        "caddy",
        "caddy_1",
        "caddy.@ok.path",
        "caddy.(snippet).header",
        "caddy.0_handle.1_respond",
        "caddy.basic_auth.a\\.b",
    ],
)
def test_a_known_directive_is_known(label: str) -> None:
    assert unknown_to_caddy(label) is None
