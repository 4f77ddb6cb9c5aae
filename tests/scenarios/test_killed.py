"""A run that is killed at any of its steps: the next one finishes it or goes back, says so, and leaves nothing."""

from __future__ import annotations

import itertools
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stackctl.engine import Engine
from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.forked import Fork
from tests.scenarios.versions import WORDS, Versions, app, journal
from tests.scenarios.written import WrittenStack, python

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module", params=[False])
def running(
    request: pytest.FixtureRequest, room: EngineRoom, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Versions]:
    """One stack for all: whatever a test leaves, the next one begins with a version of its own."""
    with Engine.connect() as engine:
        stack = Versions(tmp_path_factory.mktemp("killed"), room, engine, full=request.param)
        stack.next()
        stack.expect_whole(stack.recover())
        yield stack
        stack.own.run("down", "--yes", "--lock-wait", "60")


@pytest.mark.parametrize("running", [True], indirect=True, ids=["of everything"])
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
        code, first = running.up(at=number)
        assert code in (0, -signal.SIGKILL), first
        assert "the host: container" not in first, (
            "what was taken out of the files and is back, nobody else removed"
        )
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
    # What happens before somebody listens is told all the same.
    argv.append(f"--since={time.time():.9f}")
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
    for number in range(int((tmp_path / "steps").read_text()), 0, -1):
        code, first = running.up(at=number)
        assert code in (5, -signal.SIGKILL), first
        going_back = '"phase": "back"' in journal(own)
        left, (code, second) = bool(journal(own)), running.up()
        said = f"step {number}: {first}\n{second}"
        assert code == 5, said
        running.expect_whole(said)
        if left and not going_back:
            # From here on backwards, it is killed before it fails.
            break
        assert not left or "this run goes on going back" in second, said
        back += going_back
    assert back > 1
    assert number > 1, "what is killed before it fails is not going back"


def test_a_journal_that_nobody_understands_stops_everything(own: WrittenStack, room: EngineRoom) -> None:
    own.write(room, app=python())
    assert own.run(*WORDS).returncode == 0
    (own.root / ".stackctl" / "journal").write_text("not one line\n")
    done: Any = own.run(*WORDS)
    assert done.returncode == 1
    assert "cannot be understood" in done.stderr
    assert list(own.container_ids()) == ["app"], "and nothing of what runs is touched"
