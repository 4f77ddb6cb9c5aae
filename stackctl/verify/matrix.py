"""What the audit asks a socket proxy, as data, and what is wrong with what came of it; pure.

The truth is what arrived at a stand-in for the Engine: a status alone may be anybody's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stackctl.api import Operation, operations
from stackctl.harmless import NO_SUCH_ID
from stackctl.model import Outcome
from stackctl.policy import Enforced, Strict
from stackctl.verify.tricks import smuggled, spellings, tricks

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
_NEVER_ASKED = "/no-such-operation"
_NAMED = 5
_UPGRADES = ("websocket", "upgrade to tcp", "upgrade to h2c")


@dataclass(frozen=True)
class Probe:
    """The bytes of one request, and what may come of it. What arrives is known by its user agent, the id."""

    id: str
    name: str
    """How it is told: operation, spelling or trick."""
    raw: bytes
    method: str = "GET"
    passes: bool = False
    """Whether it is to arrive."""
    must: bool = True
    """Whether it is wrong where it is to arrive and does not; a parser may be stricter than a policy."""
    arrives: tuple[str, ...] = ()
    """Of a trick: `METHOD target` of what may arrive at the most."""
    answers: int = 1


@dataclass(frozen=True)
class Seen:
    """What came of a probe."""

    arrived: tuple[str, ...] = ()
    """`METHOD target` of each request that reached the stand-in."""
    statuses: tuple[int, ...] = ()
    body: str = ""
    from_docker: bool = False


def operation_probes(policy: Enforced, version: str) -> tuple[Probe, ...]:
    """Every operation with and without a version, HEAD twins, and methods that nobody declares."""
    found: list[Probe] = []
    for path in sorted({operation.path for operation in operations()}):
        declared = {o.method: o for o in operations() if o.path == path}
        target = next(iter(declared.values())).target(NO_SUCH_ID)
        twins = {"HEAD"} if "GET" in declared else set()
        for method in _METHODS:
            prefixes = ("", f"/v{version}") if method in declared or method in twins else ("",)
            for prefix in prefixes:
                sent = prefix + target
                id = f"o{len(found)}"
                name = f"{method} {prefix}{path}"
                found.append(
                    Probe(id, name, request_bytes(method, sent, id), method, policy.passes(method, sent))
                )
    return tuple(found)


def trick_probes(policy: Enforced, version: str) -> tuple[Probe, ...]:
    """Unclean spellings of what passes and of what does not, and everything that is more than a spelling."""
    allowed, refused = _examples(policy)
    found: list[Probe] = []
    for target in (*allowed, f"/v{version}{allowed[0]}", *refused):
        for name, spelled in (*spellings(target), *smuggled(target, refused[0])):
            id = f"s{len(found)}"
            passes = policy.passes("GET", spelled)
            found.append(
                Probe(
                    id,
                    f"{name}: GET {_shown(spelled)}",
                    request_bytes("GET", spelled, id),
                    "GET",
                    passes,
                    False,
                )
            )
    for target in allowed[:1]:
        for number, trick in enumerate(tricks(target, refused[0], "")):
            id = f"t{len(found)}"
            raw = tricks(target, refused[0], id)[number].raw
            may = trick.arrives if isinstance(policy, Strict) else ()
            passes = not isinstance(policy, Strict)
            found.append(
                Probe(
                    id, f"{trick.name} (GET {_shown(target)})", raw, "GET", passes, False, may, trick.answers
                )
            )
    return tuple(found)


def upgrade_probes(policy: Enforced) -> tuple[Probe, ...]:
    """Declared upgrades, which must be granted, and others on what passes, which must not."""
    found: list[Probe] = []
    for operation in sorted(policy.opens()):
        if operation.hijack:
            id = f"u{len(found)}"
            raw = _upgrade(operation, id)
            found.append(Probe(id, f"{operation} (upgrade to {operation.hijack})", raw, passes=True))
    return tuple(found)


def undeclared_upgrade_probes(policy: Enforced) -> tuple[Probe, ...]:
    allowed, refused = _examples(policy)
    made = []
    for number, trick in enumerate(tricks(allowed[0], refused[0], "")):
        if trick.name in _UPGRADES:
            id = f"x{number}"
            made.append(
                Probe(
                    id,
                    f"{trick.name} (GET {_shown(allowed[0])})",
                    tricks(allowed[0], refused[0], id)[number].raw,
                )
            )
    return tuple(made)


def wrong(policy: Enforced, probes: Iterable[Probe], seen: Mapping[str, Seen]) -> tuple[str, ...]:
    """A sentence for each probe of which something else came than the policy says."""
    return tuple(
        f"{said} {probe.name}" for probe in probes if (said := _wrong(policy, probe, seen.get(probe.id)))
    )


def wrongly_upgraded(probes: Iterable[Probe], seen: Mapping[str, Seen]) -> tuple[str, ...]:
    return tuple(p.name for p in probes if 101 in seen.get(p.id, Seen()).statuses)


def not_upgraded(probes: Iterable[Probe], seen: Mapping[str, Seen]) -> tuple[str, ...]:
    return tuple(p.name for p in probes if seen.get(p.id, Seen()).statuses != (101,))


def unanswered(probes: Sequence[Probe], seen: Mapping[str, Seen]) -> tuple[str, ...]:
    """Those of which nothing came at all: not even a refusal.

    A trick may be answered by silence, but not all of them by one that is there.
    """
    silent = [p for p in probes if not (came := seen.get(p.id, Seen())).statuses and not came.arrived]
    tricks = [p for p in probes if _is_trick(p)]
    hushed = [p for p in silent if _is_trick(p)]
    whole = [p for p in silent if not _is_trick(p)]
    return tuple(p.name for p in (*whole, *(hushed if len(hushed) == len(tricks) else ())))


def _is_trick(probe: Probe) -> bool:
    return probe.id.startswith("t")


def _wrong(policy: Enforced, probe: Probe, seen: Seen | None) -> str:
    if seen is None:
        return "was not asked:"
    if _is_trick(probe):
        return _leaked(policy, probe, seen)
    if seen.arrived and not probe.passes:
        return "lets through"
    if probe.passes and not seen.arrived and probe.must:
        return f"refuses ({_statuses(seen)})" if seen.statuses else "does not answer"
    if not seen.arrived and any(status < 400 for status in seen.statuses):
        return f"answers by itself ({_statuses(seen)})"
    return ""


def _leaked(policy: Enforced, probe: Probe, seen: Seen) -> str:
    """A trick is one connection: each request that arrived must be one that may."""
    for arrived in seen.arrived:
        method, _, target = arrived.partition(" ")
        if not (arrived in probe.arrives or (probe.passes and policy.passes(method, target))):
            return f"lets {_shown(arrived)} through by"
    return ""


def _shown(target: str) -> str:
    return target.replace(NO_SUCH_ID, "{id}")


def _statuses(seen: Seen) -> str:
    return ", ".join(map(str, seen.statuses))


def _examples(policy: Enforced) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Targets of which GET passes, and of which it does not."""
    reads = [o for o in operations() if o.method == "GET" and not (o.hijack or o.stream)]
    targets = [o.target(NO_SUCH_ID) for o in reads]
    passing = [target for target in targets if policy.passes("GET", target)]
    refused = [target for target in targets if not policy.passes("GET", target)]
    # Where nothing passes, a spelling of what does not is all that is left to try.
    deepest = sorted(passing, key=lambda t: t.count("/"))[-1:] + sorted(passing, key=len)[:1]
    return tuple(dict.fromkeys(deepest)) or (_NEVER_ASKED,), tuple(refused[:2]) or (_NEVER_ASKED,)


