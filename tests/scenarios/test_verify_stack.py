"""verify against a running stack: each claim holds on a right one, and what breaks a claim turns it red."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stackctl.engine import Engine
from stackctl.events import Checked, Finished, Started
from stackctl.model import (
    Check,
    Expect,
    Named,
    Outcome,
    Published,
    Request,
)
from tests.scenarios.engine_room import EngineRoom, wait_for
from tests.scenarios.probed import (
    SOCKET,
    ProbedStack,
    not_held,
    of,
    outcomes,
    outsider,
    running,
)

pytestmark = pytest.mark.engine

PASSED, FAILED, UNREACHABLE = Outcome.PASSED, Outcome.FAILED, Outcome.UNREACHABLE
PROXY = "docker-socket-proxy"


@pytest.fixture(scope="module")
def right(room: EngineRoom, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProbedStack]:
    with running(room, tmp_path_factory.mktemp("right")) as probed:
        yield probed


def test_everything_holds_on_a_right_stack(right: ProbedStack) -> None:
    events = right.events()
    assert [type(event) for event in events[:2]] == [Started, Finished]
    results = [event.result for event in events[2:] if isinstance(event, Checked)]
    assert not_held(results) == {}
    assert {r.check.code for r in results if r.outcome is PASSED} >= {
        *("CK101", "CK102", "CK103", "CK104", "CK201", "CK202", "CK203", "CK301", "CK302"),
    }
    assert of(results, "CK201") == [(PASSED, "answered 403")]


def test_the_host_reaches_an_internal_network_and_is_told_so(right: ProbedStack) -> None:
    ((outcome, saw),) = of(right.verify(), "CK205")
    assert outcome is FAILED
    assert "any local account can reach" in saw
    assert ":2375" in saw


def test_checks_of_a_page(right: ProbedStack) -> None:
    host = right.stack.spoke("whoami").routes[0].hosts[0]
    answer = Check(
        "CK401",
        "whoami",
        "names its container",
        Request("", Published("traefik", 80), "GET", "/", host),
        Expect(frozenset({200}), names_container="whoami"),
    )
    wrong = replace(answer, title="is somebody else", expect=Expect(names_container=PROXY))
    by_name = replace(answer, title="by its name in a URL", look=Request("", Named(host, 80)))
    creation = Check(
        "CK401",
        PROXY,
        "Verify Restrictions",
        Request("socket", Named(PROXY, 2375), "POST", "/containers/create"),
        Expect(frozenset({403})),
    )
    prune = replace(creation, title="prune", look=replace(creation.look, path="/containers/prune"))  # type: ignore[type-var]
    spokes = tuple(
        replace(s, checks={"whoami": (answer, wrong, by_name), PROXY: (creation, prune)}.get(s.name, ()))
        for s in right.stack.spokes
    )
    results = replace(right, stack=replace(right.stack, spokes=spokes)).verify()
    assert of(results, "CK201") == [(PASSED, "answered 403")], "stated by the page, so asked once"
    own = {r.check.title: (r.outcome, r.saw) for r in results if r.check.code == "CK401"}
    assert own["names its container"][0] is PASSED
    assert own["is somebody else"][0] is FAILED
    assert own["by its name in a URL"][0] is PASSED
    assert own["prune"][0] is UNREACHABLE
    assert "not safe to send" in own["prune"][1]


def test_a_stopped_proxy_refuses_nothing(room: EngineRoom, tmp_path: Path) -> None:
    with running(room, tmp_path) as probed:
        probed.compose("stop", "-t", "0", PROXY)
        results = probed.verify()
        assert outcomes(results, "CK101", PROXY) == {FAILED}
        assert outcomes(results, "CK201") == {UNREACHABLE}
        assert outcomes(results, "CK202") == {UNREACHABLE}
        assert outcomes(results, "CK205") == {UNREACHABLE}
        assert "docker-socket-proxy does not run" in of(results, "CK201")[0][1]


def test_a_paused_proxy_refuses_nothing(room: EngineRoom, tmp_path: Path) -> None:
    with running(room, tmp_path) as probed:
        probed.compose("pause", PROXY)
        assert outcomes(probed.verify(), "CK201") == {UNREACHABLE}
        probed.compose("unpause", PROXY)


def test_a_proxy_that_lets_writes_through(room: EngineRoom, tmp_path: Path) -> None:
    def open_up(services: dict[str, Any]) -> None:
        services[PROXY]["environment"]["POST"] = "1"

    with running(room, tmp_path, open_up) as probed:
        results = probed.verify()
        assert not_held(results) == {
            f"{code} {PROXY}": FAILED for code in ("CK201", "CK210", "CK211", "CK213")
        }
        ((_, saw),) = of(results, "CK201")
        # 400, or 500 from older Engines; both mean that only the missing body kept it from acting.
        assert re.fullmatch(r"answered (400|500) from Docker: the request reached the daemon", saw)


def test_a_proxy_that_also_sits_on_the_network_of_the_apps(right: ProbedStack) -> None:
    network, container = right.network("proxy"), right.container(PROXY)
    right.room.docker("network", "connect", "--alias", PROXY, network, container)
    try:
        results = right.verify()
    finally:
        right.room.docker("network", "disconnect", network, container)
    assert not_held(results) == {f"CK103 {PROXY}": FAILED, f"CK202 {PROXY}": FAILED}
    assert f"also sits on {network}" in of(results, "CK103", PROXY)[0][1]


@pytest.mark.parametrize("source", [SOCKET, "/run"])
def test_another_spoke_that_holds_the_socket(right: ProbedStack, source: str) -> None:
    def mount(services: dict[str, Any]) -> None:
        services["whoami"]["volumes"] = [
            {"type": "bind", "source": source, "target": "/x", "read_only": True}
        ]

    with right.changed(mount):
        results = right.verify()
    assert not_held(results) == {f"CK203 {PROXY}": FAILED}
    assert right.container("whoami") in of(results, "CK203")[0][1]


def test_a_holder_of_the_socket_outside_the_stack_is_a_warning(right: ProbedStack) -> None:
    with outsider(right.room, "-v", f"{SOCKET}:/x.sock:ro") as name:
        results = right.verify()
    # Other containers of this Engine may hold the socket too, and are named as well.
    (found,) = [r for r in results if r.check.code == "CK204" and name in r.saw]
    assert found.outcome is FAILED
    assert found.holds


def test_a_stopped_edge(room: EngineRoom, tmp_path: Path) -> None:
    with running(room, tmp_path) as probed:
        probed.compose("stop", "-t", "0", "traefik")
        began = time.monotonic()
        results = probed.verify(settle=200.0)
        assert outcomes(results, "CK301") == {UNREACHABLE}
        assert outcomes(results, "CK302") == {UNREACHABLE}
        assert "traefik does not run" in of(results, "CK301")[0][1]
        assert time.monotonic() - began < 100, "nobody waits for an edge that does not run"


def test_the_edges_own_404_is_no_route(right: ProbedStack) -> None:
    def unroute(services: dict[str, Any]) -> None:
        services["whoami"]["labels"]["traefik.enable"] = "false"

    with right.changed(unroute):
        # The edge takes a while to forget the route.
        results = wait_for(
            lambda: told if FAILED in outcomes(told := right.verify(settle=0.0), "CK301") else []
        )
    assert of(results, "CK301") == [(FAILED, "answered 404, but the container itself answers 200")]
    assert outcomes(results, "CK302") == {UNREACHABLE}, "an edge without routes refuses everything"


def test_a_route_to_the_wrong_port(right: ProbedStack) -> None:
    def misroute(services: dict[str, Any]) -> None:
        services["whoami"]["labels"][
            f"traefik.http.services.{right.name}-whoami.loadbalancer.server.port"
        ] = "81"

    with right.changed(misroute):
        results = right.verify(settle=1.0)
    assert outcomes(results, "CK301") == {FAILED}


TELLS = """
from http.server import BaseHTTPRequestHandler, HTTPServer

