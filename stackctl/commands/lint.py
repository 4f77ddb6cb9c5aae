"""`stackctl lint`: every problem in the files, in one run."""

from __future__ import annotations

from pathlib import Path

from stackctl.commands.opened import find
from stackctl.commands.story import Ended, LintAnswer, Story
from stackctl.errors import Exit
from stackctl.events import Found


def lint(root: Path) -> Story:
    _, findings = find(root)
    yield from (Found(finding) for finding in findings)
    blocked = any(finding.blocks for finding in findings)
    return Ended(LintAnswer(findings), Exit.INVALID_FILES if blocked else Exit.DONE)
