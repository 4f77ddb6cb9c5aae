"""One stack behind Caddy, broken in one way at a time; `doctor` names each of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from stackctl import ca
from stackctl.edge.caddy import RELOAD
from tests.scenarios.broken import SERVER, changed, compose, diagnosed, is_found, recreate, unhealthy, well
from tests.scenarios.edged import HASH, app, write
from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.shipped import ShippedStack

pytestmark = [pytest.mark.engine, pytest.mark.slow]

D, EDGE = "stack.localhost", "caddy"
SPOKES = {
    "web": app("web", {"host": "web", "port": 8080}),
    "twin": app("twin", {"host": "twin", "port": 8080}),
    "safe": app("safe", {"host": "safe", "port": 8080, "tls": "internal"}),
    "locked": app("locked", {"host": "locked", "port": 8080, "auth": {"basic": {"alice": HASH}}}),
    "shelf": {
        "image": "python:3.13-alpine",
        "entrypoint": ["python3", "-c", SERVER.replace("$", "$$")],
        "environment": {"LINK": "next.html"},
        "networks": ["proxy"],
        "route": [{"host": "shelf", "path": "/shelf", "strip": True, "port": 8000}],
    },
}

Json = dict[str, Any]


@pytest.fixture(scope="module")
def whole(room: EngineRoom, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShippedStack]:
    stack = write(tmp_path_factory.mktemp("whole"), room.project(), EDGE, "files", SPOKES)
    up = stack.run("up", "--yes", "--allow-exposure", "--no-verify")
    assert up.returncode == 0, up.stdout + up.stderr
    yield stack
    stack.run("down", "--yes")


@contextmanager
def configured(stack: ShippedStack, change: Callable[[Json], None]) -> Iterator[None]:
    """Caddy has read something else than was rendered."""
    path = stack.root / "rendered" / EDGE / "caddy.json"
    sound = path.read_text()
    config = json.loads(sound)
    change(config)
    path.write_text(json.dumps(config))
    try:
        stack.docker("exec", stack.container(EDGE), *RELOAD)
        yield
    finally:
        path.write_text(sound)
        stack.docker("exec", stack.container(EDGE), *RELOAD)


def routes_of(config: Json, name: str, server: str = "web") -> list[Json]:
    """The routes of that server that match one host."""
    routes = config["apps"]["http"]["servers"][server]["routes"]
    return [route for route in routes if f"{name}.{D}" in route.get("match", [{}])[0].get("host", ())]


@pytest.mark.parametrize("spoke", SPOKES)
def test_a_sound_stack_is_reachable(whole: ShippedStack, spoke: str) -> None:
    found = diagnosed(whole, spoke)
    assert found["broken"] == "", found
    asked = {link["check"]["code"] for link in found["links"]}
    assert {"CK304", "CK305", "CK315", "CK317", "CK318"} <= asked
    wanted = {"safe": {"CK307", "CK308"}, "locked": {"CK309"}, "shelf": {"CK316"}}
    assert wanted.get(spoke, {"CK306", "CK301"}) <= asked


def test_a_route_that_caddy_has_not_read(whole: ShippedStack) -> None:
    def forget(config: Json) -> None:
        routes_of(config, "web")[0]["match"][0]["host"] = [f"other.{D}"]

    with configured(whole, forget):
        is_found(whole, "CK305", "as it does for a name that nobody declared", "web")


def test_a_route_that_leads_to_another_app(whole: ShippedStack) -> None:
    def mislead(config: Json) -> None:
        routes_of(config, "web")[0]["handle"] = routes_of(config, "twin")[0]["handle"]

    with configured(whole, mislead):
        is_found(whole, "CK306", "does not call", "web")


def test_a_login_that_is_only_stated(whole: ShippedStack) -> None:
    def let_in(config: Json) -> None:
        routes_of(config, "locked")[0]["handle"] = routes_of(config, "twin")[0]["handle"]

    with configured(whole, let_in):
        is_found(whole, "CK309", "answered 200, not 401", "locked")


def test_no_redirect_to_https(whole: ShippedStack) -> None:
    def stay(config: Json) -> None:
        routes_of(config, "safe")[0]["handle"] = routes_of(config, "twin")[0]["handle"]

    with configured(whole, stay):
        is_found(whole, "CK308", "answered 200 instead of leading to https", "safe")


def test_a_redirect_to_a_port_of_the_container(whole: ShippedStack) -> None:
    def inside(config: Json) -> None:
        [answer] = routes_of(config, "safe")[0]["handle"]
        answer["headers"]["Location"] = ["https://{http.request.host}:8443{http.request.uri}"]

    with configured(whole, inside):
        is_found(whole, "CK308", f"leads to https://safe.{D}:8443/", "safe")


def test_a_certificate_of_nobody_known(whole: ShippedStack) -> None:
    host, other = f"safe.{D}", whole.root / "other"
    (other / ".stackctl").mkdir(parents=True)
    ca.serve(other, "other", D, [host], datetime.now(UTC), "", owners=False)
    files = [whole.root / ".stackctl" / "tls" / f"{host}.{ending}" for ending in ("pem", "key")]
    sound = {path: path.read_bytes() for path in files}
    try:
        for path in files:
            path.write_bytes((other / ".stackctl" / "tls" / path.name).read_bytes())
        whole.docker("exec", whole.container(EDGE), *RELOAD)
        is_found(whole, "CK307", "its certificate does not hold", "safe")
    finally:
        for path, content in sound.items():
            path.write_bytes(content)
        whole.docker("exec", whole.container(EDGE), *RELOAD)


def test_a_spoke_that_left_the_proxy_network(whole: ShippedStack) -> None:
    whole.docker("network", "disconnect", f"{whole.name}_proxy", whole.container("web"))
    try:
        is_found(whole, "CK304", "no network", "web")
    finally:
        recreate(whole, "web")
        well(whole, "web")


def test_an_app_on_another_port(whole: ShippedStack) -> None:
    other = SERVER.replace("8000", "8001").replace("$", "$$")
    with changed(whole, "shelf", entrypoint=["python3", "-c", other]):
        is_found(whole, "CK315", "it listens on 8001", "shelf")


def test_an_app_on_its_loopback_alone(whole: ShippedStack) -> None:
    loopback = SERVER.replace('("", 8000)', '("127.0.0.1", 8000)').replace("$", "$$")
    with changed(whole, "shelf", entrypoint=["python3", "-c", loopback]):
        is_found(whole, "CK315", "inside its own container", "shelf")


def test_links_that_leave_the_path(whole: ShippedStack) -> None:
    with changed(whole, "shelf", environment={"LINK": "/next.html"}):
        is_found(whole, "CK316", "/next.html, outside /shelf/", "shelf")


def test_an_unhealthy_app(whole: ShippedStack) -> None:
    """Caddy routes to it all the same, and so only its health tells."""
    health = {"test": ["CMD", "false"], "interval": "1s", "start_period": "0s", "retries": 1}
    with changed(whole, "web", healthcheck=health):
        unhealthy(whole, "web")
        is_found(whole, "CK102", "unhealthy", "web")


def test_an_app_that_does_not_run(whole: ShippedStack) -> None:
    whole.docker("stop", "-t", "0", whole.container("web"))
    try:
        is_found(whole, "CK101", "stopped", "web")
    finally:
        compose(whole, "start", "web")
        well(whole, "web")


def test_an_edge_that_does_not_run(whole: ShippedStack) -> None:
    whole.docker("stop", "-t", "0", whole.container(EDGE))
    try:
        is_found(whole, "CK101", "stopped", "web")
    finally:
        compose(whole, "start", EDGE)
        well(whole, EDGE)


def test_an_edge_whose_health_nobody_answers(whole: ShippedStack) -> None:
    path = whole.root / "rendered" / EDGE / "caddy.json"
    sound = path.read_text()
    path.write_text(json.dumps(json.loads(sound) | {"admin": {"disabled": True}}))
    try:
        with changed(whole, EDGE, healthcheck={"interval": "1s", "start_period": "1s", "retries": 1}):
            unhealthy(whole, EDGE)
            is_found(whole, "CK102", "unhealthy", "web")
            path.write_text(sound)
    finally:
        path.write_text(sound)


def test_an_edge_on_internal_networks_alone(whole: ShippedStack) -> None:
    """The network is there already, so it is taken away and another one put in its place."""
    inner, container = f"{whole.name}_inner", whole.container(EDGE)
    (whole.root / "broken.yml").write_text(
        f"services:\n  {EDGE}:\n    networks: !override {{inner: {{}}}}\nnetworks:\n  inner: {{internal: true}}\n"
    )
    try:
        recreate(whole, EDGE, "broken.yml")
        well(whole, EDGE)
        is_found(whole, "CK318", "internal", "web")
    finally:
        recreate(whole, EDGE)
        well(whole, EDGE)
        whole.docker("network", "rm", inner)
    assert whole.container(EDGE) != container


def test_administration_that_apps_can_reach(whole: ShippedStack) -> None:
    """`verify` asks for it, as nobody is unreachable for that."""
    path = whole.root / "rendered" / EDGE / "caddy.json"
    sound = path.read_text()
    path.write_text(json.dumps(json.loads(sound) | {"admin": {"listen": ":2019"}}))
    try:
        with changed(whole, EDGE):
            well(whole, EDGE)
            results = whole.json("verify", EDGE)["results"]
            failed = {r["check"]["title"]: r["saw"] for r in results if r["outcome"] == "failed"}
            [saw] = [saw for title, saw in failed.items() if "its port 2019" in title]
            assert "where it must not be reachable" in saw
            path.write_text(sound)
    finally:
        path.write_text(sound)


def test_an_edge_that_was_never_started(room: EngineRoom, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Its log, to which nobody wrote, is not where to look."""
    stack = write(tmp_path_factory.mktemp("never"), room.project(), EDGE, "files", SPOKES)
    assert stack.run("render").returncode == 0
    found = diagnosed(stack, "web")
    assert (found["broken"], found["saw"]) == ("CK101", "there is no container")
    assert found["fix"] == "`stackctl up caddy` makes its container and starts it"