def request_bytes(method: str, target: str, agent: str, host: str = "docker") -> bytes:
    """A request without a body."""
    head = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n"
    return (head if method in ("GET", "HEAD") else head + "Content-Length: 0\r\n").encode("latin-1") + b"\r\n"


def _upgrade(operation: Operation, agent: str) -> bytes:
    lines = [
        f"{operation.method} {operation.target(NO_SUCH_ID)} HTTP/1.1",
        "Host: docker",
        f"User-Agent: {agent}",
        "Connection: Upgrade",
        f"Upgrade: {operation.hijack}",
    ]
    if operation.hijack == "websocket":
        lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    if operation.method == "POST":
        lines.append("Content-Length: 0")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def summary(wrong: Sequence[str], asked: int) -> str:
    """Every wrong request by its name."""
    if not wrong:
        return f"{asked} requests: each passed or was refused as the policy says"
    return f"{len(wrong)} of {asked} requests are wrong: {'; '.join(wrong)}"


def verdict(
    name: str, policy: Enforced, probes: Sequence[Probe], seen: Mapping[str, Seen]
) -> tuple[Outcome, str]:
    """The outcome of one group of probes; nothing is learnt from a copy that says nothing."""
    if not probes:
        return Outcome.PASSED, "the policy declares no upgrade"
    outcome, saw = _of_group(name, policy, probes, seen)
    if outcome is Outcome.PASSED and (silent := unanswered(probes, seen)):
        more = f" and {len(silent) - _NAMED} more" if len(silent) > _NAMED else ""
        return Outcome.UNREACHABLE, f"cannot tell: not answered: {'; '.join(silent[:_NAMED])}{more}"
    return outcome, saw


def _of_group(
    name: str, policy: Enforced, probes: Sequence[Probe], seen: Mapping[str, Seen]
) -> tuple[Outcome, str]:
    if name == "upgrades":
        refused = not_upgraded(probes, seen)
        return _told(
            refused, f"not upgraded: {', '.join(refused)}", f"{len(probes)} declared: each was granted"
        )
    if name == "undeclared-upgrades":
        granted = wrongly_upgraded(probes, seen)
        bad = f"forwarded to the Engine, which decides: {', '.join(granted)}"
        return _told(granted, bad, f"{len(probes)} undeclared: none was granted")
    found = wrong(policy, probes, seen)
    if name == "operations":
        # It cannot be told what let it through, so it is told here.
        found += tuple(
            f"lets through, by whatever means: {arrived}" for arrived in seen.get("", Seen()).arrived
        )
    return _told(found, summary(found, len(probes)), summary((), len(probes)))


def _told(bad: Sequence[str], failed: str, passed: str) -> tuple[Outcome, str]:
    return (Outcome.FAILED, failed) if bad else (Outcome.PASSED, passed)
