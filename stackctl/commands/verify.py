"""`stackctl verify`: runs what must hold against what runs, and keeps the evidence."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from stackctl import records, state
from stackctl.checks import checks
from stackctl.checks_of_routes import discovery_deadline
from stackctl.codes.checks import OF_HOST
from stackctl.commands.opened import HostView, Opened, known_profiles, look_at_host, named, open_stack
from stackctl.commands.plan import image_id
from stackctl.commands.story import Ended, Story, VerifyAnswer
from stackctl.endpoint import leading_to
from stackctl.engine import Engine
from stackctl.errors import Exit, UsageError
from stackctl.events import Checked, Event, Said
from stackctl.files import write_atomically
from stackctl.findings import Severity
from stackctl.model import Observed, Result, Wanted
from stackctl.observe import in_full, observe
from stackctl.plan import deviations
from stackctl.process import redacted
from stackctl.verify.reach import USUAL_SOCKETS, mounted_path
from stackctl.verify.runner import verify as run_checks


def verify(
    root: Path,
    spokes: tuple[str, ...],
    *,
    profiles: frozenset[str],
    environ: Mapping[str, str],
    report: Path | None = None,
    whole_host: bool = False,
) -> Story:
    """Runs the checks; `report` gets the results as JUnit XML. With `whole_host`, warnings of others fail."""
    opened = open_stack(root)
    view = look_at_host(opened, environ)
    yield from view.stand_ins()
    engine = Engine.connect(environ)
    chosen = set(named(opened.stack, spokes)) or meant(opened, engine, known_profiles(opened, profiles))
    if left := sorted(spoke.name for spoke in opened.stack.spokes if not spokes and spoke.name not in chosen):
        yield Said(f"not checked, because they were never applied here: {', '.join(left)}", warning=True)
    results = yield from prove(opened, view, engine, chosen, whole_host=whole_host)
    if report is not None:
        from stackctl.junit import junit

        write_atomically(report, junit(opened.stack.name, results))
    return Ended(VerifyAnswer(results), Exit.DONE if all(r.holds for r in results) else Exit.NOT_PROVED)


def prove(
    opened: Opened, view: HostView, engine: Engine, spokes: Iterable[str], *, whole_host: bool = False
) -> Generator[Event, None, tuple[Result, ...]]:
    """Runs the checks of these spokes and appends the record."""
    chosen = set(spokes)
    results: list[Result] = []
    prober_image = view.host.prober_image or opened.stack.prober_image
    observed = in_full(engine, observe(engine, opened.stack.name))
    observed = completed(opened, view, engine, observed)
    among = chosen | {container.spoke for container in observed.containers}
    wanted = [c for c in checks(opened.stack, opened.bundle, among) if c.spoke in chosen]
    if whole_host:
        wanted = [replace(c, severity=Severity.ERROR) if c.code in OF_HOST else c for c in wanted]
    settle, ca = discovery_deadline(opened.stack), state.root_certificate(opened.root)
    for event in run_checks(
        wanted, opened.stack, opened.bundle, observed, engine, prober_image, settle=settle, ca=ca
    ):
        if isinstance(event, Checked):
            # An app may answer with what it was told in confidence.
            event = Checked(replace(event.result, saw=redacted(event.result.saw, view.redact)))
            results.append(event.result)
        yield event
    records.append(opened.root, opened.stack, opened.bundle, results, datetime.now(UTC))
    return tuple(results)


def completed(opened: Opened, view: HostView, engine: Engine, observed: Observed) -> Observed:
    """The same, with what follows from it on this host: where its paths lead, what is not as wanted."""
    return _compared(opened, view, _resolved(engine, observed))


def _resolved(engine: Engine, observed: Observed) -> Observed:
    """The same, with the mounted paths that lead to a socket; only this machine's own can be followed."""
    if not engine.is_local:
        return observed
    everyone = (*observed.containers, *observed.others)
    paths = {mounted_path(mount, observed.volumes) for c in everyone for mount in c.mounts} - {""}
    sockets = {engine.endpoint.socket, *USUAL_SOCKETS} - {""}
    return replace(observed, socket_paths=leading_to(sockets, paths))


def _compared(opened: Opened, view: HostView, observed: Observed) -> Observed:
    """The same, with the fields in which each container is not what this host wants of its spoke."""
    unknown = {finding.spoke for finding in view.on_host.findings}
    wanted = {
        name: Wanted(stanza, "", image_id(observed, view, name))
        for name, stanza in view.on_host.stanzas.items()
        if name not in unknown
    }
    return replace(observed, deviations=deviations(opened.stack, opened.bundle, wanted, observed))


def meant(opened: Opened, engine: Engine, profiles: frozenset[str]) -> set[str]:
    """Without names: the spokes that these profiles mean, those applied here before, and those present.

    Raises:
        UsageError: That is none, and checking nothing proves nothing.
    """
    present = {container.spoke for container in observe(engine, opened.stack.name).containers}
    known = present | state.applied_images(opened.root).keys()
    found = {s.name for s in opened.stack.spokes if s.active(profiles) or s.name in known}
    if not found:
        raise UsageError(
            "there is nothing to check: no spoke was applied here, and none is without a profile",
            "name a spoke, or --profile NAME",
        )
    return found
