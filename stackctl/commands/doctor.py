"""`stackctl doctor`: why is a service not reachable? Walks the chain and stops at the first broken link."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from stackctl import state
from stackctl.checks_of_routes import discovery_deadline
from stackctl.codes import CODES
from stackctl.commands.diagnosed import Diagnosis, DoctorAnswer
from stackctl.commands.opened import HostView, Opened, look_at_host, named, open_stack
from stackctl.commands.plan import make
from stackctl.commands.story import Ended, Story
from stackctl.doctor import ROUTE, by_hand, chain, ends, ordered
from stackctl.engine import Engine
from stackctl.errors import EngineUnavailable, Exit, StackctlError
from stackctl.events import Checked, Event, Finished, Said, Started
from stackctl.findings import InvalidFiles
from stackctl.model import Action, Check, Observed, Outcome, Result, Spoke
from stackctl.observe import observe
from stackctl.process import redacted
from stackctl.verify.runner import verify
from stackctl.way_out import unrouted, way_out

_LINES = 200
"""How much of a log is looked at."""


def doctor(root: Path, spokes: tuple[str, ...], *, environ: Mapping[str, str]) -> Story:
    """Changes nothing. Without names: every spoke that has a route and runs, or should."""
    try:
        opened = open_stack(root)
        view = look_at_host(opened, environ)
    except InvalidFiles as error:
        errors = [finding for finding in error.findings if finding.blocks]
        first = f"{errors[0].at} {errors[0].code}: {errors[0].message}" if errors else error.message
        more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
        return (yield from _ended([_broken("CK322", "the files of the stack are sound", first + more)]))
    chosen = [opened.stack.spoke(name) for name in named(opened.stack, spokes)]
    try:
        engine = Engine.connect(environ)
    except EngineUnavailable as error:
        return (yield from _ended([_broken("CK321", "the Engine answers", error.message, error.hint)]))
    with engine:
        observed = observe(engine, opened.stack.name)
        present = {container.spoke for container in observed.containers}
        chosen = chosen or [
            s for s in opened.stack.spokes if s.routes and (s.name in present or not s.profiles)
        ]
        if not chosen:
            yield Said("no spoke with a route runs here: name one", warning=True)
        diagnoses = []
        for spoke in chosen:
            diagnoses.append((yield from _of_spoke(opened, view, engine, observed, spoke)))
    return (yield from _ended(diagnoses))


def _broken(code: str, title: str, saw: str, hint: str = "") -> Diagnosis:
    return Diagnosis("", (by_hand(code, "", title, saw),), code, saw, hint or CODES[code].hint)


def _ended(diagnoses: list[Diagnosis]) -> Generator[Event, None, Ended]:
    for diagnosis in diagnoses:
        for result in diagnosis.links:
            yield Checked(result)
    broken = any(diagnosis.broken for diagnosis in diagnoses)
    return Ended(DoctorAnswer(tuple(diagnoses)), Exit.NOT_PROVED if broken else Exit.DONE)


def _of_spoke(
    opened: Opened, view: HostView, engine: Engine, observed: Observed, spoke: Spoke
) -> Generator[Event, None, Diagnosis]:
    links = chain(opened.stack, opened.bundle, observed, spoke)
    results = yield from _run(opened, view, engine, observed, links.seen)
    if all(result.holds for result in results):
        results += yield from _run(opened, view, engine, observed, links.asked)
        if any(r.check.code == ROUTE and r.outcome is not Outcome.PASSED for r in results):
            # By now the edge has had its time to say what it thinks of the container.
            heard = replace(observed, said=_logs(engine, opened, observed))
            results += yield from _run(opened, view, engine, heard, links.because)
    told = ordered(links, results)
    if not spoke.routes and all(result.holds for result in told):
        if meant := unrouted(spoke):
            return Diagnosis(spoke.name, told, unrouted=meant.why, hints=(meant.instead,))
        saw = "neither its page nor its manifest states a route"
        told = (*told, by_hand("CK324", spoke.name, "has a route", saw))
        return Diagnosis(spoke.name, told, "CK324", saw, CODES["CK324"].hint)
    open_ends = [result for result in told if result.outcome is not Outcome.PASSED]
    actions = _planned(opened, view, observed) if open_ends else ()
    ways = tuple(way_out(opened.stack, observed, actions, result) for result in open_ends)
    # The chain ends at the first that is broken, so nothing but the last can be.
    if not any(map(ends, told)):
        return Diagnosis(spoke.name, told, hints=ways)
    return Diagnosis(spoke.name, told, told[-1].check.code, told[-1].saw, ways[-1])


def _planned(opened: Opened, view: HostView, observed: Observed) -> tuple[Action, ...]:
    """What `up` would do for the whole stack; nothing where this host cannot tell."""
    try:
        return make(opened, view, observed, frozenset({"*"})).plan.actions
    except InvalidFiles:
        return ()


def _run(
    opened: Opened, view: HostView, engine: Engine, observed: Observed, checks: tuple[Check, ...]
) -> Generator[Event, None, list[Result]]:
    """Runs links with the runner of all checks; what it found is told later, in its order."""
    image = view.host.prober_image or opened.stack.prober_image
    results = []
    settle, ca = discovery_deadline(opened.stack), state.root_certificate(opened.root)
    for event in verify(checks, opened.stack, opened.bundle, observed, engine, image, settle=settle, ca=ca):
        if isinstance(event, Checked):
            saw = redacted(event.result.saw, view.redact)
            results.append(replace(event.result, saw=saw))
        elif isinstance(event, Started | Finished):
            yield event
    return results


def _logs(engine: Engine, opened: Opened, observed: Observed) -> dict[str, str]:
    """The last words of edges, without those whose log cannot be read: an empty one would be a clean one."""
    said = {}
    for spoke in opened.stack.spokes:
        container = observed.running(spoke.name)
        if spoke.kind.value == "edge" and container is not None:
            with suppress(StackctlError):
                said[spoke.name] = engine.logs(container.id, _LINES)
    return said
