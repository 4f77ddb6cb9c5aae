"""What the model says passes, held against a real HAProxy in front of a stand-in that records what arrives."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from recording import Answer, Connection, Proxy, Recorder, address, recorder, running, strict

from stackctl.api import consumer, operation, operations
from stackctl.haproxy import Timeouts, config, stanza
from stackctl.policy import Enforced, Strict, opens
from stackctl.switches import TECNATIVA, Switches
from stackctl.verify.tricks import smuggled, spellings, tricks
from tests.scenarios.engine_room import wait_for

pytestmark = pytest.mark.engine

LIFECYCLE = dict.fromkeys(TECNATIVA.lifecycle, "1")
EVERYTHING = dict.fromkeys(TECNATIVA.switches, "1")
CONFIGURATIONS = {
    "default": {},
    "containers": {"CONTAINERS": "1"},
    "containers-post": {"CONTAINERS": "1", "POST": "1"},
    "lifecycle": {**LIFECYCLE, "POST": "0"},
    "lifecycle-post": {**LIFECYCLE, "POST": "1"},
    "everything-read": {**EVERYTHING, "POST": "0"},
    "everything": EVERYTHING,
    "words-for-numbers": {
        "EVENTS": "0",
        "PING": "no",
        "CONTAINERS": "true",
        "IMAGES": "2",
        "NETWORKS": "-1",
        "INFO": " 1",
    },
}
TRAEFIK = consumer("traefik")
assert TRAEFIK
WRITES = tuple(
    filter(
        None,
        map(
            operation,
            (
                "POST /containers/{id}/start",
                "POST /containers/{id}/exec",
                "POST /exec/{id}/start",
                "GET /containers/{id}/logs",
                "GET /containers/{id}/attach/ws",
                "GET /images/{name}/json",
                "GET /_ping",
            ),
        ),
    )
)
STRICT = {"traefik": TRAEFIK.required, "writes": frozenset(WRITES), "all": frozenset(operations())}


@dataclass(frozen=True)
class Bench:
    recorder: Recorder
    containers: dict[str, Any]

    def connection(self, proxy: str) -> Connection:
        return Connection(address(self.containers[proxy]))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("engine")
    proxies = [Proxy(name, environment) for name, environment in CONFIGURATIONS.items()]
    for name, allowed in STRICT.items():
        # The times are cut, so that a stream which outlives them proves that its own times hold.
        path = folder / f"{name}.cfg"
        path.write_text(config(allowed, timeouts=Timeouts(client=1, server=1, stream=1)))
        proxies.append(strict(f"strict-{name}", path))
    with recorder(folder / "engine.sock") as engine, running(proxies, folder / "engine.sock") as containers:
        yield Bench(engine, containers)


def probes(*, everything: bool = True) -> Iterator[tuple[str, str]]:
    """Every operation; with `everything` also with a version, HEAD twins, and methods that nobody declares."""
    for target in sorted({o.target("x1") for o in operations()}):
        declared = {o.method for o in operations() if o.target("x1") == target}
        for method in sorted(declared):
            yield method, target
        if not everything:
            continue
        for method in sorted(declared | ({"HEAD"} if "GET" in declared else set())):
            yield method, f"/v1.41{target}"
        for method in sorted({"GET", "HEAD", "PATCH", "POST", "DELETE"} - declared):
            yield method, target


def differences(bench: Bench, proxy: str, policy: Enforced, requests: list[tuple[str, str]]) -> list[str]:
    """Where the model and what arrived are not the same, and refusals that are not answered as one."""
    bench.recorder.arrived.clear()
    connection = bench.connection(proxy)
    answers = {
        f"p{n}": connection.ask(method, target, f"p{n}") for n, (method, target) in enumerate(requests)
    }
    connection.close()
    arrived = bench.recorder.by_agent()
    found = []
    for n, (method, target) in enumerate(requests):
        expected = policy.passes(method, target)
        saw = arrived.get(f"p{n}", [])
        status = answers[f"p{n}"].status
        if (
            expected != bool(saw)
            or (status == 200) != expected
            or (not expected and status not in (400, 403))
        ):
            found.append(f"{method} {target}: expected {expected}, arrived {saw}, status {status}")
    return found


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_model_of_the_switches_is_what_haproxy_does(bench: Bench, name: str) -> None:
    requests = list(probes(everything=name in ("containers", "everything")))
    assert len(requests) >= 122
    assert differences(bench, name, Switches(TECNATIVA, CONFIGURATIONS[name]), requests) == []


@pytest.mark.parametrize("name", ["containers", "everything"])
def test_the_model_of_the_switches_knows_every_spelling_of_a_path(bench: Bench, name: str) -> None:
    policy = Switches(TECNATIVA, CONFIGURATIONS[name])
    targets = [
        *spellings("/containers/json"),
        *spellings("/v1.41/images/json"),
        *smuggled("/version", "/images/json"),
        ("", "/versionX"),
        ("", "/v1.41.2.3/CONTAINERS/x/y"),
    ]
    requests = [("GET", target) for _, target in targets if is_plain(target)]
    assert differences(bench, name, policy, requests) == []


def is_plain(target: str) -> bool:
    """Whether HAProxy's parser takes it at all; whether it does is not the model's to say."""
    return "#" not in target and (target.startswith("/") or target.lower().startswith("http://docker"))


@pytest.mark.parametrize("name", STRICT)
def test_a_strict_proxy_lets_exactly_its_operations_through(bench: Bench, name: str) -> None:
    policy = Strict(STRICT[name])
    requests = list(probes())
    assert sum(policy.passes(*request) for request in requests) >= 2 * len(opens(policy))
    assert differences(bench, f"strict-{name}", policy, requests) == []


def test_a_strict_proxy_refuses_every_unclean_spelling(bench: Bench) -> None:
    policy = Strict(STRICT["traefik"])
    targets = [
        *spellings("/containers/json"),
        *spellings("/v1.41/containers/x1/json"),
        *spellings("/version"),
        *smuggled("/version", "/images/json"),
        *smuggled("/containers/x1/json", "/containers/x1/logs"),
    ]
    requests = [("GET", target) for _, target in targets]
    assert [target for _, target in requests if policy.passes("GET", target)] == []
    assert differences(bench, "strict-traefik", policy, requests) == []


@pytest.mark.parametrize("allowed", ["/containers/json", "/v1.41/containers/x1/json"])
def test_a_strict_proxy_falls_for_no_trick(bench: Bench, allowed: str) -> None:
    bench.recorder.arrived.clear()
    answers: dict[str, list[Answer]] = {}
    sent = [tricks(allowed, "/images/json", f"t{n}")[n] for n in range(len(tricks("/a", "/b", "")))]
    for trick in sent:
        answers[trick.name] = converse(bench, trick.raw, trick.answers)
    arrived = bench.recorder.by_agent()
    for number, trick in enumerate(sent):
        saw = [f"{r.method} {r.target}" for r in arrived.pop(f"t{number}", [])]
        assert set(saw) <= set(trick.arrives), trick.name
        for request in bench.recorder.arrived:
            if request.agent == f"t{number}":
                assert request.headers.keys() <= {"host", "user-agent"}, trick.name
        statuses = [answer.status for answer in answers[trick.name]]
        assert statuses.count(200) == len(saw), trick.name
        assert set(statuses) <= {200, 400, 403, 422, 501, 505}, trick.name
    assert arrived == {}


def converse(bench: Bench, raw: bytes, answers: int) -> list[Answer]:
    connection = bench.connection("strict-traefik")
    found = [connection.send(raw)]
    try:
        while len(found) < answers:
            found.append(connection.receive())
    except (OSError, AssertionError):
        pass
    connection.close()
    return found


def test_a_refusal_is_json_for_the_client_and_one_line_of_json_in_the_log(bench: Bench) -> None:
    connection = bench.connection("strict-traefik")
    answer = connection.ask("GET", '/images/json?"quoted"', 'ag"ent')
    connection.close()
    assert json.loads(answer.body) == {"message": "refused by policy: operation"}
    # An answer may be quicker than the way of its line through the Engine.
    wait_for(lambda: any('ag\\"ent' in line for line in logs(bench, "strict-traefik")))
    lines = [line for line in logs(bench, "strict-traefik") if line.startswith("{")]
    entries = [json.loads(line) for line in lines]
    assert [
        (e["method"], e["target"], e["status"], e["refused"]) for e in entries if e["agent"] == 'ag"ent'
    ] == [("GET", '/images/json?"quoted"', 403, "operation")]
    assert 200 not in {e["status"] for e in entries}, "what is allowed is not logged"
    assert {e["refused"] for e in entries if e["status"] != 403} <= {"-"}, (
        "the parser refused it before any rule"
    )


def logs(bench: Bench, proxy: str) -> list[str]:
    text: str = bench.containers[proxy].logs(stderr=False).decode()
    return text.splitlines()


def test_haproxy_has_nothing_to_warn_of(bench: Bench) -> None:
    for name in STRICT:
        said = bench.containers[f"strict-{name}"].logs(stdout=False).decode()
        assert "WARNING" not in said
        assert "ALERT" not in said


def test_events_outlive_every_timeout_and_other_streams_end_at_theirs(bench: Bench) -> None:
    bench.recorder.speaks.clear()
    events = stream(bench, "strict-traefik", "/events?silent=1")
    said = b""
    while b"hi" not in said:
        chunk = events.recv(4096)
        assert chunk
        said += chunk
    following = stream(bench, "strict-writes", "/containers/x1/logs?silent=1")
    assert b"bye" not in read_all(following), "it was cut, after longer silence than it may keep"
    # `events` has been silent for longer than that.
    bench.recorder.speaks.set()
    assert b"bye" in read_all(events)


def stream(bench: Bench, proxy: str, target: str) -> socket.socket:
    found = socket.create_connection((address(bench.containers[proxy]), 2375), 6)
    found.sendall(f"GET {target} HTTP/1.1\r\nHost: docker\r\n\r\n".encode())
    return found


def read_all(connection: socket.socket) -> bytes:
    text = b""
    with connection:
        while b"bye" not in text and (chunk := connection.recv(4096)):
            text += chunk
    return text


@pytest.mark.parametrize(
    ("request_line", "protocol"),
    [("POST /v1.41/exec/x1/start", "tcp"), ("GET /containers/x1/attach/ws", "websocket")],
)
def test_a_declared_upgrade_is_granted(bench: Bench, request_line: str, protocol: str) -> None:
    method, target = request_line.split()
    connection = bench.connection("strict-writes")
    assert upgrade(connection, method, target, protocol).status == 101
    assert connection.socket
    connection.socket.sendall(b"both ways\n")
    assert (connection.rest + connection.socket.recv(100)) == b"echo both ways\n"
    connection.close()


def upgrade(connection: Connection, method: str, target: str, protocol: str) -> Answer:
    headers = ["Connection: Upgrade", f"Upgrade: {protocol}"]
    if protocol == "websocket":
        headers += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    return connection.ask(method, target, "upgrade", headers)


@pytest.mark.parametrize(
    ("request_line", "protocol"),
    [
        ("POST /exec/x1/start", "h2c"),
        ("POST /exec/x1/start", "tcp, other"),
        ("GET /_ping", "tcp"),
        ("POST /containers/x1/start", "tcp"),
    ],
)
def test_an_upgrade_to_anything_else_is_refused(bench: Bench, request_line: str, protocol: str) -> None:
    bench.recorder.arrived.clear()
    connection = bench.connection("strict-writes")
    method, target = request_line.split()
    assert upgrade(connection, method, target, protocol).status == 403
    connection.close()
    assert bench.recorder.arrived == []


def test_only_operations_that_take_a_body_may_have_one(bench: Bench) -> None:
    """Starting a container with a body changed its configuration in old versions of the API."""
    bench.recorder.arrived.clear()
    connection = bench.connection("strict-writes")
    head = "HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    assert connection.send(f"POST /containers/x1/start {head}".encode()).status == 403
    connection.close()
    assert bench.recorder.arrived == []
    assert connection.send(f"POST /containers/x1/exec {head}".encode()).status == 200
    connection.close()
    [arrived] = bench.recorder.arrived
    assert arrived.headers["content-type"] == "application/json"


def test_the_health_endpoint_answers_inside_the_container_only(bench: Bench) -> None:
    container = bench.containers["strict-traefik"]
    test = stanza("proxy")["healthcheck"]["test"][1:]
    assert container.exec_run(test).exit_code == 0
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((address(container), 2376), 1)


def test_a_strict_proxy_stops_at_once_even_with_an_open_stream(bench: Bench) -> None:
    bench.recorder.speaks.clear()
    open_stream = stream(bench, "strict-all", "/events?silent=1")
    open_stream.recv(4096)
    container = bench.containers["strict-all"]
    began = time.monotonic()
    container.kill(stanza("proxy")["stop_signal"])
    assert container.wait(timeout=5)["StatusCode"] == 0
    assert time.monotonic() - began < 2
    open_stream.close()
    bench.recorder.speaks.set()
