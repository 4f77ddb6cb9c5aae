"""What is wrong with a socket proxy's policy as it is written, as data from which lint makes findings."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from stackctl.api import consumer, nearest_consumer, nearest_operation, operation, operations
from stackctl.haproxy import RENDERED_KEYS, is_socket_path
from stackctl.model import Mode, Path, Policy, Spoke, Stack
from stackctl.policy import Strict, consumers_of, enforced, named_operations, review, smallest
from stackctl.switches import GATE, Dialect, Switches, dialect_of, is_on

_LISTEN = "a path in a folder of its own, for example /run/docker-api/docker.sock"
_SHARED_FOLDERS = ("/", "/run", "/var", "/var/run", "/tmp", "/etc", "/dev", "/etc/stackctl")  # noqa: S108
_METHODS = ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS")


@dataclass(frozen=True)
class Problem:
    """One problem of a policy; `path` is the field at which it stands."""

    code: str
    path: Path
    message: str
    hint: str = ""


def problems(stack: Stack, spoke: Spoke) -> tuple[Problem, ...]:
    """Everything that is wrong with this proxy's policy; needs nothing that runs."""
    found: list[Problem] = []
    if spoke.policy:
        found += _names(spoke.policy, {other.name for other in stack.spokes})
    holds = enforced(spoke)
    if isinstance(holds, Strict):
        found += _idle_keys(spoke)
        found += _idle_switches(spoke)
    elif holds is None:
        message = f"nothing is known of how {spoke.image.partition('@')[0] or 'this image'} filters"
        found.append(
            Problem("SC407", ("image",), message, "name a `policy`, and stackctl renders the filter itself")
        )
    else:
        found += _switches(holds)
    if holds:
        found += _against_needs(stack, spoke, holds)
    return tuple(found)


def nearest_switch(name: str, dialect: Dialect) -> str:
    """The switch that somebody who wrote `name` means; empty where that cannot be guessed."""
    if name in _METHODS:
        return GATE
    word = name.lower().removeprefix("allow_").rstrip("s")
    opening = Counter(
        o.switch for o in operations() for part in o.path.split("/") if part.rstrip("s") == word
    )
    if opening and (switch := opening.most_common(1)[0][0]):
        return switch
    return next(iter(get_close_matches(name, (*dialect.switches, *dialect.settings), 1, 0.7)), "")


def _names(policy: Policy, spokes: Collection[str]) -> Iterator[Problem]:
    for index, name in enumerate(policy.consumers):
        # A program of one's own is named by its spoke; what it needs stands under `operations`.
        if consumer(name) is None and name not in spokes:
            near = nearest_consumer(name)
            hint = f"did you mean {near}?" if near else "name the operations that it needs under `operations`"
            yield Problem("SC406", ("policy", "consumers", str(index)), f"unknown consumer {name!r}", hint)
    for index, text in enumerate(policy.operations):
        if operation(text) is None:
            near = nearest_operation(text)
            hint = f"did you mean `{near}`?" if near else "write it as `GET /containers/{id}/logs`"
            message = f"the Docker API has no operation {text!r}"
            yield Problem("SC406", ("policy", "operations", str(index)), message, hint)
    if policy.listen and not is_socket_path(policy.listen):
        yield Problem("SC406", ("policy", "listen"), f"{policy.listen!r} is no path for a socket", _LISTEN)
    elif policy.listen and posixpath.dirname(policy.listen) in _SHARED_FOLDERS:
        message = f"{policy.listen!r} lies in a folder that holds other things"
        yield Problem("SC406", ("policy", "listen"), message, _LISTEN)
    if policy.listen and policy.mode is Mode.SWITCHES:
        message = "`listen` has no effect: the image itself decides where it listens"
        yield Problem("SC404", ("policy", "listen"), message, "remove it, or `mode: switches`")
    if policy.stream_timeout <= 0:
        yield Problem("SC406", ("policy", "stream_timeout"), "streams need a time of silence above 0 seconds")


