"""A run that is killed at any of its steps: the next one finishes it or goes back, says so, and leaves nothing."""

from __future__ import annotations

import itertools
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stackctl.engine import Engine
from stackctl.model import Container
from stackctl.observe import PROJECT_LABEL, observe
from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.killed import Fork
from tests.scenarios.written import WrittenStack, python, written

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(1200)]

WORDS = ("up", "--yes", "--no-verify")


class Versions:
    """A stack that goes from one version to the next; odd ones have a spoke more, on a network of its own.

    One spoke is replaced beside itself, one stops first, one never changes.
    """

    def __init__(self, own: WrittenStack, room: EngineRoom, engine: Engine) -> None:
        self.own = own
        self._room = room
        self._engine = engine
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = {
                "target": 8000,
                "host_ip": "127.0.0.1",
                "protocol": "tcp",
                "published": str(free.getsockname()[1]),
            }
        self.version = -1

    def next(self) -> None:
        """Writes the files of the next version."""
        self.version += 1
        odd = self.version % 2
        of = {"environment": {"VERSION": str(self.version)}}
        own, room = self.own, self._room
        own.settings(room, networks={"more": {}} if odd else {})
        own.write(room, app=app(**of), fixed=python(**of, ports=[self.port]), other=python())
        if odd:
            own.write(room, more=python(networks=["more"]))
        else:
            (own.root / "spokes" / "more.yaml").unlink(missing_ok=True)

    def up(self, at: int = 0, count: Path | None = None) -> tuple[int, str]:
        return Fork(self.own.root, WORDS, at, count).ended()

    def recover(self) -> str:
        """The run after the one that was killed; what it said."""
        code, said = self.up()
        assert code == 0, said
        return said

    def versions(self) -> set[str]:
        found = observe(self._engine, self.own.name).containers
        return {
            variable
            for container in found
            if container.spoke in ("app", "fixed")
            for variable in container.inspect["Config"]["Env"]
            if variable.startswith("VERSION=")
        }

    def expect_whole(self, said: str) -> None:
        """Everything is as declared, and nothing is there that is not."""
        own, odd = self.own, self.version % 2
        observed = observe(self._engine, own.name)
        spokes = ["app", "fixed", *(["more"] if odd else []), "other"]
        assert [c.spoke for c in observed.containers] == spokes, said
        assert all(map(_well, observed.containers)), (observed.containers, said)
        assert all(c.name.startswith(f"{own.name}-{c.spoke}-") for c in observed.containers), said
        networks = {
            name
            for name, network in observed.networks.items()
            if (network.get("Labels") or {}).get(PROJECT_LABEL) == own.name
        }
        assert networks == {f"{own.name}_proxy", *([f"{own.name}_more"] if odd else [])}, said
        assert self.versions() == {f"VERSION={self.version}"}, said
        assert not journal(own), said
        assert (own.root / ".stackctl" / "lock").read_text() == ""
        assert not list((own.root / ".stackctl" / "good").glob(".new*")), said


def app(*, good: bool = True, **more: Any) -> dict[str, Any]:
    """Healthy as soon as anybody looks, or sick; nothing that costs a busy machine much."""
    test = ["CMD", "true" if good else "false"]
    check = {"test": test, "interval": "1s", "timeout": "30s", "retries": 1}
    return python(healthcheck=check, settle="0s", **more)


def _well(container: Container) -> bool:
    return container.running and container.health in ("", "healthy")


@pytest.fixture(scope="module")
def running(room: EngineRoom, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Versions]:
    """One stack for all: whatever a test leaves, the next one begins with a version of its own."""
    with Engine.connect() as engine:
        stack = Versions(written(tmp_path_factory.mktemp("killed"), room), room, engine)
        stack.next()
        code, said = stack.up()
        assert code == 0, said
        stack.expect_whole(said)
        yield stack
        stack.own.run("down", "--yes", "--lock-wait", "60")


def test_killed_at_each_step_the_next_run_finishes(running: Versions, tmp_path: Path) -> None:
    steps = []
    for _ in range(2):
        running.next()
        code, said = running.up(count=tmp_path / "steps")
        assert code == 0, said
        steps.append(int((tmp_path / "steps").read_text()))
        running.expect_whole(said)
    killed = left = 0
    for number in range(1, max(steps) + 1):
        running.next()
        code, first = running.up(number)
        assert code in (0, -signal.SIGKILL), first
        unfinished = bool(journal(running.own))
        said = f"step {number}, version {running.version}: {code}\n{first}\n{running.recover()}"
        if unfinished:
            assert "this run finishes what `stackctl up` by " in said
        running.expect_whole(said)
        killed += code == -signal.SIGKILL
        left += unfinished
    assert killed >= min(steps)
    assert left
    assert "killed" in {run["came"] for run in running.own.json("history", "--last", "0")["runs"]}


def test_killed_at_each_event_of_the_engine_the_next_run_finishes(running: Versions) -> None:
    """In the midst of what Compose does: after each thing that happens to a container of the stack."""
    for number in itertools.count(1):
        running.next()
        if not killed_at_event(running, number):
            break
        said = f"event {number}: {running.recover()}"
        running.expect_whole(said)
    assert number > 10


def killed_at_event(running: Versions, number: int) -> bool:
    """Whether the run was still at work when so many things had happened."""
    filters = [f"--filter=label=com.docker.compose.project={running.own.name}", "--filter=type=container"]
    wanted = [f"--filter=event={event}" for event in ("create", "start", "kill", "die", "destroy", "rename")]
    argv = ["docker", "events", *filters, *wanted, "--format", "{{.Action}}"]
    run = Fork(running.own.root, WORDS)
    seen: list[str] = []
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as events:

        def follow() -> None:
            assert events.stdout is not None
            for line in events.stdout:
                seen.append(line)
                if len(seen) == number:
                    run.kill()
                    return

        thread = threading.Thread(target=follow)
        thread.start()
        code, said = run.ended()
        events.terminate()
        thread.join()
    assert code in (0, -signal.SIGKILL), said
    return code == -signal.SIGKILL


def test_killed_while_going_back_the_next_run_goes_on_going_back(
    running: Versions, room: EngineRoom, tmp_path: Path
) -> None:
    own = running.own
    if running.version % 2:
        running.next()
    code, said = running.up()
    assert code == 0, said
    # What stops first has to be put back; what starts beside itself has never gone.
    own.write(room, fixed=app(good=False, environment={"VERSION": "bad"}, ports=[running.port]))
    code, said = running.up(count=tmp_path / "steps")
    assert code == 5, said
    back = 0
    for number in range(1, int((tmp_path / "steps").read_text()) + 1):
        code, first = running.up(number)
        assert code in (5, -signal.SIGKILL), first
        going_back = '"phase": "back"' in journal(own)
        code, second = running.up()
        said = f"step {number}: {first}\n{second}"
        assert code == 5, said
        if going_back:
            assert "this run goes on going back" in second, said
        back += going_back
        running.expect_whole(said)
    assert back


def journal(own: WrittenStack) -> str:
    path: Path = own.root / ".stackctl" / "journal"
    return path.read_text() if path.exists() else ""


def test_a_journal_that_nobody_understands_stops_everything(own: WrittenStack, room: EngineRoom) -> None:
    own.write(room, app=python())
    assert own.run(*WORDS).returncode == 0
    (own.root / ".stackctl" / "journal").write_text("not one line\n")
    done: Any = own.run(*WORDS)
    assert done.returncode == 1
    assert "cannot be understood" in done.stderr
    assert list(own.container_ids()) == ["app"], "and nothing of what runs is touched"
