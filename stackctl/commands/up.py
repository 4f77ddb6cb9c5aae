"""`stackctl up`: load, plan, show, confirm, write, apply, verify; and go back where it fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from stackctl import good, history, records, secrets, state
from stackctl.apply import beside
from stackctl.apply.start import Site
from stackctl.apply.tidy import tidy
from stackctl.commands import saved
from stackctl.commands.back import go_back
from stackctl.commands.carry_out import carry_out, kept
from stackctl.commands.change import Change, Progress, give_secrets, target, with_generations
from stackctl.commands.edges import give_certificates, read_again
from stackctl.commands.opened import (
    HostView,
    Opened,
    compose_for,
    expect_ours,
    known_profiles,
    left_out,
    look_at_host,
    named,
    open_stack,
    with_secrets,
)
from stackctl.commands.plan import Made, consent, make
from stackctl.commands.render import expect_closed, known_applied, write
from stackctl.commands.settle import settle
from stackctl.commands.story import Ended, Story, UpAnswer, Watched
from stackctl.commands.verify import prove
from stackctl.compose import check_ahead
from stackctl.engine import Engine
from stackctl.errors import Exit, StackctlError
from stackctl.events import Event, Found, Planned, Said
from stackctl.history import Came, Run
from stackctl.journal import Journal, Phase, Unfinished, expect_whole, unfinished
from stackctl.lock import Lock
from stackctl.model import Observed, Plan, Result, Verb, Wanted
from stackctl.observe import observe
from stackctl.plan import meant
from stackctl.replace import replicas


def up(
    root: Path,
    spokes: tuple[str, ...],
    *,
    profiles: frozenset[str],
    refresh: bool,
    verify: bool,
    confirm: Callable[[Plan], bool],
    environ: Mapping[str, str],
    held: Lock,
    expose: Callable[[Plan], bool] = lambda _: False,
    plan_file: Path | None = None,
    line: tuple[str, ...] = (),
) -> Story:
    """`expose` is asked where the plan opens what was closed; `plan_file` is a plan that `plan` saved.

    `line` is the command line, where it may be told from memory that nothing is to do.
    """
    began = time.time()
    ahead = check_ahead(root, environ)
    chosen = saved.load(plan_file) if plan_file is not None else None
    if chosen is not None:
        asked = chosen.asked
        spokes, profiles, refresh = asked.spokes, frozenset(asked.profiles), asked.refresh
    opened = open_stack(root)
    yield from (Found(finding) for finding in opened.findings)
    only = named(opened.stack, spokes)
    told = [*left_out(opened, known_profiles(opened, profiles), only)]
    view = look_at_host(opened, environ)
    told += [*view.stand_ins(), *view.unread()]
    yield from told
    engine = local_engine(environ)
    left = unfinished(root)
    expect_whole(left)
    observed = observe(engine, opened.stack.name)
    expect_ours(observed, root)
    view = with_secrets(opened, view, meant(opened.stack, observed, profiles, only))

    def made_of(observed: Observed) -> Made:
        return make(opened, view, observed, profiles, only, refresh=refresh)

    found = observed
    observed = yield from finished(opened, view, engine, observed, environ, held)
    made = made_of(observed)
    if left is not None:
        yield from cleared(left, opened, view, observed, made, environ, held)
        observed = observe(engine, opened.stack.name)
        made = made_of(observed)
    change = Change("up", opened, view, made, observed, engine, environ, held, left, ahead)
    if left is not None and left.phase is Phase.BACK and left.begun.target == target(opened, view):
        yield from gone_back(change, left, verify=verify)
    plan = made.plan
    if chosen is not None:
        saved.expect_unmoved(chosen, opened, plan, made.wanted, observed)
    yield Planned(plan)
    nothing = "nothing" if observed is found else "nothing else"
    if plan.changes and plan.unaccepted and not expose(plan):
        raise StackctlError(f"declined what it would open; {nothing} was changed")
    if plan.changes and not confirm(plan):
        raise StackctlError(f"declined; {nothing} was changed")
    change = replace(change, view=with_generations(change))
    if plan.changes or left is not None:
        if left is not None:
            yield Said(f"this run finishes what {_who(left)} began")
        results = yield from carry_out(change, verify=verify)
        secrets.remove_unnamed(opened.stack, root)
        stayed = [action.spoke for action in plan.actions if action.verb is Verb.NOTHING]
        bad = () if verify else tuple(_known_bad(change, stayed))
        yield from (Said(sentence, warning=True) for sentence in bad)
        return Ended(UpAnswer(plan, results), Exit.NOT_PROVED if bad else exit_of(results))
    consent(opened, made)
    ended = yield from _as_it_is(change, verify=verify)
    if not verify and ended.exit_code == Exit.DONE:
        settle(opened, view, observed, plan, engine.endpoint.url, line, told, "err", began)
    return ended


def opening(plan: Plan) -> str:
    """The question about what the plan would open."""
    opened = [f"{exposure.spoke} {exposure.what}" for exposure in plan.unaccepted]
    return f"This would open what was closed: {'; '.join(opened)}. Allow it?"


def finished(
    opened: Opened,
    view: HostView,
    engine: Engine,
    observed: Observed,
    environ: Mapping[str, str],
    held: Lock,
) -> Generator[Event | Watched, None, Observed]:
    """What runs, once replacements that an earlier run began are ended; the files it rendered still stand.

    Raises:
        StackctlError: The edge would be told of routes to which nobody said yes.
    """
    stanzas = view.on_host.stanzas
    crowded = [name for name, stanza in stanzas.items() if len(observed.of_spoke(name)) > replicas(stanza)]
    if not crowded:
        return observed

    def expect(going: Collection[str]) -> None:
        # No plan was shown yet that somebody could have said yes to.
        expect_closed(opened, view, going)

    wanted = {name: Wanted(stanza) for name, stanza in stanzas.items()}
    site = Site(opened.stack, wanted, engine, compose_for(opened, view, environ, held))
    ended = beside.finish(site, crowded, expect)
    for name, removed in ended.items():
        told = ", ".join(container.name for container in removed)
        yield Said(f"{name}: an earlier replacement was cut short; {told} was removed", warning=True)
    return observe(engine, opened.stack.name) if ended else observed


def _as_it_is(change: Change, *, verify: bool) -> Story:
    """Nothing is to be done; whether all is well is another question."""
    opened, view, plan = change.opened, change.view, change.made.plan
    renewed = give_certificates(opened, view, change.engine)
    write(opened, view, known_applied(opened, view, state.applied_images(opened.root)))
    state.remember_generations(opened.root, view.generations)
    give_secrets(opened, view, change.engine, change.made.wanted)
    yield Said(plan.in_a_word)
    compose = compose_for(opened, view, change.environ, change.held)
    yield from read_again(opened, plan, renewed, change.engine, compose)
    secrets.remove_unnamed(opened.stack, opened.root)
    meant = [action.spoke for action in plan.actions]
    sick = tuple(_sick(change.observed, meant))
    for sentence in sick:
        yield Said(sentence, warning=True)
    results: tuple[Result, ...] = ()
    if verify:
        results = yield from prove(opened, view, change.engine, meant)
    else:
        bad = tuple(_known_bad(change, meant))
        yield from (Said(sentence, warning=True) for sentence in bad)
        sick += bad
    if sick:
        return Ended(UpAnswer(plan, results), Exit.NOT_PROVED)
    code = exit_of(results)
    # What is known not to hold is nothing to go back to.
    if meant and code == Exit.DONE and not good.is_any(opened.root):
        yield from kept(change, change.observed)
    return Ended(UpAnswer(plan, results), code)


def _sick(observed: Observed, spokes: Collection[str]) -> Iterator[str]:
    """What runs as declared and does not work all the same."""
    for container in observed.containers:
        if container.spoke in spokes and (container.health == "unhealthy" or container.state == "restarting"):
            how = "is unhealthy" if container.running else "dies again and again"
            yield f"{container.spoke} {how}, as declared: see `stackctl logs {container.spoke}`"


def _known_bad(change: Change, spokes: Collection[str]) -> Iterator[str]:
    """What was seen not to hold, still is what was seen, and was not asked again since."""
    opened = change.opened
    for record in records.failing(opened.stack, opened.bundle, records.read(opened.root).records):
        name = record.spoke
        began = [c.inspect["State"].get("StartedAt", "") for c in change.observed.of_spoke(name)]
        # Both are UTC; a record tells no fraction of a second.
        if name in spokes and began and max(began)[:19] <= record.at[:19]:
            yield f"{name} did not hold when it was checked last, as it stands: `stackctl verify {name}`"


def local_engine(environ: Mapping[str, str]) -> Engine:
    """The Engine of this machine.

    Raises:
        StackctlError: It is on another one.
    """
    engine = Engine.connect(environ)
    if not engine.is_local:
        raise StackctlError(
            f"the Engine at {engine.endpoint.url} is not on this machine",
            "`up` mounts files of this folder, so it needs a local Engine; plan and status do not",
        )
    return engine


def cleared(
    left: Unfinished,
    opened: Opened,
    view: HostView,
    observed: Observed,
    made: Made,
    environ: Mapping[str, str],
    held: Lock,
) -> Iterator[Event]:
    """Says how far an earlier run came, and takes away what it left in the way."""
    step = ", ".join(f"`{step} {spoke}`" for step, spoke in left.open) or "no step"
    failed = f", which failed ({left.why})," if left.why else ""
    yield Said(f"{_who(left)}{failed} did not end well; open when it ended: {step}", warning=True)
    _remember(opened.root, left)
    compose = compose_for(opened, view, environ, held)
    yield from tidy(observed, made.wanted, left.begun.before, compose)


def _remember(root: Path, left: Unfinished) -> None:
    """A run that was killed could not write itself into the history."""
    runs, _ = history.read(root)
    begun = left.begun
    if not any((run.at, run.by, run.command) == (begun.at, begun.by, begun.command) for run in runs):
        history.append(root, Run(begun.at, begun.by, begun.command, begun.changes, Came.KILLED, left.why))


def gone_back(change: Change, left: Unfinished, *, verify: bool) -> Generator[Event, None, None]:
    """Ends what a run had begun that was going back, as long as the files are still those that failed.

    Raises:
        Restored: The last good state runs again.
        NotRestored: It does not.
    """
    if not good.is_any(change.root):
        return
    yield Said("the files are still those that failed, so this run goes on going back")
    past = records.read(change.root).records
    progress = Progress.after(left)
    journal = Journal(change.root)
    journal.begin(change.begun, progress.steps)
    yield from go_back(change, journal, progress, past, StackctlError(left.why), verify=verify)


def _who(left: Unfinished) -> str:
    return f"`stackctl {left.begun.command}` by {left.begun.by} of {left.begun.at}"


def exit_of(results: Collection[Result]) -> Exit:
    return Exit.DONE if all(result.holds for result in results) else Exit.NOT_PROVED