class Tells(BaseHTTPRequestHandler):
    def do_GET(self):
        text = f"for {self.headers['X-Forwarded-For']} at {self.headers['X-Forwarded-Host']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

HTTPServer(("", 80), Tells).serve_forever()
"""


def test_an_app_that_shows_what_an_edge_adds_is_no_other(right: ProbedStack) -> None:
    def tell(services: dict[str, Any]) -> None:
        image = right.room.image("python")
        services["whoami"].update(image=image, entrypoint=["python3", "-c", TELLS], init=True)

    with right.changed(tell):
        results = right.verify()
    ((outcome, saw),) = of(results, "CK301")
    assert (outcome, "status alone" in saw) == (PASSED, True), saw


def test_a_route_that_the_edge_learns_of_late_passes(right: ProbedStack) -> None:
    right.compose("stop", "-t", "0", "whoami")
    right.compose("start", "whoami")
    assert not_held(right.verify()) == {}


def test_an_edge_that_answers_to_every_name(right: ProbedStack) -> None:
    def catch_all(services: dict[str, Any]) -> None:
        services["whoami"]["labels"][f"traefik.http.routers.{right.name}-whoami.rule"] = "PathPrefix(`/`)"

    with right.changed(catch_all):
        results = right.verify(settle=1.0)
    assert outcomes(results, "CK302") == {FAILED}


def test_a_stranger_who_goes_by_the_name_of_the_proxy(right: ProbedStack) -> None:
    """Both answer to the name, and Docker's DNS gives either."""
    idle = ("--network", right.network("socket"), "--network-alias", PROXY)
    with outsider(right.room, *idle):
        for _ in range(3):
            assert outcomes(right.verify(), "CK201") <= {PASSED, UNREACHABLE}


