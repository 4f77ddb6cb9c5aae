"""Standing conditions on what was observed; pure, named by `Observation.name`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stackctl.compare import unlabelled
from stackctl.fingerprint import LABEL, same
from stackctl.following import is_inside, sits_in_another
from stackctl.model import Bundle, Check, Container, Kind, Observed, Outcome, Stack
from stackctl.verify import reach, routing

Verdict = tuple[Outcome, str]
Observe = Callable[[Observed, Stack, Bundle, Check], Verdict]


def runs(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """A container of the spoke runs; where no healthcheck is declared, its image's own must not fail."""
    container = _newest(observed, check.spoke)
    if container is None:
        return Outcome.FAILED, "there is no container"
    if not container.running:
        return Outcome.FAILED, _stands(container)
    declared = bundle.service(check.spoke).get("healthcheck")
    if container.health == "unhealthy" and not declared:
        return Outcome.FAILED, "runs, but the healthcheck of its image fails"
    return Outcome.PASSED, "runs"


def healthy(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """The container's healthcheck succeeds."""
    container = observed.running(check.spoke)
    if container is None:
        return Outcome.UNREACHABLE, "does not run"
    if container.health == "healthy":
        return Outcome.PASSED, "healthy"
    return Outcome.FAILED, container.health or "the container has no healthcheck, although one is declared"


def done(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """The job ran to its end without an error."""
    container = _newest(observed, check.spoke)
    if container is None:
        return Outcome.FAILED, "has not run yet"
    if container.running:
        return Outcome.UNREACHABLE, "still runs"
    if container.state == "exited" and container.exit_code == 0:
        return Outcome.PASSED, "ran to its end (exit code 0)"
    return Outcome.FAILED, _stands(container)


def networks(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """Each container of the spoke is attached to the declared networks and to no other."""
    containers = _present(observed, stack, check.spoke)
    if not containers:
        return Outcome.UNREACHABLE, "does not run"
    declared = _declared_networks(stack, bundle, check.spoke)
    if declared is None:
        return _in_another(observed, str(bundle.service(check.spoke)["network_mode"]), containers)
    for container in containers:
        extra = sorted(set(container.networks) - declared)
        missing = sorted(declared - set(container.networks))
        if extra or missing:
            said = [f"also sits on {', '.join(extra)}"] if extra else []
            said += [f"is not on {', '.join(missing)}"] if missing else []
            return Outcome.FAILED, f"{container.name} {' and '.join(said)}"
    return Outcome.PASSED, f"sits on {', '.join(sorted(declared)) or 'no network'} only"


def fingerprint(observed: Observed, stack: Stack, bundle: Bundle, check: Check) -> Verdict:
    """Each container of the spoke carries the declared fingerprint, and is what it stands for."""
    containers = _present(observed, stack, check.spoke)
    if not containers:
        return Outcome.UNREACHABLE, "does not run"
    labels = bundle.service(check.spoke).get("labels", {})
    declared = labels.get(LABEL, "")
    if not declared:
        return Outcome.UNREACHABLE, "the files declare no fingerprint"
    pending = False
    for container in containers:
        if unlabelled(container) and (observed.deviations or {}).get(container.id) == ():
            # Made before its stack was adopted: all that a label could stand for was looked at.
            pending = True
            continue
        carried = container.labels.get(LABEL, "")
        if not same(container.labels, labels):
            if carried == declared:
                what = "was made for an edge that has its route in a file; this one reads its labels"
                return Outcome.FAILED, f"{container.name} {what}"
            what = f"carries {_short(carried)}" if carried else "carries no fingerprint"
            return Outcome.FAILED, f"{container.name} {what}; the files declare {_short(declared)}"
    carries = f"carries {_short(declared)}"
    older = sorted({container.labels.get(LABEL, declared) for container in containers} - {declared})
    if older:
        carries = f"carries {_short(older[0])}: {_short(declared)} but for its route, which is the edge's"
    if observed.deviations is None:
        return Outcome.PASSED, carries
    for container in containers:
        # Labels are easily copied; what else the container was made of tells whether they are true.
        fields = observed.deviations.get(container.id)
        if fields is None:
            what = "is not comparable: a variable that its spoke needs is not defined on this host"
            return Outcome.UNREACHABLE, f"{container.name} {what}"
        if fields:
            more = f" and {len(fields) - 5} more" if len(fields) > 5 else ""
            said = f"{container.name} {carries}, but differs from the files in"
            return Outcome.FAILED, f"{said} {', '.join(fields[:5])}{more}"
    return Outcome.PASSED, f"{'labels pending' if pending else carries}, and every field is as declared"


OBSERVATIONS: Mapping[str, Observe] = {
    "runs": runs,
    "healthy": healthy,
    "done": done,
    "networks": networks,
    "fingerprint": fingerprint,
    **reach.OBSERVATIONS,
    **routing.OBSERVATIONS,
}


def _newest(observed: Observed, spoke: str) -> Container | None:
    running = observed.running(spoke)
    return running or next(reversed(observed.of_spoke(spoke)), None)


def _present(observed: Observed, stack: Stack, spoke: str) -> tuple[Container, ...]:
    """All containers that run; of a job, where none does, the newest that ran."""
    running = tuple(c for c in observed.of_spoke(spoke) if c.running)
    if running or stack.spoke(spoke).kind is not Kind.JOB:
        return running
    return observed.of_spoke(spoke)[-1:]


def _stands(container: Container) -> str:
    if container.state == "restarting":
        return f"keeps restarting (exit code {container.exit_code})"
    if container.state in ("exited", "dead"):
        return f"stopped with exit code {container.exit_code}{routing.killed(container)}"
    return f"is {container.state}"


def _declared_networks(stack: Stack, bundle: Bundle, spoke: str) -> set[str] | None:
    stanza = bundle.service(spoke)
    mode = stanza.get("network_mode", "")
    if mode:
        return {mode} if mode in ("host", "none", "bridge") else None
    named = stanza.get("networks") or ("default",)
    return {stack.network_name(n) if n in stack.networks else f"{stack.name}_{n}" for n in named}


def _in_another(observed: Observed, declared: str, containers: tuple[Container, ...]) -> Verdict:
    kind, _, owner = declared.partition(":")
    if kind != "service":
        return Outcome.UNREACHABLE, "shares the network of a container outside the stack"
    for container in containers:
        # A job that ended sat in what its owner had then.
        ended = not container.running and sits_in_another(container)
        if not ended and not is_inside(container, "network_mode", observed.of_spoke(owner)):
            return Outcome.FAILED, f"{container.name} is not in the network that {owner} has now"
    return Outcome.PASSED, f"sits in the network of {owner} only"


def _short(value: str) -> str:
    return value[:14]
