"""What whoever only looks is told of a run that came to no good end."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl import journal, lines
from stackctl.journal import Begun, Journal, Phase

NOW = Begun("up", "t" * 64, {"app": "recreate"}, {"app": ("1" * 64,)}, by="kim")
"""By this process, at this time."""


def test_who_only_looks_is_told_of_a_run_that_was_killed_and_of_none_that_is_at_work(tmp_path: Path) -> None:
    assert journal.left_undone(tmp_path) == ""
    Journal(tmp_path).begin(NOW)
    assert journal.left_undone(tmp_path) == ""
    killed = subprocess.Popen(["true"])
    os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
    written = Journal(tmp_path)
    written.begin(replace(NOW, pid=killed.pid))
    told = "the last run (`stackctl up` by kim) did not end well"
    assert journal.left_undone(tmp_path) == f"{told}: `stackctl up` goes on with it"
    killed.wait()
    assert journal.left_undone(tmp_path) == f"{told}: `stackctl up` goes on with it"
    # Since then the machine has started anew, and another program has the number.
    written.begin(replace(NOW, at="1999-12-31T23:59:59+00:00"))
    assert journal.left_undone(tmp_path) == f"{told}: `stackctl up` goes on with it"
    written.begin(replace(NOW, pid=killed.pid, command="rollback"))
    assert "give the same command again" in journal.left_undone(tmp_path)
    written.begin(replace(NOW, pid=killed.pid))
    written.phase(Phase.RESTORE, "to undo it: `stackctl restore db FILE`")
    assert journal.left_undone(tmp_path) == f"{told}: to undo it: `stackctl restore db FILE`"
    (tmp_path / journal.FILE).write_text("not one line\n")
    assert "cannot be understood" in journal.left_undone(tmp_path)


def test_a_run_that_ends_while_somebody_looks_is_told_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, read = Journal(tmp_path), lines.read
    written.begin(NOW)

    def ended(path: Path) -> lines.Lines:
        found = read(path)
        written.close()
        return found

    monkeypatch.setattr(lines, "read", ended)
    assert journal.left_undone(tmp_path) == ""
    written.begin(NOW)
    monkeypatch.setattr(lines, "read", lambda path: (written.close(), read(path))[1])
    assert journal.left_undone(tmp_path) == ""
