"""Rules about what pages promise."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stackctl.codes import finding
from stackctl.findings import Finding, Location
from stackctl.model import Spoke, Stack


def smoke_tests_have_checks(stack: Stack) -> Iterator[Finding]:
    """SC303: a sentence that nobody runs is not a test."""
    for spoke in stack.spokes:
        if spoke.smoke_test and not _has_check(spoke) and not _runs_verify(spoke, stack):
            message = "the smoke test is a sentence; no check stands behind it"
            hint = "name a `### Verify …` block or a check by its title, or `stackctl verify NAME`"
            yield finding("SC303", spoke.at("smoke_test"), message, hint, spoke.name)


def _has_check(spoke: Spoke) -> bool:
    """Whether a check bears the sentence's words as its title, or calls itself the smoke test."""
    said = _plain(spoke.smoke_test)
    titles = [_plain(check.title) for check in spoke.checks]
    return any(title and (title in said or said in title or "smoke test" in title) for title in titles)


def _runs_verify(spoke: Spoke, stack: Stack) -> bool:
    named = re.findall(r"stackctl verify ([a-z0-9_-]+)", spoke.smoke_test)
    return any(name in {other.name for other in stack.spokes} for name in named)


def _plain(text: str) -> str:
    return " ".join(text.lower().replace("`", "").rstrip(".").split())


def pages_record_fingerprint(stack: Stack) -> Iterator[Finding]:
    """SC501: one can see whether the page describes the current files."""
    for spoke in stack.spokes:
        if spoke.page and not spoke.recorded.fingerprint:
            at = spoke.places.get(("recorded", "fingerprint"), Location(spoke.page))
            message = "the page records no fingerprint"
            yield finding("SC501", at, message, spoke=spoke.name)


RULES = (smoke_tests_have_checks, pages_record_fingerprint)
