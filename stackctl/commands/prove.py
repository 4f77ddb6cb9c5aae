"""`stackctl verify --prove`: breaks the guard behind each check and requires the check to notice."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from stackctl import state
from stackctl.checks import checks
from stackctl.commands.opened import known_profiles, look_at_host, named, open_stack
from stackctl.commands.story import Ended, Story, VerifyAnswer
from stackctl.commands.verify import completed, meant
from stackctl.engine import Engine
from stackctl.errors import Exit
from stackctl.events import Checked
from stackctl.files import write_atomically
from stackctl.model import Result
from stackctl.observe import in_full, observe
from stackctl.verify.mutations import prove as break_guards


def prove(
    root: Path,
    spokes: tuple[str, ...],
    *,
    profiles: frozenset[str],
    environ: Mapping[str, str],
    report: Path | None = None,
) -> Story:
    """Nothing is recorded: this is about the checks, not about what runs."""
    opened = open_stack(root)
    view = look_at_host(opened, environ)
    yield from view.stand_ins()
    engine = Engine.connect(environ)
    chosen = set(named(opened.stack, spokes)) or meant(opened, engine, known_profiles(opened, profiles))
    observed = in_full(engine, observe(engine, opened.stack.name))
    among = chosen | {container.spoke for container in observed.containers}
    wanted = [c for c in checks(opened.stack, opened.bundle, among) if c.spoke in chosen]
    image = view.host.prober_image or opened.stack.prober_image
    results: list[Result] = []
    complete = partial(completed, opened, view, engine)
    ca = state.root_certificate(opened.root)
    for event in break_guards(wanted, opened.stack, opened.bundle, observed, engine, image, complete, ca):
        if isinstance(event, Checked):
            results.append(event.result)
        yield event
    if report is not None:
        from stackctl.junit import junit

        write_atomically(report, junit(opened.stack.name, results))
    noticed = all(result.holds for result in results)
    return Ended(VerifyAnswer(tuple(results)), Exit.DONE if noticed else Exit.NOT_PROVED)
