"""One stack with Traefik as it is shipped, broken in one way at a time; `doctor` names each of them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.scenarios.broken import SERVER, changed, compose, diagnosed, is_found, recreate, unhealthy, well
from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.shipped import ShippedStack, ship

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PROXY, EDGE, APP = "docker-socket-proxy", "traefik", "whoami"
PYTHON = "python:3.13-alpine@sha256:399babc8b49529dabfd9c922f2b5eea81d611e4512e3ed250d75bd2e7683f4b0"


@pytest.fixture(scope="module")
def whole(room: EngineRoom, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShippedStack]:
    """The shipped stack and an app below a path, all of it up."""
    root = tmp_path_factory.mktemp("whole")
    stack = ship(root, room.project())
    shelf = {
        "kind": "app",
        "image": PYTHON,
        "profiles": ["core"],
        "entrypoint": ["python3", "-c", SERVER.replace("$", "$$")],
        "user": "65534:65534",
        "environment": {"LINK": "next.html"},
        "route": [{"host": "shelf.stack.localhost", "path": "/shelf", "strip": True, "port": 8000}],
    }
    (root / "spokes" / "shelf.yaml").write_text(json.dumps(shelf))
    local = json.loads((root / "stack.local.yaml").read_text())
    local["images"] = {**local.get("images", {}), "shelf": room.image("python")}
    (root / "stack.local.yaml").write_text(json.dumps(local))
    up = stack.run("up", "--profile", "core", "--yes")
    assert up.returncode == 0, up.stdout + up.stderr
    yield stack
    stack.run("down", "--yes")


@contextmanager
def labelled(stack: ShippedStack, **labels: str) -> Iterator[None]:
    with changed(stack, APP, labels={key: value.replace("$", "$$") for key, value in labels.items()}):
        yield


def test_a_sound_stack_is_reachable(whole: ShippedStack) -> None:
    assert diagnosed(whole, APP)["broken"] == ""
    found = diagnosed(whole, "shelf")
    assert found["broken"] == ""
    assert "CK316" in {link["check"]["code"] for link in found["links"]}


def test_a_name_that_only_browsers_resolve_is_a_warning(whole: ShippedStack) -> None:
    found = diagnosed(whole, APP)
    (link,) = [link for link in found["links"] if link["check"]["code"] == "CK317"]
    known = resolves("whoami.stack.localhost")
    assert (link["check"]["severity"], link["outcome"]) == ("warning", "passed" if known else "failed")
    assert found["broken"] == ""
    assert [hint.partition(" ")[0] for hint in found["hints"]] == ([] if known else ["`curl"])


def resolves(name: str) -> bool:
    try:
        return bool(socket.getaddrinfo(name, 80))
    except socket.gaierror:
        return False


LABELS: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "not shown to the edge": ("CK303", "traefik.enable", {"traefik.enable": "false"}),
    "an unknown key": ("CK312", "`prot`", {"traefik.http.services.x.loadbalancer.server.prot": "80"}),
    "a network by its alias": ("CK311", "`proxy`", {"traefik.docker.network": "proxy"}),
    "two services, no link": (
        "CK314",
        "cannot be linked automatically",
        {
            "traefik.http.services.one.loadbalancer.server.port": "80",
            "traefik.http.routers.{name}.service": "",
        },
    ),
    "several values in a matcher": (
        "CK314",
        "unexpected number of parameters",
        {"traefik.http.routers.{name}.rule": "Host(`a.b`, `c.d`)"},
    ),
    "a pattern of Traefik 2": (
        "CK303",
        "HostRegexp",
        {"traefik.http.routers.{name}.rule": "HostRegexp(`{sub:[a-z]+}.stack.localhost`)"},
    ),
    "single quotes": (
        "CK314",
        "{name}",
        {"traefik.http.routers.{name}.rule": "Host('whoami.stack.localhost')"},
    ),
    "an entry point that is not there": (
        "CK314",
        "nowhere",
        {"traefik.http.routers.{name}.entrypoints": "nowhere"},
    ),
    "a middleware that is not there": (
        "CK314",
        "nobody@docker",
        {"traefik.http.routers.{name}.middlewares": "nobody"},
    ),
    "TLS on the plain entry point": ("CK303", ".tls", {"traefik.http.routers.{name}.tls": "true"}),
}


@pytest.mark.parametrize("row", LABELS)
def test_a_fault_in_labels_is_named(whole: ShippedStack, row: str) -> None:
    code, says, labels = LABELS[row]
    name = f"{whole.name}-{APP}"
    with labelled(whole, **{key.replace("{name}", name): value for key, value in labels.items()}):
        is_found(whole, code, says.replace("{name}", name), APP)


def test_a_port_that_nobody_states(whole: ShippedStack, room: EngineRoom) -> None:
    """The stand-in for Python exposes none, and so Traefik finds none."""
    service = f"traefik.http.services.{whole.name}-shelf.loadbalancer.server.port"
    with changed(whole, "shelf", labels={service: ""}):
        is_found(whole, "CK314", "port is missing", "shelf")


@contextmanager
def beside(stack: ShippedStack, room: EngineRoom, **labels: str) -> Iterator[None]:
    """A container of the same project that no page describes."""
    own = {"com.docker.compose.project": stack.name, "com.docker.compose.service": "stranger", **room.labels}
    words = [f"--label={key}={value}" for key, value in {**own, **labels}.items()]
    name = f"{stack.name}-stranger"
    room.docker("run", "-d", "--name", name, "--network", f"{stack.name}_proxy", *words, room.image("whoami"))
    try:
        yield
    finally:
        room.docker("rm", "-f", name)


@pytest.mark.parametrize(
    ("label", "value", "says"),
    [
        ("routers.{name}.rule", "Host(`other.stack.localhost`)", "drops both"),
        ("services.{name}.loadbalancer.server.port", "80", "half of the requests"),
        ("routers.another.rule", "Host(`whoami.stack.localhost`)", "either may win"),
    ],
)
def test_another_container_takes_its_names(
    whole: ShippedStack, room: EngineRoom, label: str, value: str, says: str
) -> None:
    key = f"traefik.http.{label.replace('{name}', f'{whole.name}-{APP}')}"
    with beside(whole, room, **{"traefik.enable": "true", key: value}):
        is_found(whole, "CK313", says, APP)


def test_a_spoke_that_left_the_proxy_network(whole: ShippedStack) -> None:
    network, container = f"{whole.name}_proxy", whole.container(APP)
    whole.docker("network", "disconnect", network, container)
    try:
        is_found(whole, "CK304", "no network", APP)
    finally:
        recreate(whole, APP)


def test_an_app_on_another_port(whole: ShippedStack) -> None:
    with changed(whole, APP, command=["--port", "81"]):
        is_found(whole, "CK315", "it listens on 81", APP)


def test_an_app_on_its_loopback_alone(whole: ShippedStack) -> None:
    loopback = SERVER.replace('("", 8000)', '("127.0.0.1", 8000)').replace("$", "$$")
    with changed(whole, "shelf", entrypoint=["python3", "-c", loopback]):
        is_found(whole, "CK315", "inside its own container", "shelf")


def test_links_that_leave_the_path(whole: ShippedStack) -> None:
    with changed(whole, "shelf", environment={"LINK": "/next.html"}):
        is_found(whole, "CK316", "/next.html, outside /shelf/", "shelf")


def test_an_unhealthy_app(whole: ShippedStack) -> None:
    health = {"test": ["CMD", "false"], "interval": "1s", "retries": 1}
    with changed(whole, "shelf", healthcheck=health):
        unhealthy(whole, "shelf")
        is_found(whole, "CK101", "healthcheck of its image fails", "shelf")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("_ping", "HEAD /_ping"),
        ("version", "GET /version"),
        ("containers/json", "GET /containers/json"),
        ("{0,254}/json", "GET /containers/{id}/json"),
        ("events", "GET /events"),
    ],
)
def test_a_call_that_the_socket_proxy_refuses(whole: ShippedStack, call: str, says: str) -> None:
    path = whole.root / "rendered" / PROXY / "haproxy.cfg"
    sound = path.read_text()
    lines = sound.splitlines(keepends=True)
    path.write_text(
        "".join(line for line in lines if not ("set-var(txn.way)" in line and f"{call}$" in line))
    )
    assert path.read_text() != sound
    try:
        compose(whole, "restart", "-t", "0", PROXY)
        well(whole, PROXY)
        found = diagnosed(whole, APP)
        assert found["broken"] == "CK320", found
        assert says in found["links"][-1]["check"]["title"]
    finally:
        path.write_text(sound)
        compose(whole, "restart", "-t", "0", PROXY)
        well(whole, PROXY)


def test_a_socket_proxy_that_was_killed(whole: ShippedStack) -> None:
    whole.docker("kill", whole.container(PROXY))
    try:
        is_found(whole, "CK101", "exit code 137: it was killed", APP)
        said = whole.run("doctor", APP).stdout
        assert f"the chain to {APP} is broken at link 1" in said
        assert f"`stackctl up {PROXY}` starts it again" in said
    finally:
        compose(whole, "start", PROXY)
        well(whole, PROXY)


def test_a_socket_proxy_that_may_not_open_the_socket(whole: ShippedStack) -> None:
    with changed(whole, PROXY, user="65534:65534"):
        unhealthy(whole, PROXY)
        is_found(whole, "CK102", "unhealthy", APP)


def test_an_edge_with_another_endpoint(whole: ShippedStack) -> None:
    """The variable wins over the setting, and the edge stays healthy."""
    with changed(whole, EDGE, environment={"DOCKER_HOST": "tcp://nowhere:2375"}):
        well(whole, EDGE)
        recreate(whole, APP)
        is_found(whole, "CK319", "nowhere", APP)


def test_an_edge_on_internal_networks_alone(whole: ShippedStack) -> None:
    (whole.root / "broken.yml").write_text(
        f"services:\n  {EDGE}:\n    networks: !override {{socket: {{}}}}\n"
    )
    try:
        recreate(whole, EDGE, "broken.yml")
        well(whole, EDGE)
        is_found(whole, "CK318", "internal", APP)
    finally:
        recreate(whole, EDGE)
        well(whole, EDGE)


def test_an_edge_whose_health_nobody_answers(whole: ShippedStack) -> None:
    """Its own words: the healthcheck asks for a ping that its settings do not switch on."""
    path = whole.root / "rendered" / EDGE / "traefik.yml"
    sound = path.read_text()
    path.write_text(sound.replace("ping:\n  entryPoint: ping\n", ""))
    assert path.read_text() != sound
    try:
        with changed(whole, EDGE, healthcheck={"interval": "1s", "start_period": "1s", "retries": 1}):
            unhealthy(whole, EDGE)
            is_found(whole, "CK102", "unhealthy", APP)
            path.write_text(sound)
    finally:
        path.write_text(sound)


def test_an_app_that_does_not_run(whole: ShippedStack) -> None:
    whole.docker("stop", "-t", "0", whole.container(APP))
    try:
        is_found(whole, "CK101", "stopped", APP)
    finally:
        compose(whole, "start", APP)
        well(whole, APP)


def test_an_edit_that_was_not_applied(whole: ShippedStack) -> None:
    manifest = whole.root / "spokes" / "shelf.yaml"
    sound = manifest.read_text()
    stated = json.loads(sound)
    stated["route"][0]["port"] = 8001
    manifest.write_text(json.dumps(stated))
    try:
        found = diagnosed(whole, "shelf")
        assert found["broken"] == "CK315"
        assert found["fix"].startswith("the files were changed and not applied: `stackctl up shelf`; else ")
    finally:
        manifest.write_text(sound)


def test_a_spoke_without_a_route(whole: ShippedStack) -> None:
    """Each of these is sound without one; an app that lacks one has a case of its own."""
    proxy, edge = diagnosed(whole, PROXY), diagnosed(whole, EDGE)
    assert (proxy["broken"], edge["broken"]) == ("", "")
    assert "only by its consumers" in proxy["unrouted"]
    assert {link["check"]["spoke"] for link in proxy["links"]} == {PROXY}


def test_without_an_engine(whole: ShippedStack) -> None:
    done = whole.run("doctor", APP, environ={"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    assert done.returncode == 8
    assert "CK321" in done.stdout


def test_with_broken_files(whole: ShippedStack, tmp_path: Path) -> None:
    bad = whole.root / "spokes" / "bad.yaml"
    bad.write_text("image: [\n")
    try:
        done = whole.run("doctor", APP)
        assert done.returncode == 8
        assert "CK322" in done.stdout
        assert "spokes/bad.yaml" in done.stdout
    finally:
        bad.unlink()
