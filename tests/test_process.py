"""Processes end, whatever happens, and leave nothing secret behind."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from stackctl import process
from stackctl.errors import StackctlError
from tests.scenarios.engine_room import wait_for

PYTHON = sys.executable


def python(code: str) -> tuple[str, ...]:
    return (PYTHON, "-c", code)


def gone(pid: int) -> bool:
    """Whether a process has ended, reaped or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_what_was_said_is_kept_whatever_the_exit_code() -> None:
    done = process.run(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))
    assert (done.exit_code, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert done.seconds > 0
    with pytest.raises(StackctlError, match="it failed") as failure:
        done.expect_success("it failed", "try again")
    assert failure.value.hint == "try again"
    assert "exit code 3\nout\nerr" in failure.value.detail
    assert process.run(python("")).expect_success("no").exit_code == 0


def test_environment_folder_and_input_are_those_given(tmp_path: Path) -> None:
    code = "import os, sys; print(os.environ['A'], os.getcwd(), sys.stdin.read(), os.environ.get('HOME'))"
    done = process.run(python(code), env={"A": "1"}, cwd=tmp_path, input="text")
    assert done.stdout == f"1 {tmp_path} text None\n"
    assert process.run(python("import sys; print(len(sys.stdin.read()))")).stdout == "0\n"


def test_secrets_are_taken_out_of_everything_that_is_kept() -> None:
    code = "import sys; print('my hunter22'); print('hunter2', file=sys.stderr); sys.exit(1)"
    done = process.run((*python(code), "--password=hunter2"), redact=("hunter2", "hunter22", ""))
    assert "hunter" not in repr(done)
    assert done.stdout == "my [redacted]\n"
    assert done.argv[-1] == "--password=[redacted]"


def test_a_missing_program_is_one_sentence() -> None:
    with pytest.raises(StackctlError, match="the program `no-such-program` is not there"):
        process.run(("no-such-program", "x"))


def test_a_missing_folder_is_not_told_as_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(StackctlError, match="could not be started: No such file"):
        process.run(python(""), cwd=tmp_path / "nowhere")


def test_a_timeout_ends_the_whole_group_and_shows_what_was_said() -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    with pytest.raises(StackctlError, match=r"did not end within 0\.5 s") as failure:
        process.run(python(code), timeout=0.5)
    child = int(failure.value.detail.splitlines()[-1])
    wait_for(lambda: gone(child))


def test_a_process_that_ignores_the_request_to_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_GRACE", 0.2)
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    began = time.monotonic()
    with pytest.raises(StackctlError, match="did not end"):
        process.run(python(code), timeout=0.3)
    assert time.monotonic() - began < 10


def interrupted_after(path: Path) -> threading.Thread:
    """A Ctrl-C for this process, once `path` is there."""

    def interrupt() -> None:
        pause = threading.Event()
        while not path.exists():
            pause.wait(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    return thread


def test_an_interrupt_reaches_the_child_which_may_tidy_up(tmp_path: Path) -> None:
    ready, tidied = tmp_path / "ready", tmp_path / "tidied"
    code = (
        f"import pathlib, time\ntry:\n pathlib.Path({str(ready)!r}).touch(); time.sleep(60)\n"
        f"except KeyboardInterrupt:\n pathlib.Path({str(tidied)!r}).touch()"
    )
    thread = interrupted_after(ready)
    with pytest.raises(KeyboardInterrupt):
        process.run(python(code))
    thread.join()
    assert tidied.exists()


def test_lines_come_one_by_one_and_the_process_ends_with_its_reader(tmp_path: Path) -> None:
    code = "import os, time\nprint(os.getpid(), flush=True)\nprint('two', flush=True)\ntime.sleep(60)"
    lines = process.lines(python(code))
    pid = int(next(lines))
    assert next(lines) == "two"
    assert not gone(pid)
    lines.close()  # type: ignore[attr-defined]
    wait_for(lambda: gone(pid))


def test_lines_of_a_program_that_fails_without_a_word_are_an_error() -> None:
    assert list(process.lines(python("print('a'); print('b')"))) == ["a", "b"]
    with pytest.raises(StackctlError, match="failed: no such service"):
        list(process.lines(python("import sys; sys.exit('no such service')")))
