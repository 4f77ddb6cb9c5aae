"""What a new container owes before a route that stackctl writes itself leads to it: its own checks."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence

from stackctl import records
from stackctl.apply.route_files import ANSWERS_WITHIN
from stackctl.apply.start import Wrong
from stackctl.checks import checks
from stackctl.commands.change import Change
from stackctl.model import Container, Outcome, Result
from stackctl.observe import observe
from stackctl.process import redacted
from stackctl.verify.itself import about_itself, ask

_PAUSE = 0.2


def before_routed(change: Change, past: Sequence[records.Record]) -> Wrong:
    """Why new containers must not be routed to, by the checks that ask the spoke itself on a network.

    One that is new, or was never asked, counts as well: nobody is given an answer that its page rules out. A
    check that did not hold before is no reason, nor is one that nobody can ask from here.
    """

    def wrong(new: Mapping[str, Sequence[Container]]) -> dict[str, str]:
        found = {}
        for name, containers in new.items():
            red = _red(change, past, name)
            for container in containers:
                if answered := _turned(change, container, red):
                    found[name] = _told(change, answered)
        return found

    return wrong


def _red(change: Change, past: Sequence[records.Record], spoke: str) -> frozenset[str]:
    """The codes that did not hold when the spoke was checked last."""
    own = [r for r in past if (r.stack, r.spoke) == (change.opened.stack.name, spoke)]
    return frozenset(seen.code for r in own[-1:] for seen in r.results if seen.outcome is not Outcome.PASSED)


def _turned(change: Change, container: Container, red: Collection[str]) -> tuple[Result, ...]:
    stack, bundle = change.opened.stack, change.opened.bundle
    asked = [check for check in about_itself(checks(stack, bundle), container.spoke) if check.code not in red]
    if not asked:
        return ()
    observed = observe(change.engine, stack.name)
    prober = change.view.host.prober_image or stack.prober_image
    ends = time.monotonic() + ANSWERS_WITHIN
    while True:
        results = ask(container, asked, stack, bundle, observed, change.engine, prober)
        against = tuple(r for r in results if not r.holds and r.outcome is Outcome.FAILED)
        # A program that has just become healthy may err for a moment.
        if not against or time.monotonic() >= ends:
            return against
        time.sleep(_PAUSE)


def _told(change: Change, against: Sequence[Result]) -> str:
    first = against[0]
    saw = redacted(first.saw, change.view.redact)
    return f"is healthy, and does not pass {first.check.code} {first.check.title}: {saw}"
