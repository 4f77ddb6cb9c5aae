"""Telling a story whose bad end somebody else hears of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from stackctl.commands.opened import find
from stackctl.commands.story import Story, UpAnswer, VerifyAnswer
from stackctl.errors import Exit, StackctlError
from stackctl.events import Said
from stackctl.notify import ON, document, notify


def notified(root: Path, command: str, story: Story, environ: Mapping[str, str]) -> Story:
    """The story; where it ends in 5, 6 or 8, the stack's `notify` runs, and its failure is a warning."""
    try:
        ended = yield from story
    except StackctlError as error:
        if error.exit_code in ON:
            # Its hint and its evidence may quote what a container said.
            yield from _told(root, command, error.exit_code, error.message, [], environ)
        raise
    if ended.exit_code in ON:
        results = ended.answer.results if isinstance(ended.answer, UpAnswer | VerifyAnswer) else ()
        checks = [
            {
                "code": result.check.code,
                "spoke": result.check.spoke,
                "title": result.check.title,
                "outcome": result.outcome.value,
            }
            for result in results
            if not result.holds
        ]
        message = f"{len(checks)} checks do not hold" if checks else "what runs does not work"
        yield from _told(root, command, Exit(ended.exit_code), message, checks, environ)
    return ended


def _told(
    root: Path,
    command: str,
    exit_code: Exit,
    message: str,
    checks: list[dict[str, str]],
    environ: Mapping[str, str],
) -> Iterator[Said]:
    stack, _ = find(root)
    if stack is None or not stack.notify:
        return
    told = document(stack.name, command, exit_code, message, checks)
    if trouble := notify(stack.notify, told, root, environ):
        yield Said(trouble, warning=True)
