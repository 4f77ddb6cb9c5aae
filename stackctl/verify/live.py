"""What is sent to a socket proxy that runs, and what its answers tell; pure.

Only what `harmless` lets pass. A canary, a short-lived container that holds a mark of every kind, shows what
the open reads give away.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from http.client import BAD_REQUEST, FORBIDDEN

from stackctl import harmless
from stackctl.api import operations
from stackctl.model import Named, Outcome, Request, Stack
from stackctl.policy import Enforced
from stackctl.verify.matrix import Probe, Seen, request_bytes, summary

LEAKS: Mapping[str, str] = {
    "environment": "its environment",
    "labels": "its labels",
    "file": "the content of its files",
    "log": "its log",
    "command": "its command line",
}
"""What of a container a client of the proxy may get to see."""

CANARY_FILE = "/.canary"
"""Sorts before everything else, so that it is at the beginning of an exported file system."""

_ASKS_OTHERS = ("/system/df", "/images/search", "/distribution/")
"""Reads for which the Engine would ask a registry, or its disks for minutes."""
_OF_CONTAINER = ("json", "logs", "export", "archive", "top", "changes", "stats")


@dataclass(frozen=True)
class Marks:
    """What the canary holds, by the leak that would show it."""

    environment: str = field(default_factory=lambda: secrets.token_hex(16))
    labels: str = field(default_factory=lambda: secrets.token_hex(16))
    file: str = field(default_factory=lambda: secrets.token_hex(16))
    command: str = field(default_factory=lambda: secrets.token_hex(16))
    log: str = field(default_factory=lambda: secrets.token_hex(16))


def live_probes(stack: Stack, spoke: str, policy: Enforced, version: str) -> tuple[Probe, ...]:
    """Each operation that may be sent to an Engine, about an object that nobody has."""
    found: list[Probe] = []
    for operation in operations():
        for prefix in ("", f"/v{version}"):
            target = prefix + operation.target(harmless.NO_SUCH_ID)
            request = Request("", Named(spoke, 2375), operation.method, target)
            if harmless.why_not(stack.spokes, request) or operation.path.startswith(_ASKS_OTHERS):
                continue
            id = f"l{len(found)}"
            raw = request_bytes(operation.method, target, "stackctl")
            passes = policy.passes(operation.method, target)
            found.append(
                Probe(id, f"{operation.method} {prefix}{operation.path}", raw, operation.method, passes)
            )
    return tuple(found)


def canary_probes(stack: Stack, spoke: str, policy: Enforced, canary: str, now: str) -> tuple[Probe, ...]:
    """Every read about the canary that the policy lets through.

    `now` is the Engine's clock when the canary was there: what it is asked until must be over, or it waits.
    """
    about = f"/containers/{canary}"
    named = f"%7B%22id%22%3A%5B%22{canary}%22%5D%7D"
    events = f"%7B%22container%22%3A%5B%22{canary}%22%5D%7D"
    targets = (
        f"/containers/json?all=1&filters={named}",
        f"/events?since={int(float(now)) - 600}&until={now}&filters={events}",
        f"{about}/json",
        f"{about}/logs?stdout=1&stderr=1",
        f"{about}/export",
        f"{about}/archive?path=%2F.canary",
        f"{about}/top",
        f"{about}/changes",
        f"{about}/stats?stream=0&one-shot=1",
    )
    return tuple(
        Probe(
            f"c{n}",
            f"GET {target.partition('?')[0].replace(canary, '{id}')}",
            request_bytes("GET", target, "stackctl"),
        )
        for n, target in enumerate(targets)
        if policy.passes("GET", target)
        if not harmless.why_not(stack.spokes, Request("", Named(spoke, 2375), "GET", target), {canary})
    )


def wrong_live(probes: Iterable[Probe], seen: Mapping[str, Seen]) -> tuple[str, ...]:
    """A sentence for each answer that the policy does not foresee."""
    return tuple(said + probe.name for probe in probes if (said := _wrong(probe, seen.get(probe.id))))


def _wrong(probe: Probe, seen: Seen | None) -> str:
    if seen is None or not seen.statuses:
        return "does not answer "
    status = seen.statuses[0]
    if probe.passes and not seen.from_docker:
        return f"refuses ({status}) "
    if not probe.passes and seen.from_docker:
        return f"lets through ({status} from Docker) "
    if not probe.passes and not 400 <= status < 500:
        return f"answers by itself ({status}) "
    return ""


def verdict(probes: Collection[Probe], seen: Mapping[str, Seen]) -> tuple[Outcome, str]:
    wrong = wrong_live(probes, seen)
    return (Outcome.FAILED if wrong else Outcome.PASSED), summary(wrong, len(probes))


def leak_verdicts(
    marks: Marks, probes: Collection[Probe], seen: Mapping[str, Seen]
) -> dict[str, tuple[Outcome, str]]:
    """By the name of the check: the reads that show the mark, or that none does.

    What did not come back shows nothing, and that says nothing of what would have.
    """
    silent = [told for probe in probes if (told := _untold(probe, seen.get(probe.id, Seen())))]
    found = {}
    for kind in LEAKS:
        mark = getattr(marks, kind)
        if shown := [p.name for p in probes if mark in seen.get(p.id, Seen()).body]:
            verdict = Outcome.FAILED, f"a canary's mark came back from {', '.join(shown)}"
        elif silent:
            verdict = Outcome.UNREACHABLE, f"cannot tell: {', '.join(silent)}"
        else:
            verdict = Outcome.PASSED, f"in none of {len(probes)} reads about a canary"
        found[f"leak-{kind}"] = verdict
    return found


def _untold(probe: Probe, seen: Seen) -> str:
    """Why a read says nothing of the canary; empty where the Engine answered, or the proxy refused."""
    if not seen.statuses:
        return f"{probe.name} was not answered"
    status = seen.statuses[0]
    # What is refused shows nothing, whatever the policy says: that it should pass is another check's.
    if status == FORBIDDEN and not seen.from_docker:
        return ""
    if not seen.from_docker:
        return f"{probe.name} was not answered by Docker ({status})"
    if status >= BAD_REQUEST:
        return f"{probe.name} was not answered ({status} from Docker)"
    # Each of them has something to say of a container that runs.
    return "" if seen.body else f"{probe.name} answered nothing"
