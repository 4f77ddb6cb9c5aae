"""The checks of a spoke that ask it itself, put to one container of it that nobody is routed to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stackctl.events import Checked
from stackctl.model import Bundle, Check, Container, Named, Observed, OnNetwork, Request, Result, Stack
from stackctl.verify import runner
from stackctl.verify.throwaway import Engine


def about_itself(checks: Sequence[Check], spoke: str) -> tuple[Check, ...]:
    """Its own checks that ask it on a network, and for each route what the edge would ask it."""
    found: list[Check] = []
    for check in checks:
        if check.spoke != spoke or not isinstance(check.look, Request):
            continue
        if check.code == "CK301" and check.controls:
            control = check.controls[0]
            found.append(
                replace(check, look=control.request, expect=control.expect, controls=(), title=control.proves)
            )
        elif (
            (target := check.look.target)
            and isinstance(target, Named)
            and target.host == spoke
            and check.look.vantage
        ):
            at = OnNetwork(spoke, check.look.vantage, target.port)
            look = replace(check.look, target=at, host=check.look.host or f"{target.host}:{target.port}")
            found.append(replace(check, look=look, controls=()))
        elif isinstance(target, OnNetwork) and target.spoke == spoke and not check.controls:
            found.append(check)
    return tuple(dict.fromkeys(found))


def in_the_place_of(observed: Observed, spoke: str, container: Container) -> Observed:
    """What was observed, as if this container were all that runs of the spoke."""
    others = tuple(other for other in observed.containers if other.spoke != spoke)
    return replace(observed, containers=(*others, container))


def ask(
    container: Container,
    asked: Sequence[Check],
    stack: Stack,
    bundle: Bundle,
    observed: Observed,
    engine: Engine,
    prober: str,
) -> tuple[Result, ...]:
    """What it answers, asked once; `prober` is the image to ask from."""
    seen = in_the_place_of(observed, container.spoke, container)
    events = runner.verify(asked, stack, bundle, seen, engine, prober, settle=0.0)
    return tuple(event.result for event in events if isinstance(event, Checked))
