"""Everything that a person sees. Events go in as they happen; an answer is shown at the end."""

from __future__ import annotations

import sys
import time
from functools import singledispatchmethod
from textwrap import indent
from typing import TYPE_CHECKING, TextIO

from rich.console import Console as Terminal
from rich.console import Group, RenderableType
from rich.text import Text

from stackctl import settled
from stackctl.commands.diagnosed import DoctorAnswer
from stackctl.commands.story import (
    ActedAnswer,
    Answer,
    DocsAnswer,
    EditAnswer,
    ExecAnswer,
    LinesAnswer,
    LintAnswer,
    PlanAnswer,
    ShowAnswer,
    StatusAnswer,
    UpAnswer,
    VerifyAnswer,
    Watched,
)
from stackctl.console.answers import diagnosis, docs, mended, picture, printed, status
from stackctl.console.lines import harmless, hung
from stackctl.console.plan import plan_lines
from stackctl.console.spoke import spoke
from stackctl.errors import StackctlError
from stackctl.events import Checked, Event, Finished, Found, Line, Planned, Said, Started
from stackctl.findings import Finding, InvalidFiles, Severity
from stackctl.model import Outcome, Plan, Result

# What moves on the screen is imported when something moves: most commands end before.
if TYPE_CHECKING:
    from rich.live import Live
    from rich.progress import Progress, TaskID

_OUTCOME = {
    Outcome.PASSED: ("✔", "green"),
    Outcome.FAILED: ("✘", "red"),
    Outcome.UNREACHABLE: ("?", "magenta"),
}
_OF_EXPOSURE = "CK2"
"""Checks of who can reach what; other warnings, such as CK317, expose nothing."""
_SPOKE_COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green")


