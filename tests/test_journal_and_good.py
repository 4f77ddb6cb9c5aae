"""What is kept beside the labels survives kills and damage, and says so."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from stackctl import good, history, journal, lines, notify, state
from stackctl.apply.tidy import left_over
from stackctl.commands.back import by_then
from stackctl.commands.carry_out import carry_out
from stackctl.commands.change import Progress
from stackctl.commands.good_state import reopened
from stackctl.commands.opened import look_at_host, open_stack
from stackctl.errors import Exit, StackctlError
from stackctl.events import Event, Said
from stackctl.files import load
from stackctl.findings import InvalidFiles
from stackctl.good import Seen
from stackctl.history import Came, Run
from stackctl.journal import Begun, Journal, NotBegun, Phase, Unfinished
from stackctl.model import Container, Observed, Wanted
from stackctl.override import OVERRIDE_FILE
from stackctl.secrets import Secret
from tests import command_line

NOTHING_MADE = SimpleNamespace(wanted={})
BEGUN = Begun(
    "up", "t" * 64, {"app": "recreate"}, {"app": ("1" * 64,)}, "2026-11-21T09:00:00+00:00", "kim", 7
)


def begun(root: Path, steps: Iterable[tuple[str, str]] = ()) -> Journal:
    written = Journal(root)
    written.begin(BEGUN, steps)
    return written


def test_a_journal_tells_how_far_a_run_came_and_is_gone_after_a_good_end(tmp_path: Path) -> None:
    assert journal.unfinished(tmp_path) is None
    written = begun(tmp_path)
    written.step("recreate", "db")
    written.ended("recreate", "db", ok=True)
    written.step("recreate", "app")
    found = journal.unfinished(tmp_path)
    assert found is not None
    assert (found.begun, found.phase) == (BEGUN, Phase.APPLY)
    assert (found.steps, found.open) == ((("recreate", "db"), ("recreate", "app")), (("recreate", "app"),))
    written.phase(Phase.BACK, "app is unhealthy")
    found = journal.unfinished(tmp_path)
    assert found is not None
    assert (found.phase, found.why) == (Phase.BACK, "app is unhealthy")
    written.close()
    assert journal.unfinished(tmp_path) is None


def test_what_an_earlier_run_had_begun_is_known_to_each_that_goes_on_with_it(tmp_path: Path) -> None:
    """Also what failed: a newer image may have run on what the spoke keeps."""
    written = begun(tmp_path)
    written.step("pull", "db")
    written.ended("pull", "db", ok=True)
    written.step("recreate", "db")
    written.ended("recreate", "db", ok=False)
    for _ in range(3):
        progress = Progress.after(journal.unfinished(tmp_path))
        assert progress.steps == [("recreate", "db")]
        begun(tmp_path, progress.steps)
    left = journal.unfinished(tmp_path)
    assert left is not None
    assert left.open == ()


@pytest.mark.parametrize("left", [(), (("recreate", "app"),)])
def test_a_journal_that_cannot_be_begun_leaves_all_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: tuple[tuple[str, str], ...]
) -> None:
    """Also where the run goes on with what another began: going back would change what runs, unwritten."""
    earlier = begun(tmp_path, left) if left else None
    before = journal.unfinished(tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(journal, "write_atomically", full)
    opened = SimpleNamespace(bundle=SimpleNamespace(files={}), stack=None, root=tmp_path)
    change = SimpleNamespace(root=tmp_path, left=before, begun=BEGUN, opened=opened, made=NOTHING_MADE)
    with pytest.raises(NotBegun, match="the disk is full; what was planned was not begun"):
        list(carry_out(change, verify=False))  # type: ignore[arg-type]
    assert journal.unfinished(tmp_path) == before
    assert (earlier is None) == (before is None)


@pytest.mark.parametrize("said_yes_to", [{}, {"db": ("port * 5432 5432/tcp",)}])
def test_a_run_that_came_to_nothing_was_said_yes_to_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said_yes_to: dict[str, tuple[str, ...]]
) -> None:
    """Not even the names stay: where nothing ever ran, the next run is still the first."""

    def applied(*_: object, **__: object) -> Iterator[Event]:
        state.remember_exposed(tmp_path, {"db": (), "web": ("port * 80 80/tcp",)})
        state.remember_elements(tmp_path, {"network home_proxy": "a"})
        state.remember_written(tmp_path, {"rendered/web/conf": "b"})
        gone.unlink()
        yield Said("pulls")
        raise StackctlError("its image cannot be had")

    monkeypatch.setattr("stackctl.commands.carry_out.consent", lambda *_: None)
    monkeypatch.setattr("stackctl.commands.carry_out._applied", applied)
    gone = tmp_path / "rendered" / "gone" / "conf"
    gone.parent.mkdir(parents=True)
    gone.write_text("mounted by what still runs")
    if said_yes_to:
        state.remember_exposed(tmp_path, said_yes_to)
    opened = SimpleNamespace(bundle=SimpleNamespace(files={}), stack=None, root=tmp_path)
    change = SimpleNamespace(root=tmp_path, left=None, begun=BEGUN, opened=opened, made=NOTHING_MADE)
    with pytest.raises(StackctlError, match="cannot be had"):
        list(carry_out(change, verify=False))  # type: ignore[arg-type]
    assert state.exposed(tmp_path) == said_yes_to
    assert (state.applied_elements(tmp_path), state.written(tmp_path)) == ({}, {})
    assert gone.read_text() == "mounted by what still runs"


@pytest.mark.parametrize(
    ("left", "says"),
    [(None, "nothing was changed"), (Unfinished(BEGUN), "nothing else was changed")],
)
def test_an_interrupt_counts_what_an_earlier_run_left_and_this_one_cleared_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: Unfinished | None, says: str
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stackctl.commands.carry_out.consent", interrupted)
    opened = SimpleNamespace(bundle=SimpleNamespace(files={}), stack=None, root=tmp_path)
    change = SimpleNamespace(root=tmp_path, left=left, begun=BEGUN, opened=opened, made=NOTHING_MADE)
    with pytest.raises(KeyboardInterrupt, match=f"^{says}$"):
        list(carry_out(change, verify=False))  # type: ignore[arg-type]


def test_nothing_works_on_what_a_restore_has_left_in_part(tmp_path: Path) -> None:
    journal.expect_whole(None)
    written = begun(tmp_path)
    written.step("recreate", "app")
    journal.expect_whole(journal.unfinished(tmp_path))
    again = Journal(tmp_path)
    for _ in range(2):
        again.phase(Phase.RESTORE, "what was there before: `stackctl restore db FILE`")
        again.step("restore", "db")
        with pytest.raises(StackctlError, match="the restore of db") as refused:
            journal.expect_whole(journal.unfinished(tmp_path))
        assert "`stackctl restore db FILE`" in refused.value.hint
    again.ended("restore", "db", ok=True)
    again.phase(Phase.APPLY)
    left = journal.unfinished(tmp_path)
    journal.expect_whole(left)
    assert left is not None
    assert (left.begun, left.open) == (BEGUN, (("recreate", "app"),)), (
        "what the run before left is still told"
    )


@pytest.mark.parametrize("cut", range(1, 40))
def test_half_a_last_line_is_a_step_that_was_not_begun(tmp_path: Path, cut: int) -> None:
    written = begun(tmp_path)
    path = tmp_path / journal.FILE
    whole = path.stat().st_size
    written.step("recreate", "app")
    content = path.read_bytes()
    if whole + cut < len(content) - 1:
        path.write_bytes(content[: whole + cut])
        found = journal.unfinished(tmp_path)
        assert found is not None
        assert found.open == ()
        written.step("create", "new")
        found = journal.unfinished(tmp_path)
        assert found is not None
        assert found.open == (("create", "new"),)


def test_a_journal_of_a_newer_version_stops_everything(tmp_path: Path) -> None:
    begun(tmp_path)
    path = tmp_path / journal.FILE
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 2'))
    with pytest.raises(StackctlError, match="cannot be understood"):
        journal.unfinished(tmp_path)


def test_the_history_sets_torn_lines_aside(tmp_path: Path) -> None:
    run = Run("2026-11-21T09:00:00+00:00", "kim", "up", {"app": "create"}, Came.APPLIED, good=1)
    history.append(tmp_path, run)
    with (tmp_path / history.FILE).open("a") as file:
        file.write('{"schema": 1, "at"')
    history.append(tmp_path, replace(run, came=Came.RESTORED, why="app is unhealthy"))
    runs, torn = history.read(tmp_path)
    assert [r.came for r in runs] == [Came.APPLIED, Came.RESTORED]
    assert torn == f"{history.FILE}: line 2 is no record, and set aside; the others count"


def test_a_line_is_whole_or_torn_and_nothing_in_between(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text('{"a": 1}\n[1]\n\n{"b"')
    found = lines.read(path)
    assert (found.documents, found.torn) == (((1, {"a": 1}),), (2, 4))


def seen(text: str, **more: object) -> Seen:
    bundle = {"docker-compose.yml": b"x", OVERRIDE_FILE: b"TAG: s3cret"}
    parts = {"files": {"spokes/app.yaml": text.encode()}, "bundle": bundle}
    values = {"variables": {"TAG": text}, "secrets": {"db": Secret("s3cret")}}
    known = Seen("2026-11-21T09:00:00+00:00", "kim", {"app": "sha256:1"}, {"app": "1.a"}, parts)
    return replace(known, **{**values, **more})


@pytest.mark.parametrize("text", ["one", "two"], ids=["the same again", "another"])
def test_what_a_killed_run_had_half_kept_goes_with_the_next(tmp_path: Path, text: str) -> None:
    good.keep(tmp_path, seen("one"))
    left = tmp_path / good.DIR / ".new-1"
    (left / "bundle").mkdir(parents=True)
    (left / "values.json").write_text("s3cret")
    good.keep(tmp_path, seen(text))
    assert not left.exists()


def test_a_good_state_is_kept_once_and_only_the_newest_keeps_values(tmp_path: Path) -> None:
    assert good.keep(tmp_path, seen("one")) == 1
    assert good.keep(tmp_path, seen("one", variables={"TAG": "new"})) == 1
    (first,) = good.all_good(tmp_path)
    assert (first.variables, first.secrets["db"].reveal()) == ({"TAG": "new"}, "s3cret")
    assert good.keep(tmp_path, seen("two")) == 2
    second, first = good.all_good(tmp_path)
    assert (second.variables, first.variables, first.secrets) == ({"TAG": "two"}, None, {})
    assert first.part("files") == {"spokes/app.yaml": b"one"}
    assert second.part("bundle").keys() == {"docker-compose.yml", OVERRIDE_FILE}
    assert first.part("bundle") == {"docker-compose.yml": b"x"}, "the override holds values too"
    for path in (tmp_path / good.DIR).rglob("*"):
        if path.name in ("values.json", "db", "good.json", OVERRIDE_FILE):
            assert path.stat().st_mode & 0o777 == 0o600, path
    good.forget_values(tmp_path)
    assert "s3cret" not in "".join(p.read_text() for p in (tmp_path / good.DIR).rglob("*") if p.is_file())
    assert good.keep(tmp_path, seen("two")) == 2
    assert good.all_good(tmp_path)[0].part("bundle")[OVERRIDE_FILE] == b"TAG: s3cret"


def test_what_is_put_back_and_is_there_already_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "docker-compose.yml"
    good.keep(tmp_path, seen("one"))
    (state,) = good.all_good(tmp_path)
    file.write_bytes(b"x")
    before = file.stat()
    good.link_into(state, tmp_path, ["docker-compose.yml"])
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    file.write_bytes(b"y")
    good.link_into(state, tmp_path, ["docker-compose.yml"])
    assert file.read_bytes() == b"x"


def test_no_more_than_five_are_kept_unless_a_container_mounts_one(tmp_path: Path) -> None:
    for number in range(1, 9):
        mounted = f"{tmp_path}/{good.DIR}/2/mounted/conf"
        good.keep(tmp_path, seen(str(number)), in_use=[mounted])
    assert [state.number for state in good.all_good(tmp_path)] == [8, 7, 6, 5, 4, 2]


def test_a_damaged_state_is_refused_and_half_of_one_is_none(tmp_path: Path) -> None:
    good.keep(tmp_path, seen("one"))
    (state,) = good.all_good(tmp_path)
    (state.folder / "files" / "spokes" / "app.yaml").write_text("")
    with pytest.raises(StackctlError, match="is damaged"):
        state.part("files")
    (state.folder / "good.json").write_text("{")
    assert good.all_good(tmp_path) == ()


def container(id: str, fingerprint: str, state: str = "running", health: str = "") -> Container:
    labels = {"stackctl.fingerprint": fingerprint}
    return Container(id, id, "", "", state, health, 0, 0, labels, {}, (), ())


WANTED = Wanted({"labels": {"stackctl.fingerprint": "new"}})


@pytest.mark.parametrize(
    ("containers", "stays"),
    [
        ((container("1", "old"), container("2", "new")), "2"),
        ((container("1", "old"), container("2", "new", "created")), "1"),
        ((container("1", "old", "exited"), container("2", "new", "created")), "1"),
        ((container("1", "old"), container("2", "new", health="starting")), "1"),
        ((container("1", "old", health="unhealthy"), container("2", "new", health="healthy")), "2"),
        ((container("2", "new"),), "2"),
    ],
)
def test_of_two_what_works_as_declared_stays_else_what_was_there(
    containers: tuple[Container, ...], stays: str
) -> None:
    going = left_over(containers, WANTED, {"1"})
    assert [c.id for c in containers if c not in going] == [stays]


def test_notify_gets_one_document_and_its_failure_is_a_sentence(tmp_path: Path) -> None:
    told = notify.document("home", "up", Exit.NOT_RESTORED, "app is unhealthy: s3cret")
    out = tmp_path / "out"
    argv = ["sh", "-c", f"cat > {out}"]
    assert notify.notify(argv, told, tmp_path, {"PATH": "/usr/bin:/bin"}, ["s3cret"]) == ""
    assert json.loads(out.read_text()) == {**told, "message": "app is unhealthy: [redacted]"}
    assert "exit code 1" in notify.notify(["false"], told, tmp_path, {"PATH": "/usr/bin:/bin"})
    assert "not there" in notify.notify(["/nowhere/at/all"], told, tmp_path, {})


def test_a_hint_begins_with_what_to_do_first() -> None:
    known, unknown = StackctlError("no", "free the port"), StackctlError("no")
    then = "then `stackctl up` goes on going back"
    assert by_then(known, unknown, then) == by_then(unknown, known, then) == f"free the port; {then}"
    assert by_then(unknown, unknown, then) == f"mend what the message names; {then}"


def test_a_state_that_was_good_is_gone_back_to_though_a_rule_of_today_forbids_it(tmp_path: Path) -> None:
    """What ran then is what is there to go back to: rules ask more with every version."""
    root = command_line.written(tmp_path)
    texts = {path: text for path, text in load(root).items() if path != "spokes/web.yaml"}
    labelled = b"image: nginx:1\nnetworks: [proxy]\nlabels: {stackctl.prober: home}\n"
    good.keep(root, seen("", parts={"files": {**texts, "spokes/web.yaml": labelled}, "mounted": {}}))
    (kept,) = good.all_good(root)
    now = open_stack(root)
    opened, view = reopened(kept, now, look_at_host(now, {}), Observed("home", ()))
    assert opened.stack.spoke("web").service["labels"] == {"stackctl.prober": "home"}
    assert view.on_host.stanzas["web"]["labels"]["stackctl.spoke"] == "web"
    (root / "spokes" / "web.yaml").write_bytes(labelled)
    with pytest.raises(InvalidFiles) as refused:
        open_stack(root)
    assert [finding.code for finding in refused.value.findings if finding.blocks] == ["SC113"]
