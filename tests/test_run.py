"""Every way a command can end has its own exit code, and says so to a person or as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.commands.story import Ended, LinesAnswer, Story
from stackctl.errors import Exit, StackctlError, UsageError
from stackctl.events import Line, Started
from stackctl.findings import Finding, InvalidFiles, Location, Severity
from stackctl.run import Options, Output, run


@pytest.fixture
def stack_dir(tmp_path: Path) -> Path:
    (tmp_path / "stack.yaml").write_text("name: s\n")
    return tmp_path


def telling(error: BaseException | None = None, code: Exit = Exit.DONE) -> Callable[[Path, Output], Story]:
    def tell(_root: Path, _output: Output) -> Story:
        yield Line("web", "hello")
        if error is not None:
            raise error
        return Ended(LinesAnswer(), code)

    return tell


BROKEN = Finding(
    "SC102", Severity.ERROR, Location("spokes/web.yaml", 4, 12), "unknown key", "did you mean x?"
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StackctlError("it failed"), 1),
        (UsageError("not like this"), 2),
        (InvalidFiles([BROKEN]), 3),
        (RuntimeError("a bug"), 70),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_end_has_its_exit_code(
    error: BaseException, code: int, stack_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("x", Options(stack_dir), telling(error)) == code
    assert "error:" in capsys.readouterr().err
    assert run("x", Options(stack_dir, json=True), telling(error)) == code
    document = json.loads(capsys.readouterr().out)
    assert document["exit"] == code
    assert document["error"]["message"]


def test_a_finding_is_shown_with_its_place_and_a_way_out(
    stack_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("x", Options(stack_dir), telling(InvalidFiles([BROKEN])))
    told = capsys.readouterr().err
    assert "spokes/web.yaml:4:12 SC102 error: unknown key" in told
    assert "did you mean x?" in told


def test_a_slip_that_may_be_all_that_is_wrong_is_told_in_either_form(
    stack_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slip = replace(
        BROKEN, code="SC111", severity=Severity.WARNING, message="`Hostnane` is not read", spoke="web"
    )
    elsewhere = replace(slip, message="`Imgae` is not read", spoke="other")
    error = InvalidFiles([replace(BROKEN, spoke="web"), slip, elsewhere])
    for as_json in (False, True):
        run("x", Options(stack_dir, json=as_json), telling(error))
        told = "".join(capsys.readouterr())
        assert "unknown key" in told
        assert "Hostnane" in told
        assert "Imgae" not in told


def test_a_bug_leaves_a_log_with_the_traceback(stack_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("x", Options(stack_dir, json=True), telling(RuntimeError("a bug")))
    log = Path(json.loads(capsys.readouterr().out)["error"]["hint"].removeprefix("the log is in "))
    assert "RuntimeError: a bug" in log.read_text()
    log.unlink()


def test_an_answer_carries_the_exit_code_that_the_command_chose(
    stack_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for code in (Exit.DONE, Exit.PENDING, Exit.NOT_PROVED):
        assert run("x", Options(stack_dir, json=True), telling(code=code), streams=True) == code
        line, end = map(json.loads, capsys.readouterr().out.splitlines())
        assert line == {"schema": 1, "event": "line", "spoke": "web", "text": "hello"}
        assert end == {"schema": 1, "command": "x", "exit": int(code)}


def test_without_a_stack_the_way_out_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("x", Options(tmp_path), telling()) == Exit.USAGE
    assert "stack.yaml" in capsys.readouterr().err


def test_a_yes_that_nobody_can_give_is_wrong_usage(stack_dir: Path) -> None:
    output = Output("x", Options(stack_dir), streams=False)
    assert output.confirm("sure?", yes=True)
    with pytest.raises(UsageError, match="yes"):
        output.confirm("sure?", yes=False)


def test_a_terminated_run_ends_like_an_interrupted_one(stack_dir: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from stackctl.run import Options, run\n"
        "def tell(root, output):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    signal.pause()\n"
        "    yield\n"
        "sys.exit(run('x', Options(Path(sys.argv[1])), tell))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(stack_dir)], capture_output=True, text=True)
    assert done.returncode == 130
    assert "interrupted" in done.stderr


@pytest.mark.parametrize(
    "words", [["plam"], ["logs"], ["render", "--chekc"], ["lint", "-C"]], ids=lambda words: " ".join(words)
)
def test_wrong_usage_exits_2(words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "stackctl", *words], capture_output=True, text=True)
    assert done.returncode == 2
    assert "Error:" in done.stderr
    told = subprocess.run(
        [sys.executable, "-m", "stackctl", words[0], "--json", *words[1:]], capture_output=True, text=True
    )
    document = json.loads(told.stdout)
    assert (told.returncode, document["exit"], document["command"]) == (2, 2, words[0])
    assert document["error"]["message"]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_reason_to_fail(closed: str, tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text("name: s\n")
    command = f"{sys.executable} -m stackctl lint {closed}"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 3
    assert "Traceback" not in done.stdout + done.stderr


def test_a_command_that_cannot_even_be_imported_is_a_bug(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "sys.modules['stackctl.commands.lint'] = None\n"
        "from stackctl.cli import main\n"
        "sys.argv = ['stackctl', 'lint', '--json']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    document = json.loads(done.stdout)
    assert (done.returncode, document["exit"], document["command"]) == (70, 70, "lint")
    log = Path(document["error"]["hint"].removeprefix("the log is in "))
    assert "ModuleNotFoundError" in log.read_text()
    log.unlink()


def test_an_interrupt_while_an_event_is_shown_reaches_the_story(
    stack_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the story can say what it had applied."""

    def tell(_root: Path, _output: Output) -> Story:
        try:
            yield Line("web", "hello")
        except KeyboardInterrupt:
            raise StackctlError("interrupted; applied: web") from None
        return Ended(LinesAnswer())

    def interrupted(_self: object, _event: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stackctl.json_output.JsonOutput.event", interrupted)
    run("x", Options(stack_dir, json=True), tell)
    assert "applied: web" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "begun", "says"),
    [
        ("restart", True, "`restart web` was begun, and may be done in part"),
        ("restart", False, "nothing was changed"),
        ("verify", True, "nothing was changed"),
    ],
)
def test_an_interrupt_in_the_middle_is_not_called_harmless(
    command: str, begun: bool, says: str, stack_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def tell(_root: Path, _output: Output) -> Story:
        if begun:
            yield Started("restart", "web")
        raise KeyboardInterrupt

    assert run(command, Options(stack_dir, json=True), tell, streams=True) == 130
    assert says in capsys.readouterr().out


_STORY = """
import sys
from pathlib import Path
from stackctl.commands.story import Ended, LinesAnswer
from stackctl.events import Line, Started
from stackctl.run import Options, run
def tell(root, output):
    if sys.argv[1] == "begun":
        yield Started("restart", "web")
    for _ in range(3000):
        yield Line("web", "x" * 60)
    (root / "end").write_text("")
    return Ended(LinesAnswer())
sys.exit(run("restart", Options(Path.cwd()), tell, streams=True))
"""


@pytest.mark.parametrize(("begun", "code"), [("begun", 0), ("not yet", 1)])
def test_what_was_begun_comes_to_its_end_though_nobody_reads_of_it(
    begun: str, code: int, stack_dir: Path
) -> None:
    words = [sys.executable, "-c", _STORY, begun]
    with subprocess.Popen(words, cwd=stack_dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout
        assert run.stderr
        run.stdout.readline()
        run.stdout.close()
        assert (run.wait(timeout=30), run.stderr.read()) == (code, b"")
    assert (stack_dir / "end").exists() is (begun == "begun")


_END = """
import sys
from pathlib import Path
from stackctl.commands.back import NotRestored
from stackctl.commands.story import Ended, LinesAnswer
from stackctl.errors import Exit
from stackctl.events import Line, Started
from stackctl.run import Options, run
def tell(root, output):
    if "begun" in sys.argv:
        yield Started("restart", "web")
    yield Line("", "the first line")
    sys.stdin.readline()
    if "fails" in sys.argv:
        raise NotRestored("it could not go back", "by hand: x")
    return Ended(LinesAnswer(), Exit.NOT_PROVED)
sys.exit(run("restart", Options(Path.cwd(), json="json" in sys.argv), tell, streams=True))
"""


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("json ends begun", 8),
        ("json ends not-yet", 1),
        ("json fails begun", 6),
        ("text fails begun", 6),
        ("text fails not-yet", 6),
    ],
)
def test_how_it_ended_is_told_by_the_exit_code_though_nobody_reads_of_it(
    how: str, code: int, stack_dir: Path
) -> None:
    words = [sys.executable, "-c", _END, *how.split()]
    with subprocess.Popen(
        words, cwd=stack_dir, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as run:
        assert run.stdin
        assert run.stdout
        while b"the first line" not in run.stdout.readline():
            pass
        run.stdout.close()
        run.stdin.close()
        assert run.wait(timeout=30) == code


def test_an_option_of_every_command_is_sent_behind_the_command() -> None:
    words = [sys.executable, "-m", "stackctl", "-C", "/x", "lint"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 2
    assert "as in `stackctl lint -C`" in done.stderr
    told = json.loads(subprocess.run([*words, "--json"], capture_output=True, text=True).stdout)
    assert (told["command"], told["exit"]) == ("lint", 2)


def test_names_and_texts_of_files_give_no_orders_to_the_terminal(
    stack_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Finding("SC110", Severity.ERROR, Location("spokes/a\x1b[2J\nb.yaml"), "`\x07\x9b1m`", "h\r")
    run("x", Options(stack_dir), telling(InvalidFiles([found])))
    told = capsys.readouterr().err
    assert "spokes/a\\x1b[2J\\x0ab.yaml:1:1 SC110 error: `\\x07\\x9b1m`" in told
    assert not set(told) & {"\x1b", "\x07", "\x9b", "\r"}
