"""What a run that did not succeed says."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from stackctl.apply.wait import Verdict
from stackctl.compose import Compose
from stackctl.engine import Engine
from stackctl.errors import Exit, StackctlError
from stackctl.process import redacted

LOG_LINES = 20


class SpokeFailed(StackctlError):
    """A spoke that this run created, recreated or started does not work."""

    def __init__(
        self, spoke: str, message: str, hint: str = "", detail: str = "", log: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, hint, detail)
        self.spoke = spoke
        self.log = log
        """The last lines that its container wrote."""


class Interrupted(StackctlError):
    """The person stopped the run; what had been applied stays so."""

    exit_code = Exit.INTERRUPTED

    def __init__(self, applied: tuple[str, ...], left: tuple[str, ...], begun: tuple[str, ...] = ()) -> None:
        created = f"created, not waited for: {', '.join(begun)}; " if begun else ""
        super().__init__(
            f"interrupted; applied: {', '.join(applied) or 'nothing'}; {created}"
            f"not finished: {', '.join(left) or 'nothing'}",
            "run the same command again to go on",
        )
        self.applied = applied
        self.left = left
        self.begun = begun
        """Their containers were created or started, but nobody saw whether they work."""


def failure(spoke: str, verdict: Verdict, engine: Engine, compose: Compose) -> SpokeFailed:
    """Why a container does not work, with the end of its own log."""
    name = verdict.container.name
    log: tuple[str, ...] = ()
    # It may have been removed, or its log driver keeps nothing to read.
    with contextlib.suppress(StackctlError):
        log = tuple(redacted(engine.logs(verdict.container.id, LOG_LINES), compose.redact).splitlines())
    message = redacted(f"{spoke} {verdict.detail}", compose.redact)
    hint = f"see its whole log: docker logs {name}"
    return SpokeFailed(spoke, message, hint, "\n".join((f"the last lines of {name}:", *log)), log)


def together(failures: Sequence[StackctlError]) -> StackctlError:
    """One error for all that failed; the first one gives it its spoke and its hint."""
    first, *others = failures
    if not others or not isinstance(first, SpokeFailed):
        return first
    message = "; ".join(failure.message for failure in failures)
    return SpokeFailed(first.spoke, message, first.hint, "\n".join(f.detail for f in failures), first.log)
