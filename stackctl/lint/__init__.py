"""Every rule over a whole stack; problems that reading finds by itself are not repeated here."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from stackctl.findings import Finding
from stackctl.lint import dependencies, images, networks, pages, policies, safety, secrets
from stackctl.model import Stack
from stackctl.read.accepting import sorted_and_accepted

Rule = Callable[[Stack], Iterable[Finding]]

RULES: tuple[Rule, ...] = (
    *images.RULES,
    *networks.RULES,
    *dependencies.RULES,
    *safety.RULES,
    *policies.RULES,
    *pages.RULES,
    *secrets.RULES,
)


def lint(stack: Stack) -> tuple[Finding, ...]:
    """All findings of all rules, sorted by place, those that a spoke accepts with its reason."""
    found = [finding for rule in RULES for finding in rule(stack)]
    return sorted_and_accepted(found, stack.spokes)
