"""What to do about a link of `doctor` that does not hold, or about a spoke that is to have no route. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stackctl.checks_of_routes import HTTPS_PORT, edge_of
from stackctl.codes import CODES
from stackctl.model import (
    Action,
    Check,
    Kind,
    Named,
    Observed,
    Request,
    Result,
    Spoke,
    Stack,
    Verb,
    Who,
)

_NAMED = "CK317"
_ANYWHERE = ("", "0.0.0.0", "::")  # noqa: S104  (compared, not bound)


@dataclass(frozen=True)
class Unrouted:
    """Why no route is meant to lead to a spoke, and what to do instead of giving it one."""

    why: str
    instead: str


_UNROUTED = {
    Kind.SOCKET_PROXY: Unrouted(
        "it is not meant to be reached through the edge, only by its consumers",
        "give it none, as whoever asks it asks Docker; `stackctl verify NAME` proves what it lets through",
    ),
    Kind.EDGE: Unrouted(
        "it is what leads to the others", "`stackctl doctor` without a name walks to each spoke behind it"
    ),
    Kind.JOB: Unrouted(
        "a job runs to its end, and nobody asks it",
        "`stackctl verify NAME` says how it ended, and `stackctl logs NAME` what it wrote",
    ),
}


def unrouted(spoke: Spoke) -> Unrouted | None:
    """None for an app: one that is to be reached needs a route."""
    meant = _UNROUTED.get(spoke.kind)
    return meant and Unrouted(meant.why, meant.instead.replace("NAME", spoke.name))


def way_out(stack: Stack, observed: Observed, actions: Iterable[Action], result: Result) -> str:
    """What to do about a link that does not hold; `actions` are those of a plan for the whole stack."""
    check, edge = result.check, edge_of(stack, stack.spokes)
    if edge and edge.name == check.spoke and (old := _served_before(stack, observed)):
        return _changing_over(edge, old)
    mend = _resolving(stack, observed, check) or CODES[check.code].hint.replace("NAME", check.spoke)
    mend = mend or _of_state(observed, check.spoke)
    # Where a request goes wrong, the edge may be the one that goes by what its files said before.
    about = {check.spoke, edge.name} if edge and check.code.startswith("CK3") else {check.spoke}
    changed = sorted(about & unapplied(actions))
    if not changed:
        return mend
    told = f"the files were changed and not applied: `stackctl up {' '.join(changed)}`"
    return told if mend.startswith("`stackctl up") else f"{told}; else {mend}"


def _served_before(stack: Stack, observed: Observed) -> str:
    """The edge that runs though stack.yaml names another; empty where none does."""
    return next((edge.name for edge in stack.resting if observed.running(edge.name)), "")


def _changing_over(edge: Spoke, old: str) -> str:
    # By its name alone it would come up, and whoever is routed to would still bear the routes of the old one.
    up = " ".join(("stackctl up", *(f"--profile {profile}" for profile in edge.profiles[:1])))
    return f"`{up}` changes over to {edge.name}; until then {old} runs, which stack.yaml does not name"


def unapplied(actions: Iterable[Action]) -> set[str]:
    """The spokes whose container goes by what their files said before."""
    return {
        action.spoke
        for action in actions
        if action.verb in (Verb.RECREATE, Verb.RELOAD)
        and any(cause.who is Who.YOU for cause in action.causes)
    }


def _resolving(stack: Stack, observed: Observed, check: Check) -> str:
    """How to ask for a name that does not resolve, where the edge is published here; else nothing."""
    look, edge = check.look, edge_of(stack, stack.spokes)
    if check.code != _NAMED or edge is None or not isinstance(look, Request):
        return ""
    container = observed.running(edge.name)
    if container is None or not isinstance(look.target, Named):
        return ""
    name, inside = look.target.host, look.target.port
    port = next((p for p in container.ports if (p.target, p.protocol) == (inside, "tcp")), None)
    if port is None:
        return ""
    address = "127.0.0.1" if port.host_ip in _ANYWHERE else port.host_ip
    scheme, usual = ("https", "443") if inside == HTTPS_PORT else ("http", "80")
    url = f"{scheme}://{name}{'' if port.published == usual else f':{port.published}'}/"
    ask = f"`curl --resolve {name}:{port.published}:{address} {url}`"
    return f"{ask}; or put `{address} {name}` into /etc/hosts, or the name into DNS"


def _of_state(observed: Observed, name: str) -> str:
    containers = observed.of_spoke(name)
    if not containers:
        # There is no log of what never was.
        return f"`stackctl up {name}` makes its container and starts it"
    if observed.running(name) is None:
        state = containers[-1].state
        if state in ("exited", "dead"):
            return f"`stackctl up {name}` starts it again; `stackctl logs {name}` says why it stopped"
        if state in ("created", "paused"):
            return f"`stackctl up {name}` starts it"
    return f"`stackctl verify {name}` and `stackctl logs {name}` say more"
