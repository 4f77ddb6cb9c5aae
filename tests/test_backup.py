"""A backup leaves what it copies as it was, and a restore loses nothing on a bad file or a kill."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from collections.abc import Callable, Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stackctl import good, journal
from stackctl.apply import backup as backups
from stackctl.apply.backup import _UNPACK, _paused, expect_readable
from stackctl.commands import backup as told
from stackctl.commands.down import down
from stackctl.commands.story import Ended, RestoreAnswer
from stackctl.errors import Exit, StackctlError
from stackctl.events import Finished, Said
from stackctl.journal import Begun, Journal, Phase
from stackctl.model import Backup, Kept, Observed
from stackctl.process import Completed

FOLDER = Backup(path="/data")


def test_a_container_that_stays_paused_is_told_of() -> None:
    compose: Any = SimpleNamespace(
        docker=lambda *words: Completed(words, int("unpause" in words), "", "gone", 0.0)
    )
    container: Any = SimpleNamespace(running=True, id="1", name="s-db-1", spoke="db")
    with pytest.raises(StackctlError, match="db is still paused") as error, _paused(compose, container):
        pass
    assert error.value.hint == "`docker unpause s-db-1`"


class Docker:
    """Answers by the verb of the call, and remembers what was asked; an exception is an interrupt."""

    def __init__(self, **answers: tuple[int, str] | BaseException) -> None:
        self.answers = answers
        self.verbs: list[str] = []

    def docker(self, *words: str, **_: object) -> Completed:
        verb = words[1] if words[0] == "container" else words[0]
        self.verbs.append(verb)
        answer = self.answers.get(verb, (0, ""))
        if isinstance(answer, BaseException):
            raise answer
        return Completed(words, answer[0], "", answer[1], 0.0)


RUNS: Any = SimpleNamespace(running=True, id="1", name="s-db-1", spoke="db")
NOT_PAUSED = (1, "Error response from daemon: Container 1 is not paused")


@pytest.mark.parametrize("unpaused", [(0, ""), NOT_PAUSED])
def test_an_interrupt_while_it_is_paused_leaves_nothing_paused(unpaused: tuple[int, str]) -> None:
    """Whether the Engine had done it by then nobody knows."""
    compose: Any = Docker(pause=KeyboardInterrupt(), unpause=unpaused)
    with pytest.raises(KeyboardInterrupt), _paused(compose, RUNS):
        pass
    assert compose.verbs == ["pause", "unpause"]


def test_a_container_that_cannot_be_paused_is_not_told_to_be_paused_still() -> None:
    compose: Any = Docker(pause=(1, "no such container"), unpause=(1, "no such container"))
    with pytest.raises(StackctlError, match="db could not be paused"), _paused(compose, RUNS):
        pass


def test_what_does_not_run_is_not_paused() -> None:
    compose: Any = Docker()
    with _paused(compose, SimpleNamespace(running=False)):  # type: ignore[arg-type]
        pass
    assert compose.verbs == []


@pytest.mark.parametrize("verb", ["stop", "run"])
def test_an_interrupt_of_a_restore_leaves_nothing_stopped(tmp_path: Path, verb: str) -> None:
    file = tmp_path / "old.tar"
    file.write_bytes(packed())
    compose: Any = Docker(**{verb: KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        backups.restore(compose, "db", FOLDER, RUNS, file, "python")
    assert compose.verbs[0] == "stop"
    assert compose.verbs[-1] == "start"


# ---- files that are no backup


def packed(mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:  # type: ignore[call-overload]
        for name in ("one", "two"):
            member = tarfile.TarInfo(name)
            member.size = 700
            tar.addfile(member, io.BytesIO(name.encode().ljust(700)))
    return out.getvalue()


def damaged(content: bytes) -> bytes:
    return content[: 3 * 512] + b"?" * 512 + content[4 * 512 :]


@pytest.mark.parametrize(
    "content",
    [
        packed("w:gz"),
        packed("w:gz")[:-20],
        packed("w:xz"),
        packed()[:1000],
        packed()[: 3 * 512],
        packed()[: 5 * 512],
        damaged(packed()),
        bytes(10240),
        b"",
    ],
    ids=["gz", "cut gz", "xz", "cut in a file", "cut between files", "cut late", "damaged", "zeros", "empty"],
)
def test_a_file_that_would_not_come_in_whole_is_refused_before_anything_goes(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "old.tar"
    file.write_bytes(content)
    with pytest.raises(
        StackctlError, match="cannot be read as a backup of blog: nothing was changed"
    ) as refused:
        expect_readable("blog", FOLDER, file)
    assert "a whole tar that is not compressed" in refused.value.hint


def test_a_whole_tar_is_a_backup_whoever_made_it(tmp_path: Path) -> None:
    file = tmp_path / "own.tar"
    for content in (packed(), packed()[: 7 * 512]):
        file.write_bytes(content)
        expect_readable("blog", FOLDER, file)
    file.write_bytes(b"not a tar")
    expect_readable("blog", Backup(command=("dump",), restore=("load",)), file)


@pytest.mark.parametrize(
    ("content", "kept"), [(packed("w:gz"), ["mine"]), (b"", ["mine"]), (packed(), ["one", "two"])]
)
def test_unpacking_takes_nothing_away_before_it_has_read_what_comes(
    tmp_path: Path, content: bytes, kept: list[str]
) -> None:
    (tmp_path / "mine").write_text("here")
    done = subprocess.run([sys.executable, "-c", _UNPACK, str(tmp_path)], input=content, capture_output=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == kept
    assert (done.returncode == 0) is (kept != ["mine"])


# ---- a restore that is killed


class Killed(BaseException):
    pass


@pytest.fixture
def restore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RestoreAnswer]:
    """Restores of one spoke, each of which makes a backup of what `data` holds."""
    container = SimpleNamespace(id="1", running=True)
    acting = SimpleNamespace(
        warned=lambda: iter(()), compose=None, stack=SimpleNamespace(prober_image="python")
    )
    monkeypatch.setattr(told, "act_on", lambda *_: acting)
    monkeypatch.setattr(told, "_of", lambda *_: (FOLDER, container))

    def back_up(*_: Any) -> Kept:
        folder = backups.folder(tmp_path, "blog")
        file = folder / f"{len(list(folder.iterdir()))}.tar"
        file.write_bytes(packed())
        return Kept("blog", str(file.relative_to(tmp_path)), file.stat().st_size)

    monkeypatch.setattr(backups, "back_up", back_up)

    def run(file: str = "", *, killed: bool = False) -> RestoreAnswer:
        def put(*given: Any) -> None:
            run.given.append(str(given[4].relative_to(tmp_path)))  # type: ignore[attr-defined]
            if killed:
                raise Killed

        monkeypatch.setattr(backups, "restore", put)
        held: Any = None
        story = told.restore(tmp_path, "blog", file, confirm=lambda _: True, environ={}, held=held)
        answer = end_of(story).answer
        assert isinstance(answer, RestoreAnswer)
        return answer

    run.given = []  # type: ignore[attr-defined]
    return run


def end_of(story: Generator[Any, None, Ended]) -> Ended:
    while True:
        try:
            next(story)
        except StopIteration as end:
            ended: Ended = end.value
            return ended


def test_however_often_a_restore_is_killed_the_way_back_is_to_what_was_whole(
    tmp_path: Path, restore: Any
) -> None:
    file = tmp_path / "wanted.tar"
    file.write_bytes(packed())
    whole = ".stackctl/backups/blog/0.tar"
    for _ in range(3):
        with pytest.raises(Killed):
            restore(str(file), killed=True)
        left = journal.unfinished(tmp_path)
        assert left is not None
        assert (left.phase, left.why) == (
            Phase.RESTORE,
            f"what was there before: `stackctl restore blog {whole}`",
        )
    assert len(backups.kept(tmp_path, "blog")) == 3, "what came in meanwhile is kept too"
    assert restore().before == whole
    assert restore.given[-1] == whole, "without a file it is not one that was made of half the data"
    assert journal.unfinished(tmp_path) is None
    assert restore(str(file)).before == ".stackctl/backups/blog/4.tar", "what is there is whole again"


def test_a_spoke_that_must_run_for_its_backup_is_started_without_an_up(tmp_path: Path) -> None:
    """An `up` would refuse while a restore is unfinished."""
    compose: Any = SimpleNamespace(directory=tmp_path)
    stopped: Any = SimpleNamespace(running=False)
    with pytest.raises(StackctlError, match="db does not run") as refused:
        backups.back_up(compose, "db", Backup(command=("dump",)), stopped)
    assert "`stackctl restart db`" in refused.value.hint


def test_down_ends_what_a_killed_restore_left_where_nothing_is_there_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stack.yaml").write_text("name: home\nedge: none\n")
    module = "stackctl.commands.down"
    monkeypatch.setattr(f"{module}.Engine", SimpleNamespace(connect=lambda _: None))
    monkeypatch.setattr(f"{module}.observe", lambda *_: Observed("home", ()))
    monkeypatch.setattr(f"{module}.expect_ours", lambda *_: None)
    forgotten: list[Path] = []
    monkeypatch.setattr(good, "forget_values", forgotten.append)
    written = Journal(tmp_path)
    written.begin(Begun("restore", "", {}, {}))
    written.phase(Phase.RESTORE, "again")
    held: Any = None
    # The containers may run on another Engine than the one that was asked.
    with pytest.raises(StackctlError, match="declined"):
        end_of(down(tmp_path, confirm=lambda _: False, environ={}, held=held))
    assert journal.unfinished(tmp_path)
    end_of(down(tmp_path, confirm=lambda _: True, environ={}, held=held))
    assert journal.unfinished(tmp_path) is None
    assert forgotten == [tmp_path]
    end_of(down(tmp_path, confirm=lambda _: False, environ={}, held=held))


# ---- backups of several


@pytest.fixture
def several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Backups of `a` and `c`, which fail where that is said, and of `b`, which has no container."""
    spokes = tuple(SimpleNamespace(name=name, backup=FOLDER) for name in "abc")
    stack = SimpleNamespace(name="s", spokes=spokes, spoke=lambda name: spokes["abc".index(name)])
    acting = SimpleNamespace(warned=lambda: iter(()), compose=None, engine=None, stack=stack)
    running: Any = [SimpleNamespace(spoke=name, running=True) for name in "ac"]
    monkeypatch.setattr(told, "act_on", lambda *_: acting)
    monkeypatch.setattr(told, "containers_of", lambda *_: running)
    monkeypatch.setattr(told, "observe", lambda *_: Observed("s", tuple(running)))

    def run(*names: str, fails: str = "") -> list[Any]:
        def back_up(_: Any, name: str, *__: Any) -> Kept:
            if name in fails:
                raise StackctlError(f"{name} failed")
            return Kept(name, f"{name}.tar", 1)

        monkeypatch.setattr(backups, "back_up", back_up)
        held: Any = None
        happened: list[Any] = []
        story = told.back_up(tmp_path, names, environ={}, held=held)
        try:
            while True:
                happened.append(next(story))
        except StopIteration as end:
            return [*happened, end.value]
        except StackctlError as error:
            return [*happened, error]

    return run


def test_who_fails_keeps_nobody_else_from_being_backed_up(several: Callable[..., list[Any]]) -> None:
    *happened, failed = several(fails="a")
    assert (failed.message, failed.exit_code) == ("a failed", Exit.FAILED)
    assert Finished("backup", "c", detail="c.tar") in happened
    *_, failed = several(fails="ac")
    assert "a failed; c failed" in failed.message


def test_who_was_never_brought_up_is_left_out_unless_it_was_named(several: Callable[..., list[Any]]) -> None:
    *happened, ended = several()
    assert Said("left out, as it has no container: b") in happened
    assert [kept.spoke for kept in ended.answer.backups] == ["a", "c"]
    *happened, failed = several("b", "c")
    assert failed.message == "b has no container"
    assert Finished("backup", "c", detail="c.tar") in happened


def test_looking_for_backups_makes_no_folder(tmp_path: Path) -> None:
    assert backups.kept(tmp_path, "blog") == ()
    assert list(tmp_path.iterdir()) == []
    (backups.folder(tmp_path, "blog") / "1.tar").write_bytes(b"x")
    assert [kept.file for kept in backups.kept(tmp_path, "blog")] == [".stackctl/backups/blog/1.tar"]
