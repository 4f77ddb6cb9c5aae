"""Runs Checks: resolves where to ask, asks from every vantage at once, decides."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

from stackctl.checks_of_routes import HOST, INSIDE
from stackctl.errors import EngineUnavailable
from stackctl.events import Checked, Event, Finished, Started
from stackctl.model import (
    NO_PROBER,
    Audit,
    Bundle,
    Check,
    Kind,
    Named,
    Observation,
    Observed,
    Outcome,
    Request,
    Result,
    Stack,
)
from stackctl.verify import throwaway, vantage
from stackctl.verify.audit import audit
from stackctl.verify.decide import Reply, Verdict, decide, together
from stackctl.verify.jobs import job_of, standing
from stackctl.verify.observations import OBSERVATIONS
from stackctl.verify.throwaway import Engine, NoProber, Probing
from stackctl.verify.vantage import Job

STEP = "ask from inside the networks"
SETTLE = 5.0
"""How long an edge may take to notice a container before a route check fails (Traefik: 2 s by default)."""
PATIENCE = 5.0
"""How long an answer may take."""
SILENCE = 1.5
"""After how long silence is believed: the kernel opens a connection, however busy the program is."""

_AGAIN_AFTER = 0.25


def verify(
    checks: Sequence[Check],
    stack: Stack,
    bundle: Bundle,
    observed: Observed,
    engine: Engine,
    prober_image: str = "",
    *,
    settle: float = SETTLE,
    ca: str = "",
) -> Iterator[Event]:
    """Runs all checks and tells of each once, in their order.

    Checks that ask the edge are asked again, controls included, for up to `settle` seconds where they do
    not pass: an edge learns of containers with a delay. What still does not hold then is told as it is.
    `ca` is whom TLS trusts, as PEM; empty for whoever this host trusts.
    """
    verdicts: dict[int, Verdict] = {}
    asking: dict[int, Check] = {}
    auditing: dict[int, Check] = {}
    for number, check in enumerate(checks):
        if isinstance(check.look, Observation):
            verdicts[number] = OBSERVATIONS[check.look.name](observed, stack, bundle, check)
        elif isinstance(check.look, Audit):
            auditing[number] = check
        else:
            asking[number] = check
    if asking or auditing:
        probing, why = yield from _prepared(asking.values(), stack, engine, prober_image, bool(auditing))
        yield Started(STEP)
        try:
            with _audited(auditing, stack, observed, probing, why) as audits:
                answered = _answered(asking, stack, observed, _Means(probing, why, ca), settle)
                verdicts.update(audits())
        finally:
            if probing is not None:
                probing.sdk.close()
        verdicts.update({number: answer.verdict for number, answer in answered.items()})
        yield Finished(STEP)
    for number, check in enumerate(checks):
        yield Checked(_result(stack, check, *verdicts[number]))


@contextmanager
def _audited(
    auditing: Mapping[int, Check], stack: Stack, observed: Observed, probing: Probing | None, why: str
) -> Iterator[Callable[[], dict[int, Verdict]]]:
    """Audits beside whatever is done meanwhile; calling what this gives waits for their verdicts."""
    if not auditing or probing is None:
        yield lambda: dict.fromkeys(auditing, (Outcome.UNREACHABLE, why))
        return
    names: dict[str, dict[str, int]] = {}
    for number, check in auditing.items():
        assert isinstance(check.look, Audit)
        names.setdefault(check.spoke, {})[check.look.name] = number
    with ThreadPoolExecutor() as pool, throwaway.a_run(probing) as run:
        begun = {
            spoke: audit(pool, run, stack, observed, stack.spoke(spoke), wanted)
            for spoke, wanted in names.items()
        }
        yield lambda: {
            names[spoke][name]: verdict
            for spoke, verdicts in begun.items()
            for name, verdict in verdicts().items()
            if name in names[spoke]
        }


@dataclass(frozen=True)
class _Means:
    """What asking takes."""

    probing: Probing | None
    why: str
    """Why there is no prober, where there is none."""
    ca: str = ""


@dataclass(frozen=True)
class _Answer:
    verdict: Verdict
    may_change: bool
    """Whether the edge was asked and did not give what was wanted."""


def _answered(
    asking: Mapping[int, Check],
    stack: Stack,
    observed: Observed,
    means: _Means,
    settle: float,
) -> dict[int, _Answer]:
    answers = _ask(asking, stack, observed, means)
    began = time.monotonic()
    # Once it failed, one pass is not enough: behind a route, a dead container beside a living one fails
    # every second request.
    passes = {number: 0 for number, answer in answers.items() if answer.may_change}
    while passes and (time.monotonic() - began < settle or 1 in passes.values()):
        time.sleep(_AGAIN_AFTER)
        again = _ask({number: asking[number] for number in passes}, stack, observed, means)
        for number, answer in again.items():
            passes[number] = passes[number] + 1 if answer.verdict[0] is Outcome.PASSED else 0
            if passes[number] == 2:
                waited = time.monotonic() - began
                answers[number] = _Answer(
                    (Outcome.PASSED, f"{answer.verdict[1]}, after {waited:.1f} s"), False
                )
                del passes[number]
            elif passes[number] == 0:
                answers[number] = answer
    return answers


def _ask(asking: Mapping[int, Check], stack: Stack, observed: Observed, means: _Means) -> dict[int, _Answer]:
    """One round: each check's controls and then its own request, every vantage at the same time."""
    replies: dict[str, Reply] = {}
    batches: dict[str, list[Job]] = {HOST: []}
    beside: dict[str, list[str]] = {}
    requests = {
        number: (*(c.request for c in check.controls), _look(check)) for number, check in asking.items()
    }
    for number, wanted in requests.items():
        for place, request in enumerate(wanted):
            id = f"{number}.{place}"
            silent = asking[number].expect.no_answer and place == len(wanted) - 1
            job = job_of(id, stack, observed, request, SILENCE if silent else PATIENCE, means.ca)
            if isinstance(job, str):
                replies[id] = Reply("unsent", detail=job)
            elif request.vantage != HOST and means.probing is None:
                replies[id] = Reply("unsent", detail=means.why)
            else:
                first, *more = standing(stack, observed, request)
                batches.setdefault(first, []).append(job)
                for other in more:
                    too = replace(job, id=f"{id} in {other}")
                    beside.setdefault(id, []).append(too.id)
                    batches.setdefault(other, []).append(too)
    replies |= vantage.ask(batches.pop(HOST), batches, means.probing)
    for id, others in beside.items():
        replies[id] = together(replies[id], [replies[other] for other in others])
    hostnames = {spoke.name: _hostname(observed, spoke.name) for spoke in stack.spokes}
    addresses = _addresses(stack, observed)
    answers = {}
    for number, check in asking.items():
        came = [
            _own(observed, stack, request, replies[f"{number}.{place}"])
            for place, request in enumerate(requests[number])
        ]
        verdict = decide(check, came, hostnames, addresses)
        sent = all(reply.kind != "unsent" for reply in came)
        late = verdict[0] is not Outcome.PASSED and sent and _leans_on_discovery(stack, check)
        answers[number] = _Answer(verdict, late)
    return answers