def _idle_keys(spoke: Spoke) -> Iterator[Problem]:
    for key in RENDERED_KEYS:
        if spoke.service.get(key):
            message = f"`{key}` has no effect: the policy is strict, and stackctl's own filter runs"
            yield Problem("SC404", (key,), message, "remove it")


def _idle_switches(spoke: Spoke) -> Iterator[Problem]:
    dialect = dialect_of(spoke.image)
    for name in spoke.environment:
        if dialect and name in dialect.switches:
            message = f"{name} has no effect: the policy is strict, and the image's own filter does not run"
            yield Problem(
                "SC404",
                ("environment", name),
                message,
                f"remove it, or set `policy: {{mode: {Mode.SWITCHES}}}`",
            )


def _switches(holds: Switches) -> Iterator[Problem]:
    dialect = holds.dialect
    for name, value in sorted(holds.environment.items()):
        at = ("environment", name)
        if name not in dialect.switches:
            if name not in dialect.settings and not name.startswith("LIBPOD_"):
                near = nearest_switch(name, dialect)
                yield Problem(
                    "SC403",
                    at,
                    f"{name} is no switch of {dialect.name}'s proxy; it opens and closes nothing",
                    _meant(near),
                )
        elif value is None or "$" in value:
            message = f"what {name} opens depends on the host; it counts as on"
            yield Problem("SC405", at, message, f"write {name}=1 or {name}=0")
        elif not re.fullmatch("[01]?", value):
            state = "on" if is_on(value) else "off"
            message = f"the proxy reads switches as numbers, so {name}={value} is {state}"
            yield Problem("SC405", at, message, f"write {name}=1 or {name}=0")
        elif is_on(value) and name not in dialect.on and holds.without(name).opens() == holds.opens():
            yield Problem("SC404", at, *_without_effect(name, holds))


def _without_effect(name: str, holds: Switches) -> tuple[str, str]:
    gate = holds.is_on(GATE)
    if name == GATE:
        return f"{name}=1 opens no operation: no section that has writes is on", f"set {name}=0"
    if gate or name in holds.dialect.guarded:
        wider = "CONTAINERS" if "ALLOW_" in name else ""
        if wider and holds.is_on(wider) and name in holds.dialect.lifecycle:
            return (
                f"{name}=1 is superfluous: {wider}=1 with {GATE}=1 opens it and much more",
                f"remove {name}, or set {wider}=0",
            )
        return f"{name}=1 opens nothing: what it is about is not open otherwise", f"remove {name}"
    return (
        f"{name}=1 has no effect while {GATE}=0: it opens writes only",
        f"remove {name}, or set {GATE}=1 and see what that opens",
    )


def _meant(near: str) -> str:
    if near == GATE:
        return f"the nearest that exists is {GATE}: it stands for every method but GET and HEAD"
    return f"the nearest that exists is {near}" if near else "remove it"


def _against_needs(stack: Stack, spoke: Spoke, holds: Strict | Switches) -> Iterator[Problem]:
    found = review(stack, spoke)
    field: Path = ("policy",) if spoke.policy else ("environment",)
    names = ", ".join(c.name for c in found.consumers) or "the policy"
    for lacking in sorted(found.missing):
        gate = () if lacking.method in ("GET", "HEAD") else (GATE,)
        off = [s for s in (lacking.switch, *gate) if s and isinstance(holds, Switches) and not holds.is_on(s)]
        opener = " with ".join(f"{switch}=1" for switch in off) if lacking.switch else "only a strict policy"
        yield Problem(
            "SC408" if found.declared else "SC410",
            field,
            f"{names} needs `{lacking}`, which is refused",
            f"{opener} opens it",
        )
    if isinstance(holds, Switches) and found.needed and not found.missing:
        extra = named_operations(spoke.policy) if spoke.policy else ()
        least = smallest(consumers_of(stack, spoke), extra, holds.dialect).opened_by_switches
        more = sorted(found.excess - least)
        if more:
            named = ", ".join(map(str, more[:3])) + (f" and {len(more) - 3} more" if len(more) > 3 else "")
            message = f"opens what {names} does not need: {named}"
            yield Problem(
                "SC409", field, message, f"`stackctl policy {spoke.name} --suggest` prints the smallest one"
            )
