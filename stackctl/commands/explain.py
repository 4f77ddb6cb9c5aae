"""`stackctl lint --explain CODE`: why a rule or a check is one."""

from __future__ import annotations

import difflib
import re

from stackctl.codes import CODES
from stackctl.commands.story import Ended, ExplainAnswer, Story
from stackctl.errors import UsageError


def explain(wanted: str) -> Story:
    """Why a code is one, with a bad and a good example.

    Raises:
        UsageError: There is no such code; the nearest ones are named.
    """
    yield from ()
    code = CODES.get(wanted.strip().upper())
    if code is None:
        near = "".join(f"\n  {id}  {CODES[id].title}" for id in _nearest(wanted))
        raise UsageError(f"there is no code `{wanted}`", f"the nearest are:{near}")
    return Ended(ExplainAnswer(code))


def _nearest(wanted: str) -> list[str]:
    """For a number its neighbours; else codes that begin like it, or whose title or reason speaks of it."""
    word = wanted.strip().lower()
    if match := re.fullmatch(r"(sc|ck)(\d{3,})", word):
        alike = [id for id in CODES if id.lower().startswith(match[1])]
        return sorted(alike, key=lambda id: abs(int(id[2:]) - int(match[2])))[:3]
    by_start = [id for id in CODES if word and id.lower().startswith(word)]
    by_id = difflib.get_close_matches(wanted.strip().upper(), list(CODES), n=3)
    by_title = [id for id, code in CODES.items() if word in code.title.lower()]
    by_reason = [id for id, code in CODES.items() if word in code.why.lower()]
    return (by_start or by_title or by_reason or by_id or list(CODES))[:8]
