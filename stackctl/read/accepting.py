"""`accept` in a manifest shows wherever the finding would."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from stackctl.findings import Finding
from stackctl.model import Spoke


def sorted_and_accepted(findings: Iterable[Finding], spokes: Iterable[Spoke]) -> tuple[Finding, ...]:
    """Findings by place, each with the reason for which its spoke accepts it; those of stack.yaml come first.

    It holds for everything below it, so what is wrong there explains much of the rest.
    """
    reasons = {
        (spoke.name, accept.code): accept.reason
        for spoke in spokes
        for accept in spoke.accept
        if not accept.name
    }
    marked = {replace(f, accepted=reasons.get((f.spoke, f.code), f.accepted)) for f in findings}
    return tuple(sorted(marked, key=lambda f: ("/" in f.at.file, f.at, f.code, f.message, f.hint, f.spoke)))
