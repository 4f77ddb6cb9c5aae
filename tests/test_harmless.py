"""Nothing is sent to a live Engine that could change it or hang, whoever wrote the check."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.harmless import NO_SUCH_ID, why_not
from stackctl.model import Kind, Named, OnNetwork, Published, Request, Spoke, Stack, Target

STACK = Stack(
    "home",
    tuple(
        Spoke(name, kind, {})
        for name, kind in (
            ("app", Kind.APP),
            ("docker-socket-proxy", Kind.SOCKET_PROXY),
            ("traefik", Kind.EDGE),
        )
    ),
)
PROXY = Named("docker-socket-proxy", 2375)


def sent(method: str, path: str, target: Target = PROXY, host: str = "") -> bool:
    return not why_not(STACK.spokes, Request("socket", target, method, path, host))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/version"),
        ("HEAD", "/_ping"),
        ("GET", "/v1.41/containers/json"),
        ("GET", "/containers/json?filters=%7B%22a%22%3A1%7D"),
        ("GET", "/images/json"),
        ("GET", f"/containers/{NO_SUCH_ID}/logs"),
        ("POST", "/containers/create"),
        ("POST", "/v1.41/containers/create"),
        ("POST", f"/containers/{NO_SUCH_ID}/start"),
        ("DELETE", f"/v1.41/volumes/{NO_SUCH_ID}"),
        ("PUT", f"/containers/{'f' * 64}/archive"),
    ],
)
def test_what_has_no_effect_may_be_sent(method: str, path: str) -> None:
    assert sent(method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/containers/prune"),
        ("POST", "/v1.41/swarm/leave"),
        ("POST", "/build"),
        ("POST", "/commit"),
        ("POST", "/images/create?fromImage=x"),
        ("POST", "/containers/create?name=x"),
        ("POST", "/containers/create/"),
        ("POST", "/containers/createx"),
        ("PUT", "/containers/create"),
        ("DELETE", "/containers/web"),
        ("POST", "/containers/0123456789ab/stop"),
        ("DELETE", "/containers/" + "0123456789abcdef" * 4),
        ("DELETE", "/containers/" + "0" * 63),
        ("POST", f"/plugins/{NO_SUCH_ID}/upgrade?remote=x"),
        ("POST", f"/swarm/{NO_SUCH_ID}"),
        ("POST", f"/containers/{NO_SUCH_ID}/../prune"),
        ("POST", f"//containers/{NO_SUCH_ID}/start"),
        ("GET", "/events"),
        ("GET", "/EVENTS"),
        ("GET", "/v1.41/events?since=1"),
        ("GET", "/containers/web/logs?follow=1"),
        ("GET", "/containers/web/attach/ws"),
        ("GET", "/containers/web/export"),
        ("GET", "/version/../events"),
        ("GET", "/%65vents"),
        ("GET", "//events"),
        ("OPTIONS", "/"),
        ("CONNECT", "/"),
    ],
)
def test_what_could_change_something_or_hang_is_not_sent(method: str, path: str) -> None:
    assert not sent(method, path)
    assert not sent(method, path, OnNetwork("docker-socket-proxy", "socket", 2375))
    assert not sent(method, path, Named("who-knows", 80)), "an unknown name may be an Engine"
    assert not sent(method, path, Published("traefik", 80)), "an edge may forward to an Engine"
    assert not sent(method, path, Named("app", 2375)), "an Engine's port is an Engine's"


def test_an_app_may_be_asked_what_its_page_says_but_told_nothing() -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "CONNECT", "MKCOL", "get"):
        assert not sent(method, "/login", Named("app", 80)), method
    assert not sent("DELETE", f"/photos/{NO_SUCH_ID}", Named("app", 80)), "an app may have such an id"
    assert sent("OPTIONS", "/login", Named("app", 80))
    assert sent("GET", "/events", OnNetwork("app", "proxy", 8080))


@pytest.mark.parametrize(
    ("method", "path", "host"),
    [
        ("GET", "/a HTTP/1.1\r\nHost: x\r\n\r\nDELETE /b", ""),
        ("GET", "/a b", ""),
        ("GET", "/", "a\r\nX: y"),
        ("GET\r\n", "/", ""),
        ("GET", "/ä", ""),
        ("GET", "a", ""),
        ("", "/", ""),
    ],
)
def test_no_second_request_is_smuggled_into_anything(method: str, path: str, host: str) -> None:
    assert not sent(method, path, Named("app", 80), host)


@given(st.sampled_from(["POST", "PUT", "DELETE", "PATCH"]), st.text("/abcdefz019.v%?=-", max_size=40))
def test_of_writes_only_those_without_effect_pass(method: str, tail: str) -> None:
    path = "/" + tail
    if sent(method, path):
        assert path.endswith("/containers/create") or "0" * 64 in path or "f" * 64 in path