class Console:
    """Results go to standard output; progress, warnings and errors to standard error."""

    def __init__(self, *, colour: bool | None = None, verbose: bool = False) -> None:
        self._out = _terminal(colour, sys.stdout)
        self._err = _terminal(colour, sys.stderr)
        self._verbose = verbose
        self._warnings = 0
        self._started: dict[tuple[str, str], tuple[float, TaskID | None]] = {}
        self._progress: Progress | None = None
        self._colour_of: dict[str, str] = {}
        self._live: Live | None = None
        self._watched: StatusAnswer | None = None
        self._asked_about: tuple[Finding, ...] = ()
        self._checked_spoke = ""

    # ---- while it works

    @singledispatchmethod
    def show(self, event: Event | Watched) -> None:
        raise TypeError(f"no way to show {event!r}")

    @show.register
    def _(self, event: Found) -> None:
        # Every command reads the files; only `lint` lists what it found, as its answer.
        self._warnings += not event.finding.accepted

    @show.register
    def _(self, event: Planned) -> None:
        self._plan(event.plan)

    @show.register
    def _(self, event: Started) -> None:
        task = None
        if self._err.is_terminal:
            if self._progress is None:
                self._progress = _progress(self._err)
                self._progress.start()
            task = self._progress.add_task(_step(event.step, event.spoke), total=None)
        self._started[event.step, event.spoke] = (time.monotonic(), task)

    @show.register
    def _(self, event: Finished) -> None:
        started, task = self._started.pop((event.step, event.spoke), (time.monotonic(), None))
        if self._progress is not None and task is not None:
            self._progress.remove_task(task)
            if not self._progress.tasks:
                # A display without a task would stand in the way of what is printed to standard output.
                self.close()
        mark, style = ("✔", "green") if event.ok else ("✘", "red")
        line = Text.assemble((f"{mark} ", style), _step(event.step, event.spoke))
        if event.detail:
            line.append(f"  {event.detail}", "dim")
        line.append(f"  {time.monotonic() - started:.1f} s", "dim")
        self._err.print(line)

    @show.register
    def _(self, event: Checked) -> None:
        self._result(event.result)

    @show.register
    def _(self, event: Said) -> None:
        if event.warning:
            hung(self._err, Text.assemble(("warning: ", "yellow"), event.message), len("warning: "))
        else:
            self._err.print(event.message, markup=False)

    @show.register
    def _(self, event: Line) -> None:
        colour = self._colour_of.setdefault(
            event.spoke, _SPOKE_COLOURS[len(self._colour_of) % len(_SPOKE_COLOURS)]
        )
        prefix = Text(f"{event.spoke} | ", colour) if event.spoke else Text()
        self._out.print(prefix + Text.from_ansi(event.text))

    @show.register
    def _(self, event: Watched) -> None:
        if not self._out.is_terminal:
            if event.answer != self._watched:
                self._out.print(self._status(event.answer))
            self._watched = event.answer
            return
        if self._live is None:
            from rich.live import Live

            self._live = Live(console=self._out, auto_refresh=False)
            self._live.start()
        told = Text(f"\n{time.strftime('%H:%M:%S')}, Ctrl-C ends", "dim")
        self._live.update(Group(self._status(event.answer), told), refresh=True)

    def close(self) -> None:
        """Ends the progress display; safe to call twice."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    # ---- at the end

    @singledispatchmethod
    def answer(self, answer: Answer) -> None:
        """Those that are one picture; what needs more than that has a way of its own below."""
        # For a program: nothing may be wrapped, coloured or read as markup.
        self._out.file.write(printed(answer))
        if (seen := picture(answer)) is not None:
            self._out.print(seen, soft_wrap=False, crop=False)
        self._warned()

    @answer.register
    def _(self, answer: LintAnswer) -> None:
        if answer.mended:
            self._out.print(mended(answer.mended))
        for finding in answer.findings:
            self._finding(self._out, finding)
        errors = sum(finding.blocks for finding in answer.findings)
        accepted = sum(bool(finding.accepted) for finding in answer.findings)
        warnings = len(answer.findings) - errors - accepted
        told = ", ".join(
            [_count(errors, "error"), _count(warnings, "warning")]
            + ([f"{accepted} accepted"] if accepted else [])
        )
        self._out.print(Text(told, "red" if errors else "yellow" if warnings else "green"))

    @answer.register
    def _(self, answer: PlanAnswer) -> None:
        self._plan(answer.plan)
        if not answer.plan.changes:
            self._out.print(answer.plan.in_a_word)
        self._warned()

    @answer.register
    def _(self, answer: UpAnswer) -> None:
        self._verdict(answer.results)
        self._warned()

    @answer.register
    def _(self, answer: DocsAnswer) -> None:
        for finding in answer.findings:
            self._finding(self._out, finding)
        self._out.print(docs(answer))

    @answer.register
    def _(self, answer: VerifyAnswer) -> None:
        self._verdict(answer.results)

    @answer.register
    def _(self, answer: DoctorAnswer) -> None:
        for found in answer.diagnoses:
            for line in diagnosis(found).split("\n"):
                hung(self._out, line, len("  hint    "))

    @answer.register
    def _(self, answer: StatusAnswer) -> None:
        self._out.print(self._status(answer))

    @answer.register
    def _(self, answer: EditAnswer) -> None:
        # Who was asked whether to edit again has seen them.
        if answer.findings != self._asked_about:
            for finding in answer.findings:
                self._finding(self._out, finding)

    @answer.register
    def _(self, answer: ShowAnswer) -> None:
        self._out.print(spoke(answer), soft_wrap=False, crop=False)
        for finding in answer.findings:
            self._finding(self._err, finding)

    @answer.register
    def _(self, answer: ExecAnswer | ActedAnswer | LinesAnswer) -> None:
        """Everything was seen already."""

    # ---- when it fails

    def error(self, error: StackctlError) -> None:
        self.close()
        if isinstance(error, InvalidFiles):
            for finding in error.told:
                self._finding(self._err, finding)
        hung(self._err, Text.assemble(("error: ", "bold red"), error.message), len("error: "))
        if error.hint:
            hung(self._err, Text.assemble(("hint: ", "bold"), error.hint), len("hint: "))
        if error.detail:
            if self._verbose:
                # Evidence is copied and searched, so it is never cut to the width of a screen.
                self._err.print(Text(indent(error.detail, "  "), "dim"), soft_wrap=True)
            else:
                self._err.print(Text("`--verbose` shows what lies behind it", "dim"))

    def findings(self, findings: tuple[Finding, ...]) -> None:
        """What a question is about to be asked about."""
        self._asked_about = findings
        for finding in findings:
            self._finding(self._err, finding)

    def ask_for(self, what: str, default: str = "") -> str:
        """A line from the person at the terminal, or the default for an empty one."""
        self.close()
        told = f" [{default}]" if default else ""
        self._err.print(Text.assemble((what, "bold"), f"{told}: "), end="")
        return self._typed() or default

    def ask(self, question: str) -> bool:
        """A yes or no from the person at the terminal; everything but a yes is a no."""
        self.close()
        self._err.print(Text.assemble((question, "bold"), " [y/N] "), end="")
        return self._typed().lower() in ("y", "yes")

    def _typed(self) -> str:
        line = sys.stdin.readline()
        if not line.endswith("\n"):
            # Whoever ends the input has not ended the line.
            self._err.print()
        return line.strip()

    # ---- pieces

    def _status(self, answer: StatusAnswer) -> RenderableType:
        return status(answer, wide=self._verbose or self._out.width >= 110)

    def _plan(self, plan: Plan) -> None:
        for line in plan_lines(plan):
            # What goes on below stands under the name of the spoke, or further in than what it belongs to.
            hung(self._out, line, 6 if line.plain[:1] == " " else 11)

    def _result(self, result: Result) -> None:
        mark, style = _OUTCOME[result.outcome]
        check = result.check
        if result.outcome is not Outcome.PASSED and (check.severity is Severity.WARNING or result.accepted):
            mark, style = "!", "yellow"
        if check.spoke != self._checked_spoke:
            self._checked_spoke = check.spoke
            self._out.print(Text(check.spoke, "bold"))
        told = Text.assemble((f"  {mark} ", style), (f"{check.code} ", "dim"), check.title)
        hung(self._out, told, len("  ✔ CK101 "))
        if result.outcome is not Outcome.PASSED or self._verbose:
            hung(self._out, Text(f"      {_word(result)}: {result.saw}", style))
        if result.accepted:
            hung(self._out, Text(f"      accepted: {result.accepted}", "dim"))

    def _verdict(self, results: tuple[Result, ...]) -> None:
        if not results:
            return
        passed = sum(r.outcome is Outcome.PASSED for r in results)
        broken = [r for r in results if not r.holds]
        told = [f"{passed} passed"]
        told += (
            f"{count} {outcome.value}"
            for outcome in (Outcome.FAILED, Outcome.UNREACHABLE)
            if (count := sum(r.outcome is outcome for r in broken))
        )
        stated = {Outcome.FAILED: "stated as exposure", Outcome.UNREACHABLE: "stated, and unreachable"}
        for outcome, words in stated.items():
            if count := sum(r.holds and r.outcome is outcome for r in results):
                told.append(f"{count} {words}")
        self._out.print(Text(", ".join(told), "red" if broken else "green"))

    def _finding(self, where: Terminal, finding: Finding) -> None:
        style = "red" if finding.severity is Severity.ERROR else "yellow"
        told = Text.assemble(
            (harmless(str(finding.at)), "bold"),
            f" {finding.code} ",
            (f"{finding.severity.value}: ", style),
            harmless(finding.message),
        )
        hung(where, told, 2)
        if finding.hint:
            hung(where, Text(f"    {harmless(finding.hint)}", "dim"))
        if finding.accepted:
            hung(where, Text(f"    accepted: {finding.accepted}", "dim"))

    def _warned(self) -> None:
        if self._warnings:
            self._err.print(Text(settled.warnings(self._warnings), "dim"))


class _Told(Terminal):
    def on_broken_pipe(self) -> None:
        # By itself it ends the program at once, whatever is under way.
        raise BrokenPipeError


def _terminal(colour: bool | None, file: TextIO) -> Terminal:
    # None leaves colours to NO_COLOR. Words wrap for a person; a program that reads lines gets whole ones.
    return _Told(
        file=file,
        no_color=None if colour is None else not colour,
        highlight=False,
        soft_wrap=not file.isatty(),
    )


def _progress(terminal: Terminal) -> Progress:
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    return Progress(*columns, console=terminal, transient=True)


def _word(result: Result) -> str:
    """What lies open is stated in every run, and nothing has failed by that."""
    check = result.check
    stated = check.severity is Severity.WARNING and check.code.startswith(_OF_EXPOSURE)
    open_ = stated and result.outcome is Outcome.FAILED and not result.accepted
    return "exposed" if open_ else result.outcome.value


def _step(step: str, spoke: str) -> str:
    return f"{spoke}  {step}" if spoke else step


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
