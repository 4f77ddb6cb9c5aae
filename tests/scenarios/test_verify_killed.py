"""However a run ends, its probers go: by itself, interrupted, terminated, or killed without a chance."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackctl.engine import Engine
from stackctl.throwaway_labels import OWNER_LABEL, RUN_LABEL
from stackctl.verify import throwaway
from tests.scenarios.engine_room import EngineRoom, wait_for
from tests.scenarios.probed import probers

pytestmark = [pytest.mark.engine, pytest.mark.slow]

# Asks who takes a connection and never answers, so that it is still waiting when the signal comes.
ASKS = """
import sys
from stackctl.engine import Engine
from stackctl.verify import throwaway, vantage

stack, image, silent = sys.argv[1:]
job = vantage.Job("0.0", "0", "GET", silent, 9, "/", "", 100.0)
with Engine.connect() as engine:
    vantage.ask([], {"bridge": [job]}, throwaway.Probing(engine.sdk(), image, stack))
"""


LISTENS = (
    "import signal, socket; s = socket.create_server(('', 9)); print('there', flush=True); signal.pause()"
)


@pytest.fixture(scope="module")
def silent(room: EngineRoom) -> str:
    """The address of a container that takes connections and answers nothing; gone with the module."""
    labels = [f"--label={key}={value}" for key, value in room.labels.items()]
    id = room.docker("run", "-d", *labels, "--init", room.image("python"), "python3", "-c", LISTENS)
    wait_for(lambda: "there" in room.docker("logs", id))
    return room.docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", id)


@pytest.fixture
def stack(room: EngineRoom) -> Iterator[str]:
    name = room.project()
    yield name
    for id in probers(room, name):
        room.docker("rm", "-f", id, check=False)


def asking(room: EngineRoom, stack: str, silent: str) -> subprocess.Popen[bytes]:
    """A run whose prober is at work."""
    arguments = [sys.executable, "-c", ASKS, stack, room.image("python"), silent]
    process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[2])
    wait_for(lambda: running(room, stack))
    return process


def running(room: EngineRoom, stack: str) -> list[str]:
    arguments = ("--filter", f"label=stackctl.prober={stack}", "--filter", "status=running")
    return room.docker("ps", "-q", *arguments).split()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(
    room: EngineRoom, stack: str, silent: str, number: signal.Signals
) -> None:
    with asking(room, stack, silent) as process:
        process.send_signal(number)
        assert process.wait(timeout=20) != 0
    assert not probers(room, stack)


def test_the_prober_of_a_killed_run_ends_by_itself(room: EngineRoom, stack: str, silent: str) -> None:
    with asking(room, stack, silent) as process:
        process.kill()
    wait_for(lambda: not probers(room, stack), 15)


# Holds a network and a container that was never started, which nobody's standard input ends.
HOLDS = """
import sys
from stackctl.engine import Engine
from stackctl.verify import throwaway

stack, image = sys.argv[1:]
with Engine.connect() as engine, throwaway.a_run(throwaway.Probing(engine.sdk(), image, stack)) as run:
    with throwaway.network(run) as name, throwaway.created(run, throwaway.python(run, name)) as id:
        print("there", flush=True)
        sys.stdin.read()
"""


def test_what_a_killed_run_never_started_goes_too_and_so_do_its_networks(
    room: EngineRoom, stack: str
) -> None:
    def networks() -> str:
        return room.docker("network", "ls", "-q", "--filter", f"label=stackctl.prober={stack}")

    arguments = [sys.executable, "-c", HOLDS, stack, room.image("python")]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        assert probers(room, stack)
        assert networks()
        process.kill()
    wait_for(lambda: not probers(room, stack) and not networks(), 30)


def test_what_a_killed_run_never_started_is_swept_by_the_next(room: EngineRoom, stack: str) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = [f"{OWNER_LABEL}={throwaway.here()}:{dead.pid}:1", f"{OWNER_LABEL}="]
    ours = [f"--label={key}={value}" for key, value in room.labels.items()]
    for label in left:
        own = (f"stackctl.prober={stack}", f"{RUN_LABEL}=1", label)
        labels = (*(f"--label={one}" for one in own), *ours)
        room.docker("create", *labels, "--entrypoint", "python3", room.image("python"))
    other = f"stackctl.prober={stack}-2"
    stays = room.docker(
        "create", "--label", other, *ours, "--entrypoint", "python3", room.image("python")
    ).strip()
    try:
        with Engine.connect() as engine:
            sdk = engine.sdk()
            throwaway.sweep(sdk, stack)
            sdk.close()
        assert not probers(room, stack)
        assert probers(room, f"{stack}-2"), "another stack's are not ours to remove"
    finally:
        room.docker("rm", "-f", stays)


def test_the_prober_of_a_run_beside_this_one_is_left_alone(room: EngineRoom, stack: str, silent: str) -> None:
    with asking(room, stack, silent) as process:
        with Engine.connect() as engine:
            sdk = engine.sdk()
            throwaway.sweep(sdk, stack)
            sdk.close()
        assert running(room, stack)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)


def test_a_prober_has_no_rights(room: EngineRoom, stack: str, silent: str) -> None:
    with asking(room, stack, silent) as process:
        (id,) = running(room, stack)
        form = "{{json .HostConfig}}\n{{json .Config}}\n{{json .Mounts}}\n{{json .NetworkSettings.Networks}}"
        host, config, mounts, networks = map(
            json.loads, room.docker("inspect", "-f", form, id).strip().splitlines()
        )
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
    assert config["User"] == "65534:65534"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert 0 < host["Memory"] <= 64 << 20
    assert 0 < host["PidsLimit"] <= 64
    assert mounts == []
    assert list(networks) == ["bridge"]
    assert silent not in str(config), "no value of a request stands in arguments or environment"
