"""`stackctl lint`: every problem in the files, in one run; `--fix` mends what can be mended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stackctl.commands.opened import find, find_of_host
from stackctl.commands.story import Ended, LintAnswer, Story
from stackctl.errors import Exit
from stackctl.events import Found

if TYPE_CHECKING:
    from stackctl.edit.mend import Mended


def lint(root: Path, *, fix: bool = False) -> Story:
    mended: tuple[Mended, ...] = ()
    if fix:
        from stackctl import files
        from stackctl.edit import write
        from stackctl.edit.mend import mend

        texts = files.load(root)
        after, mended = mend(texts)
        for file, data in after.items():
            write(root, file, texts[file], data)
    stack, found = find(root)
    findings = (*found, *find_of_host(root, stack))
    yield from (Found(finding) for finding in findings)
    blocked = any(finding.blocks for finding in findings)
    return Ended(LintAnswer(findings, mended), Exit.INVALID_FILES if blocked else Exit.DONE)
