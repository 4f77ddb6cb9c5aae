"""`stackctl policy`: what a socket proxy opens, by what that exposes, beside what its consumers need."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from stackctl.api import Operation, by_exposure
from stackctl.commands.image_answers import PolicyAnswer, ReviewedOperation, Role, Suggestion
from stackctl.commands.opened import named, open_stack
from stackctl.commands.story import Ended, Story
from stackctl.errors import UsageError
from stackctl.events import Said
from stackctl.model import Kind, Spoke, Stack
from stackctl.policy import Review, named_operations, review, smallest
from stackctl.switches import TECNATIVA, dialect_of


def policy(root: Path, spoke: str, *, suggest: bool) -> Story:
    opened = open_stack(root)
    named(opened.stack, (spoke,))
    proxy = opened.stack.spoke(spoke)
    if proxy.kind is not Kind.SOCKET_PROXY:
        proxies = ", ".join(s.name for s in opened.stack.of_kind(Kind.SOCKET_PROXY)) or "none"
        raise UsageError(
            f"{spoke} is no socket proxy, so it has no policy", f"the stack's socket proxies: {proxies}"
        )
    found = review(opened.stack, proxy)
    yield from remarks(found, proxy)
    return Ended(answer(opened.stack, proxy, found, suggest=suggest))


def remarks(found: Review, proxy: Spoke) -> Iterable[Said]:
    """What a reader of the table must know first."""
    if not found.opens and not found.dialect and not found.measured:
        yield Said(
            f"nothing is known of how {proxy.image} filters; `stackctl verify {proxy.name}` can tell",
            True,
        )
    elif not found.measured:
        yield Said(
            f"assumed, not measured for this image: `stackctl verify {proxy.name}` compares it",
            True,
        )
    if not found.needed:
        yield Said("nothing says who asks this proxy: name its `consumers` in a `policy`", True)


def answer(stack: Stack, proxy: Spoke, found: Review, *, suggest: bool) -> PolicyAnswer:
    """The review in the order in which a person reads it."""
    return PolicyAnswer(
        spoke=found.spoke,
        mode=found.mode.value,
        dialect=found.dialect,
        measured=found.measured,
        consumers=tuple(c.name for c in found.consumers),
        declared=found.declared,
        opens=tuple(_reviewed(o, _role(o, found)) for _, group in by_exposure(found.opens) for o in group),
        missing=tuple(_reviewed(o, "missing") for _, group in by_exposure(found.missing) for o in group),
        needs=len(found.needed),
        suggestion=_suggestion(proxy, found) if suggest else None,
    )


def _role(operation: Operation, found: Review) -> Role:
    if operation in found.needed:
        return "needed"
    if operation in found.optional:
        return "optional"
    return "excess" if found.needed else "unclaimed"


def _reviewed(operation: Operation, role: Role) -> ReviewedOperation:
    return ReviewedOperation(str(operation), operation.exposes.value, role, operation.note)


def _suggestion(proxy: Spoke, found: Review) -> Suggestion:
    extra = named_operations(proxy.policy) if proxy.policy else ()
    least = smallest(found.consumers, extra, dialect_of(proxy.image) or TECNATIVA)
    used = found.needed.union(*(c.optional for c in found.consumers))
    return Suggestion(
        consumers=least.policy.consumers,
        operations=least.policy.operations,
        environment=least.switches,
        opened_by_switches=len(least.opened_by_switches),
        left_open=tuple(map(str, sorted(least.opened_by_switches - used))),
        impossible=tuple(map(str, sorted(least.impossible))),
    )
