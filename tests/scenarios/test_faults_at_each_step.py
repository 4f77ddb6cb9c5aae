"""Something goes wrong at each step of an apply, one after the other: what the exit code says is what is there.

0: the new version runs. 1: nothing was changed. 5: the last good version runs again. 6: the screen says what to do,
and the next run does it. Nothing else happens, whatever the step and the fault.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackctl.commands import back
from stackctl.endpoint import endpoint
from stackctl.engine import Engine
from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.forked import Fault
from tests.scenarios.versions import State, Versions, journal

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(1200)]

NOT_KEPT = "this state could not be kept to go back to"


class Faulty:
    """A stack whose disk may be full, and whose Engine may be gone."""

    def __init__(self, versions: Versions, engine: Path, way: Path) -> None:
        self.versions = versions
        self._engine = engine
        self._way = way
        self.good = 0
        """The version that going back leads to."""

    def mend(self) -> None:
        (self.versions.own.root / "fill").unlink(missing_ok=True)
        if not self._way.exists():
            self._way.symlink_to(self._engine)

    def up(self, fault: Fault, at: int) -> tuple[int, str, int]:
        """Its exit code, what it said, and how many steps it took; the fault is over afterwards."""
        count = self._way.parent / "steps"
        code, said = self.versions.up(at=at, fault=fault, count=count)
        self.mend()
        return (
            code,
            f"{fault.name} at step {at}, version {self.versions.version}: {code}\n{said}",
            int(count.read_text()),
        )

    def expect(self, fault: Fault, code: int, said: str, before: State) -> None:
        """What is there is what the exit code says."""
        versions = self.versions
        if code == 0:
            versions.expect_whole(said)
            # A disk that is full has no room for another good state, and the run says so.
            self.good = self.good if NOT_KEPT in said else versions.version
        elif code == 1:
            containers, files = versions.state()
            assert containers == before[0], said
            for path in files.keys() | before[1].keys():
                # Where the disk took no more, the run names what it could not put back.
                told = fault is Fault.FULL and "could not be put back" in said and path.name in said
                assert files.get(path) == before[1].get(path) or told, said
            assert not journal(versions.own), said
        elif code == 5:
            assert "runs again; its checks were not run hint: the files still declare what failed" in said
            versions.expect_whole(said, self.good)
        else:
            assert code == 6, said
            assert "going back failed" in said
            assert "then `stackctl up` goes on going back" in said
            assert journal(versions.own), said
            code, then = versions.up()
            said += f"\n{then}"
            assert code == 5, said
            assert "this run goes on going back" in said
            versions.expect_whole(said, self.good)


@pytest.fixture
def faulty(
    request: pytest.FixtureRequest, room: EngineRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Faulty]:
    """On a disk of its own, of a few megabytes, and with a way to the Engine that can be taken away."""
    disk, way, real = tmp_path / "disk", tmp_path / "docker.sock", Path(endpoint(os.environ).socket)
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "tmpfs", str(disk)], check=True)
    try:
        with Engine.connect() as engine:
            stack = Faulty(Versions(disk, room, engine, full=request.param), real, way)
            stack.mend()
            monkeypatch.setenv("DOCKER_HOST", f"unix://{way}")
            # It is waited for elsewhere; here it comes back only when the run has ended.
            monkeypatch.setattr(back, "_ENGINE_BACK_WITHIN", 0.1)
            stack.versions.next()
            stack.versions.recover()
            yield stack
            stack.mend()
            stack.versions.own.run("down", "--yes")
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.parametrize(
    ("faulty", "faults"),
    [
        # Most requests only look, and a stack with more in it is only looked at more.
        (False, (Fault.REFUSED, Fault.GONE)),
        (True, (Fault.NOT_RUN,)),
        (True, (Fault.LIED,)),
        (True, (Fault.FULL,)),
    ],
    indirect=["faulty"],
    ids=["a request in turn refused and never answered", "no process", "a process that lied", "a full disk"],
)
def test_whatever_goes_wrong_at_whichever_step_the_exit_code_says_what_is_there(
    faulty: Faulty, faults: tuple[Fault, ...]
) -> None:
    codes: list[int] = []
    while True:
        faulty.versions.next()
        before, fault = faulty.versions.state(), faults[len(codes) % len(faults)]
        code, said, steps = faulty.up(fault, len(codes) + 1)
        faulty.expect(fault, code, said, before)
        if steps <= len(codes):
            break
        assert fault is not Fault.GONE or code, said
        codes.append(code)
    print({code: codes.count(code) for code in sorted({*codes})})
    assert {1, 5, *([6] if Fault.GONE in faults else [])} <= {*codes}
