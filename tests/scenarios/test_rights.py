"""What only looks can do with less: what each command asks of the Engine, and a proxy that lets just that through."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.relay import Asked, Request, relay
from tests.rights_page import Row, rows
from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.recorded import recorded
from tests.scenarios.shipped import ShippedStack
from tests.scenarios.written import write

pytestmark = pytest.mark.slow

PROXY = {
    "kind": "socket-proxy",
    "networks": ["socket"],
    "volumes": ["/var/run/docker.sock:/var/run/docker.sock:ro"],
}
SLEEPS = {"entrypoint": ["python", "-c", "import signal; signal.pause()"], "stop_signal": "SIGKILL"}
CREATION = "POST /containers/create"

COMMANDS = {
    "stackctl-plan": {"plan --check": 0, "status": 0, "fingerprint --applied": 0},
    "stackctl-watch": {"status --watch --json": 0},
    # What needs a container to ask from is unreachable.
    "stackctl-verify": {"verify": 8},
    "stackctl-logs": {"logs app": 0},
    # Stand-ins are in no registry.
    "stackctl-pin": {"pin --check app": 1},
    "stackctl-export": {"export {folder}/stack.tar": 0},
}
"""With their exit codes."""
MORE = {
    "stackctl-plan": {"status --check": 8, "graph --observed": 0, "show app": 0, "version": 0},
    "stackctl-verify": {"doctor app": 8},
}
"""Those that ask no more than the others of their row."""


@pytest.fixture(scope="module")
def stack(room: EngineRoom, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShippedStack]:
    """An app, and for each consumer a proxy that serves nobody else."""
    image = room.image("docker-socket-proxy")
    spokes = {name: {**PROXY, "image": image, "policy": {"consumers": [name]}} for name in COMMANDS}
    app = {"image": room.image("python"), "networks": ["proxy"], **SLEEPS}
    stack = write(
        tmp_path_factory.mktemp("rights"),
        room.project(),
        {**spokes, "app": app},
        prober_image=room.image("python"),
    )
    done = stack.run("up", "--yes", "--no-verify")
    assert done.returncode == 0, done.stderr
    yield stack
    stack.run("down", "--yes")


@pytest.fixture
def asked() -> Iterator[Asked]:
    with relay() as asked:
        yield asked


def run(stack: ShippedStack, command: str, url: str, folder: Path) -> tuple[int, str]:
    """The exit code, and all that was said; what goes on until it is interrupted is, once it has shown something."""
    words = command.format(folder=folder).split()
    if "--watch" not in words:
        done = stack.run(*words, environ={"DOCKER_HOST": url})
        return done.returncode, done.stdout + done.stderr
    with stack.start(*words, environ={"DOCKER_HOST": url}) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    return child.returncode, first + out + err


def reading() -> Mapping[str, Row]:
    return {row.consumer: row for row in rows() if row.consumer}


def test_every_consumer_of_the_page_is_tried() -> None:
    assert reading().keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_command_asks_is_what_the_page_says(
    stack: ShippedStack, asked: Asked, tmp_path: Path, name: str
) -> None:
    for command, code in {**COMMANDS[name], **MORE.get(name, {})}.items():
        assert command.split()[0] in reading()[name].names
        assert run(stack, command, asked.url, tmp_path)[0] == code, command
    reads = recorded(request for request in asked.requests if request.reads)
    refused = recorded(request for request in asked.requests if not request.reads)
    assert reads.own == reading()[name].own
    assert reads.docker == reading()[name].docker
    assert refused.own == ({CREATION} if name == "stackctl-verify" else set())
    assert refused.docker == set()


def test_a_plan_takes_one_connection_and_one_look_at_each_container(
    stack: ShippedStack, asked: Asked
) -> None:
    """In full at first; told from memory, not even the images are looked into."""
    environ = {"DOCKER_HOST": asked.url}
    assert stack.run("plan", "--json", environ=environ).returncode == 0
    assert len(asked.connections) == 1
    lists = ["/_ping", "/containers/json", "/images/json", "/networks", "/volumes"]
    asking = [(request.method, request.path) for request in asked.requests]
    looks = [path for _, path in asking if path not in lists]
    assert {method for method, _ in asking} == {"GET"}
    assert sorted(set(asking)) == sorted(asking), "nothing is asked twice"
    assert sum(path.startswith("/containers/") for path in looks) == 1 + len(COMMANDS)
    assert sum(path.startswith("/images/") for path in looks) == 2


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_works_through_a_proxy_with_exactly_its_policy(
    stack: ShippedStack, tmp_path: Path, name: str
) -> None:
    address = stack.docker(
        "inspect",
        "--format",
        "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
        stack.container(name),
    )
    for command, code in COMMANDS[name].items():
        found, said = run(stack, command, f"tcp://{address}:2375", tmp_path)
        assert found == code, said
        if name == "stackctl-verify":
            assert "no prober" in said
            assert "✔" in said, "what is only looked at is proved"
    refused = recorded(refusals(stack, name))
    assert refused.own == ({CREATION} if name == "stackctl-verify" else set())
    assert refused.docker == set()


def refusals(stack: ShippedStack, proxy: str) -> Iterator[Request]:
    """What this proxy wrote of the requests that it refused."""
    for line in stack.docker("logs", stack.container(proxy)).splitlines():
        if '"refused":"' in line:
            told = json.loads(line)
            yield Request(told["method"], told["target"].partition("?")[0], told["agent"])


def test_what_changes_is_refused_before_the_engine_is_asked_for_anything(
    stack: ShippedStack, asked: Asked
) -> None:
    # It leads here all the same, but nothing says that it does.
    elsewhere = asked.url.replace("127.0.0.1", "0.0.0.0")
    before = stack.container_ids()
    refused = stack.run("up", "--yes", environ={"DOCKER_HOST": elsewhere})
    assert refused.returncode == 1
    assert "is not on this machine" in " ".join(refused.stderr.split())
    assert [(request.method, request.path) for request in asked.requests] == [("GET", "/_ping")]
    assert stack.container_ids() == before
