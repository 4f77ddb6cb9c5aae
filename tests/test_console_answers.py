"""What a person reads of an answer is true, whole, and told once."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console as Terminal
from rich.console import RenderableType

from stackctl.codes import CODES
from stackctl.commands.diagnosed import Diagnosis, DoctorAnswer
from stackctl.commands.past import RecordsAnswer, StaleSpoke
from stackctl.commands.story import (
    ABSENT,
    ExplainAnswer,
    FingerprintAnswer,
    SpokeFingerprint,
    SpokeStatus,
    StatusAnswer,
    WrittenAnswer,
)
from stackctl.console import Console
from stackctl.console.answers import picture, status
from stackctl.console.past import records
from stackctl.events import Checked
from stackctl.findings import Severity
from stackctl.model import Check, Fingerprint, Observation, Outcome, Result, State


def shown(picture: RenderableType | None, width: int = 80) -> list[str]:
    out = StringIO()
    assert picture is not None
    Terminal(file=out, width=width, force_terminal=True, color_system=None).print(picture)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def row(spoke: str, runs: str, **more: str) -> SpokeStatus:
    stand_in = more.get("stand_in", "")
    return SpokeStatus(spoke, "socket-proxy", ("core",), runs, 0, "recreate", State.UNTESTED, True, stand_in)


def test_a_stand_in_is_said_to_run_where_it_runs() -> None:
    rows = (row("a", "running", stand_in="x:1"), row("b", ABSENT, stand_in="x:1"))
    told = shown(status(StatusAnswer("home", "29", rows), wide=False))
    assert told[-2:] == ["stand-in: a runs x:1", "stand-in: b would run x:1"]


@pytest.mark.parametrize("runs", ["exited (2)", "exited (137)"])
def test_a_spoke_and_how_it_ended_stand_on_one_line(runs: str) -> None:
    told = shown(status(StatusAnswer("home", "29", (row("docker-socket-proxy", runs),)), wide=False))
    assert len(told) == 3, "the stack, the head, and the spoke"
    assert runs in told[2]


DIGEST = "0123456789abcdef" * 4
PRINT = SpokeFingerprint("docker-socket-proxy", Fingerprint(DIGEST, {"image": DIGEST}), DIGEST, "")


def test_a_fingerprint_stands_on_a_line_of_80_columns() -> None:
    first, second, third = shown(picture(FingerprintAnswer((PRINT,))))
    assert (first, second) == ("docker-socket-proxy", f"    declared {DIGEST}")
    assert third == f"    image    {DIGEST[:12]}"


def test_a_check_of_fingerprints_ends_in_one_verdict() -> None:
    assert shown(picture(FingerprintAnswer((PRINT,), checked=True))) == [
        "docker-compose.yml and the pages state no other fingerprint"
    ]
    told = shown(picture(FingerprintAnswer((PRINT,), ("a: its page records 1",), checked=True)))
    assert told == ["~ a: its page records 1", "run `stackctl render`, or `stackctl docs sync` for a page"]


def test_lines_that_stood_above_a_question_are_not_told_again() -> None:
    lines = ("spokes/b.md:1: # B",)
    assert shown(picture(WrittenAnswer("home", ("spokes/b.md",), ("spokes/a.md",), lines))) == [
        "✔ spokes/b.md",
        "- spokes/a.md",
    ]
    assert shown(picture(WrittenAnswer("home", ("spokes/b.md",), (), lines)))[-1] == f"✔ {lines[0]}"


def test_an_explanation_ends_in_the_way_out() -> None:
    told = " ".join(" ".join(shown(picture(ExplainAnswer(CODES["CK205"])))).split())
    assert told.endswith(f"way out {CODES['CK205'].hint}")


class Screen(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_way_out_goes_on_below_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setattr("sys.stdout", screen := Screen())
    check = Check("CK101", "web", "runs", Observation("x"))
    link = Result(check, Outcome.FAILED, "stopped")
    fix = "`stackctl up web` starts it again; `stackctl logs web` says why it stopped"
    Console(colour=False).answer(DoctorAnswer((Diagnosis("web", (link,), "CK101", "stopped", fix),)))
    told = screen.getvalue().splitlines()
    start = next(n for n, line in enumerate(told) if line.startswith("  fix "))
    assert len(told) > start + 1
    assert all(line.startswith(" " * 10) for line in told[start + 1 :])


def test_what_is_stale_on_its_own_fingerprint_is_explained() -> None:
    def told(passed_on: str) -> str:
        stale = StaleSpoke("web", State.STALE, "a" * 12, "2026-11-21T09:30:00+00:00", passed_on)
        return " ".join(shown(records(RecordsAnswer(stale=(stale,)))))

    assert "what it depends on" in told("a" * 12)
    assert "what it depends on" not in told("b" * 12)


@pytest.mark.parametrize(
    ("code", "severity", "outcome", "accepted", "word"),
    [
        ("CK205", Severity.WARNING, Outcome.FAILED, "", "exposed"),
        ("CK205", Severity.WARNING, Outcome.FAILED, "a lab", "failed"),
        ("CK205", Severity.WARNING, Outcome.UNREACHABLE, "", "unreachable"),
        ("CK202", Severity.ERROR, Outcome.FAILED, "", "failed"),
        ("CK317", Severity.WARNING, Outcome.FAILED, "", "failed"),
    ],
)
def test_what_lies_open_is_stated_and_has_not_failed(
    code: str,
    severity: Severity,
    outcome: Outcome,
    accepted: str,
    word: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    check = Check(code, "proxy", "does not answer", Observation("x"), severity=severity)
    Console(colour=False).show(Checked(Result(check, outcome, "it answered", accepted=accepted)))
    assert f"      {word}: it answered" in capsys.readouterr().out.splitlines()