def test_without_a_prober_image_nothing_is_claimed(right: ProbedStack) -> None:
    results = right.verify("stackctl.local/no-such-prober:1")
    assert outcomes(results, "CK101") == {PASSED}
    assert outcomes(results, "CK203") == {PASSED}
    for code in ("CK201", "CK202", "CK301", "CK302"):
        assert outcomes(results, code) == {UNREACHABLE}
    assert "the image stackctl.local/no-such-prober:1 is not on this host" in of(results, "CK201")[0][1]
    assert "names no prober_image" in of(right.verify(""), "CK201")[0][1]


def test_a_prober_image_without_python(right: ProbedStack) -> None:
    ((outcome, saw),) = of(right.verify(right.room.image("whoami")), "CK201")
    assert outcome is UNREACHABLE
    assert "python3" in saw


def test_an_image_that_cannot_be_pulled_is_announced_and_named(right: ProbedStack) -> None:
    events = right.events("127.0.0.1:1/no-such-prober:1")
    step = "pull the prober image 127.0.0.1:1/no-such-prober:1"
    assert [type(event) for event in events if getattr(event, "step", "") == step] == [Started, Finished]
    results = [event.result for event in events if isinstance(event, Checked)]
    assert outcomes(results, "CK201") == {UNREACHABLE}
    assert "cannot be pulled" in of(results, "CK201")[0][1]


def test_without_the_right_to_create_containers_nothing_is_claimed(right: ProbedStack) -> None:
    """The Engine is read through the stack's own socket proxy."""
    said = right.room.docker(
        "inspect",
        "-f",
        "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
        right.container(PROXY),
    )
    with Engine.connect({"DOCKER_HOST": f"tcp://{said.strip()}:2375"}) as engine:
        results = right.verify(engine=engine)
    assert outcomes(results, "CK101") == {PASSED}
    assert outcomes(results, "CK201") == {UNREACHABLE}
    assert "403" in of(results, "CK201")[0][1]