def _look(check: Check) -> Request:
    assert isinstance(check.look, Request)
    return check.look


def _prepared(
    checks: Iterable[Check], stack: Stack, engine: Engine, image: str, audits: bool
) -> Generator[Event, None, tuple[Probing | None, str]]:
    requests = [r for check in checks for r in (_look(check), *(c.request for c in check.controls))]
    if not audits and all(request.vantage == HOST for request in requests):
        return None, ""
    try:
        return (yield from throwaway.prepare(engine, image, stack.name)), ""
    except NoProber as error:
        return None, str(error)
    except EngineUnavailable as error:
        return None, f"{NO_PROBER}{error.message}"


def _addresses(stack: Stack, observed: Observed) -> dict[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for container in observed.containers:
        for network in stack.networks if container.running else ():
            if address := container.networks.get(stack.network_name(network), ""):
                found[container.spoke, network] = (*found.get((container.spoke, network), ()), address)
    return found


def _own(observed: Observed, stack: Stack, request: Request, reply: Reply) -> Reply:
    """Marks an answer that came from somebody else who goes by the spoke's name on that network."""
    target = request.target
    if not isinstance(target, Named) or request.vantage not in stack.networks or ":" in reply.peer:
        return reply
    network = stack.network_name(request.vantage)
    known = {c.networks.get(network, "") for c in observed.of_spoke(target.host) if c.running} - {""}
    if not reply.peer or not known or reply.peer in known:
        return reply
    return replace(
        reply, kind="stranger", detail=f"{reply.peer} answers to the name, but is not {target.host}"
    )


def _leans_on_discovery(stack: Stack, check: Check) -> bool:
    """Whether the answer depends on what the edge has learnt of the containers so far."""
    target = _look(check).target
    name = target.host if isinstance(target, Named) else target.spoke
    edges = {spoke.name for spoke in stack.of_kind(Kind.EDGE)}
    inside = _look(check).vantage.removeprefix(INSIDE)
    return bool({name, inside} & edges) and not check.expect.no_answer


def _hostname(observed: Observed, spoke: str) -> str:
    container = observed.running(spoke)
    if container is None:
        return ""
    return str(container.inspect.get("Config", {}).get("Hostname") or container.id[:12])


def _result(stack: Stack, check: Check, outcome: Outcome, saw: str) -> Result:
    accepts = [s.accept for s in stack.spokes if s.name == check.spoke]
    reasons = (
        [accept.reason for accept in accepts[0] if accept.code == check.code and not accept.name]
        if accepts
        else []
    )
    accepted = reasons[0] if reasons and outcome is not Outcome.PASSED else ""
    return Result(check, outcome, saw, accepted)
