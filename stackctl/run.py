"""Runs a command's story: shows its events and answer, and turns every way it can end into an exit code."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from stackctl.errors import Exit, StackctlError, UsageError, of_file

if TYPE_CHECKING:
    from stackctl.commands.story import Story
    from stackctl.console import Console
    from stackctl.findings import Finding
    from stackctl.json_output import JsonOutput


_CHANGE_NOTHING = ("verify", "doctor", "export")
"""Commands that tell of steps and leave everything as it is."""


@dataclass(frozen=True)
class Options:
    """What every command takes."""

    directory: Path | None = None
    json: bool = False
    verbose: bool = False
    colour: bool | None = None


class Output:
    """The console or `--json`, made when the first thing is to be shown."""

    def __init__(self, command: str, options: Options, *, streams: bool) -> None:
        self._options = options
        self._command = command
        self._begun = ""
        self._json: JsonOutput | None = None
        self._console: Console | None = None
        if options.json:
            from stackctl.json_output import JsonOutput

            self._json = JsonOutput(command, streams=streams)

    @property
    def console(self) -> Console:
        if self._console is None:
            from stackctl.console import Console

            self._console = Console(colour=self._options.colour, verbose=self._options.verbose)
        return self._console

    def story(self, story: Story) -> int:
        """Shows the story as it goes and gives its exit code; an interrupt reaches the story first."""
        from stackctl.events import Started

        try:
            while True:
                try:
                    event = next(story)
                except StopIteration as end:
                    ended = end.value
                    break
                if isinstance(event, Started):
                    self._begun = f"{event.step} {event.spoke}".rstrip()
                try:
                    with self._to_its_end():
                        if self._json:
                            self._json.event(event)
                        else:
                            self.console.show(event)
                except KeyboardInterrupt as interrupt:
                    # Only the story can say what it has done so far.
                    story.throw(interrupt)
            with self._to_its_end():
                if self._json:
                    self._json.ended(ended.answer, ended.exit_code)
                else:
                    self.console.close()
                    self.console.answer(ended.answer)
            return int(ended.exit_code)
        finally:
            story.close()
            if self._console is not None:
                self._console.close()

    @contextmanager
    def _to_its_end(self) -> Iterator[None]:
        """What was begun comes to its end, also where nobody reads of it any more."""
        try:
            yield
        except BrokenPipeError:
            if not self._changed:
                raise
            _read_by_nobody()

    def so_far(self) -> str:
        """What an interrupt leaves, where the story itself has no words for that."""
        begun = f"`{self._begun}` was begun, and may be done in part"
        return begun if self._changed else "nothing was changed"

    @property
    def _changed(self) -> bool:
        return bool(self._begun) and self._command not in _CHANGE_NOTHING

    def error(self, error: StackctlError) -> int:
        """Tells of it; its exit code, which holds whether anybody reads of it or not."""
        try:
            if self._json:
                self._json.error(error)
            else:
                self.console.error(error)
        except BrokenPipeError:
            _read_by_nobody()
        return error.exit_code

    @property
    def asks(self) -> bool:
        """Whether there is somebody to ask."""
        return self._json is None and sys.stdin.isatty()

    def confirm(self, question: str, *, yes: bool, flag: str = "--yes") -> bool:
        """A yes from `--yes`, or whichever flag says it, or from the person.

        Raises:
            UsageError: Nobody can be asked.
        """
        if yes:
            return True
        if not self.asks:
            asked = question if flag != "--yes" else ""
            raise UsageError(
                f"this needs a yes, and there is no terminal to ask at{f': {asked}' if asked else ''}",
                f"add {flag}",
            )
        return self.console.ask(question)

    def edit_again(self, findings: tuple[Finding, ...]) -> bool:
        """Shows what is wrong with a file that was just saved, and asks whether to go back to it."""
        self.console.findings(findings)
        return self.console.ask("Edit it again?")

    def ask_for(self, what: str, default: str = "") -> str:
        """A line from the person, where there is one; else the default."""
        return self.console.ask_for(what, default) if self.asks else default


def run(
    command: str,
    options: Options,
    tell: Callable[[Path, Output], Story],
    *,
    streams: bool = False,
    anywhere: bool = False,
    endless: bool = False,
) -> int:
    """Runs one command in the stack's folder, or, where it needs no stack, in any.

    An `endless` command has no other end than an interrupt, which is then no failure.
    """
    output = Output(command, options, streams=streams)
    # A terminated run must leave as tidily as an interrupted one.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return output.story(tell(_folder(options.directory, anywhere), output))
    except StackctlError as error:
        return output.error(error)
    except KeyboardInterrupt as interrupt:
        if endless:
            return Exit.DONE
        said = str(interrupt) or output.so_far()
        return output.error(_Interrupted(f"interrupted; {said}"))
    except BrokenPipeError:
        _read_by_nobody()
        return Exit.FAILED
    except Exception as bug:
        return _told(bug, output)


def _read_by_nobody() -> None:
    """The reader of our output left, as `| head` does; Python would complain once more at exit."""
    ours = select.poll()
    for stream in (sys.stdout, sys.stderr):
        ours.register(stream, 0)
    for descriptor, _ in ours.poll(0):
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def failed(error: Exception, command: str, *, json: bool) -> int:
    """Tells of what went wrong before a command's story could begin; the exit code."""
    return _told(error, Output(command, Options(json=json), streams=False))


def _told(error: Exception, output: Output) -> int:
    if isinstance(error, OSError):
        error = of_file(error) or error
    if not isinstance(error, StackctlError):
        error = _Bug(f"this is a bug in stackctl: {error!r}", f"the log is in {_log(error)}")
    return output.error(error)


def _folder(directory: Path | None, anywhere: bool) -> Path:
    if anywhere:
        return directory or Path.cwd()
    from stackctl.files import find_root

    return find_root(directory)


class _Interrupted(StackctlError):
    exit_code = Exit.INTERRUPTED


class _Bug(StackctlError):
    exit_code = Exit.BUG


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _log(bug: Exception) -> Path:
    import tempfile
    import time
    import traceback

    descriptor, name = tempfile.mkstemp(
        prefix=f"stackctl-bug-{time.strftime('%Y%m%d-%H%M%S')}-", suffix=".log"
    )
    with os.fdopen(descriptor, "w") as file:
        traceback.print_exception(bug, file=file)
    return Path(name)
