"""Every rule over a whole stack; problems that reading finds by itself are not repeated here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from stackctl.codes import finding
from stackctl.findings import Finding
from stackctl.lint import (
    caddies,
    confinement,
    dependencies,
    edge_names,
    edges,
    hand_written,
    images,
    literals,
    networks,
    own_labels,
    pages,
    policies,
    proxies,
    replacing,
    routers,
    safety,
    secrets,
    sharing,
    variables,
)
from stackctl.model import Kind, Stack
from stackctl.read.accepting import sorted_and_accepted

Rule = Callable[[Stack], Iterable[Finding]]

RULES: tuple[Rule, ...] = (
    *images.RULES,
    *networks.RULES,
    *own_labels.RULES,
    *variables.RULES,
    *dependencies.RULES,
    *edges.RULES,
    *sharing.RULES,
    *safety.RULES,
    *confinement.RULES,
    *literals.RULES,
    *policies.RULES,
    *pages.RULES,
    *replacing.RULES,
    *secrets.RULES,
    *routers.RULES,
    *edge_names.RULES,
    *hand_written.RULES,
    *caddies.RULES,
    *proxies.RULES,
)

_OF_EDGES = ("SC34", "SC35", "SC36", "SC6")
_FROM_THE_FILES_ALONE = ("SC1", "SC2", "SC3", "SC4", "SC5", "SC61", "SC62", "SC63", "SC70")
"""Whether the other codes are found is seen on a host, by a plan, or on what runs."""


def lint(stack: Stack, so_far: Iterable[Finding] = ()) -> tuple[Finding, ...]:
    """What was found so far and what all rules find, by place, each with the reason why it is accepted."""
    rules = (finding for rule in RULES for finding in rule(stack))
    found = [*so_far, *(finding for finding in rules if not _is_of_another(stack, finding))]
    found += [] if stack.unread else _accepts_of_nothing(stack, found)
    return sorted_and_accepted(found, (*stack.spokes, *stack.resting))


def _is_of_another(stack: Stack, finding: Finding) -> bool:
    """Whether it only follows from what could not be read: which edge serves, or which networks there are."""
    edges = {spoke.name for spoke in stack.of_kind(Kind.EDGE)}
    of_edge = finding.spoke in edges or finding.code.startswith(_OF_EDGES)
    return ("edge" in stack.unread and of_edge) or ("networks" in stack.unread and finding.code == "SC204")


def _accepts_of_nothing(stack: Stack, found: Iterable[Finding]) -> Iterator[Finding]:
    """SC112: a risk that is no longer there is not accepted for the day on which it comes back."""
    told = {(finding.spoke, finding.code) for finding in found}
    for spoke in stack.spokes:
        for accept in spoke.accept:
            if accept.code.startswith(_FROM_THE_FILES_ALONE) and (spoke.name, accept.code) not in told:
                message = f"nothing in {spoke.name} is found by {accept.code}, so nothing is accepted"
                yield finding("SC112", accept.at, message, "remove it", spoke.name)
