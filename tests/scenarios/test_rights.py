"""What only looks can do with less: what each command asks of the Engine, and a proxy that lets just that through."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stackctl import api
from tests.relay import Asked, relay
from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.shipped import ShippedStack
from tests.scenarios.written import write

pytestmark = pytest.mark.slow

PROXY = {
    "kind": "socket-proxy",
    "networks": ["socket"],
    "volumes": ["/var/run/docker.sock:/var/run/docker.sock:ro"],
}
SLEEPS = {"entrypoint": ["python", "-c", "import signal; signal.pause()"], "stop_signal": "SIGKILL"}
COMMANDS = {
    "stackctl-plan": (("plan", "--check"), ("status",), ("fingerprint", "--applied")),
    "stackctl-verify": (("verify",),),
}


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


def operations(asked: Asked) -> set[str]:
    """The reads as the Engine routes them; a write was refused."""
    found = set()
    for method, path in asked.requests:
        if method in ("GET", "HEAD"):
            [operation] = [o for o in api.operations() if o.matches(method, path)]
            found.add(str(operation))
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_command_asks_is_what_its_policy_says(stack: ShippedStack, asked: Asked, name: str) -> None:
    for words in COMMANDS[name]:
        stack.run(*words, environ={"DOCKER_HOST": asked.url})
    consumer = api.consumer(name)
    assert consumer is not None
    assert operations(asked) == {str(operation) for operation in consumer.required}


def test_a_plan_takes_one_connection_and_one_look_at_each_container(
    stack: ShippedStack, asked: Asked
) -> None:
    """In full at first; told from memory, not even the images are looked into."""
    environ = {"DOCKER_HOST": asked.url}
    assert stack.run("plan", "--json", environ=environ).returncode == 0
    assert len(asked.connections) == 1
    lists = ["/_ping", "/containers/json", "/images/json", "/networks", "/volumes"]
    looks = [path for _, path in asked.requests if path not in lists]
    assert {method for method, _ in asked.requests} == {"GET"}
    assert sorted(set(asked.requests)) == sorted(asked.requests), "nothing is asked twice"
    assert sum(path.startswith("/containers/") for path in looks) == 3
    assert sum(path.startswith("/images/") for path in looks) == 2


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_works_through_a_proxy_with_exactly_its_policy(stack: ShippedStack, name: str) -> None:
    inspect = stack.docker(
        "inspect",
        "--format",
        "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
        stack.container(name),
    )
    environ = {"DOCKER_HOST": f"tcp://{inspect}:2375"}
    for words in COMMANDS[name]:
        done = stack.run(*words, environ=environ)
        if name == "stackctl-plan":
            assert done.returncode == 0, done.stdout + done.stderr
        else:
            assert done.returncode == 8, "what needs a container to ask from is unreachable, and says why"
            assert "no prober" in done.stdout
            assert "✔" in done.stdout, "what is only looked at is proved"
    refused = stack.run("up", "--yes", environ=environ)
    assert refused.returncode != 0
