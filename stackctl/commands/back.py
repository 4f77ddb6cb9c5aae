"""Going back: the last good state runs again and is verified again, or the screen says what to do by hand."""

from __future__ import annotations

import errno
import time
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import NoReturn

from stackctl import good, records, state
from stackctl.apply import SpokeFailed
from stackctl.apply.tidy import tidy, tidy_networks
from stackctl.commands.change import (
    Change,
    ChecksFailed,
    Progress,
    give_secrets,
    network_names,
    note,
    noted,
    run_plan,
    stopped,
    with_generations,
    working,
)
from stackctl.commands.good_state import by_hand, expect_images, reopened, with_kept_secrets
from stackctl.commands.opened import HostView, Opened, compose_for
from stackctl.commands.plan import Made, image_id, make
from stackctl.commands.render import is_watched, known_applied, write
from stackctl.commands.verify import prove
from stackctl.engine import Engine
from stackctl.errors import Exit, StackctlError, of_file
from stackctl.events import Event, Said
from stackctl.exposure import keys
from stackctl.good import Good
from stackctl.history import Came
from stackctl.journal import Journal, Phase
from stackctl.model import Observed, Result
from stackctl.observe import observe
from stackctl.plan import meant
from stackctl.replace import keeps

_ENGINE_BACK_WITHIN = 10.0
"""Seconds that an Engine which is being restarted has to come back."""


class Restored(StackctlError):
    """It failed, and the previous state runs again."""

    exit_code = Exit.RESTORED


class NotRestored(StackctlError):
    """It failed, and the previous state could not be brought back."""

    exit_code = Exit.NOT_RESTORED


def go_back(
    change: Change,
    journal: Journal,
    progress: Progress,
    past: tuple[records.Record, ...],
    error: StackctlError,
    *,
    verify: bool,
) -> Generator[Event, None, NoReturn]:
    """Undoes what was changed since the last good state.

    Raises:
        Restored: That state runs again, and its checks hold as they did.
        NotRestored: It does not; the hint says what to do.
        StackctlError: Nothing ran before, so there is nothing to go back to; what was begun is stopped.
    """
    with suppress(StackctlError):
        # On a full disk the journal cannot say so; that it is there makes the next run look.
        journal.phase(Phase.BACK, error.message)
    kept = next(iter(good.all_good(change.root)), None)
    if kept is None and not _ran_before(change):
        yield from _stop_first(change, journal, error)
    if kept is None:
        hint = "no good state is kept to go back to: correct the files and give the same command again"
        yield from note(change, Came.NOT_RESTORED, error.message)
        raise NotRestored(f"{error.message}; it was not undone", _joined(error.hint, hint), error.detail)
    wrote = {name for name in change.verbs if _wrote(name, change, kept, progress)}
    stays = sorted(_with_owners(change, wrote) & change.verbs.keys())
    only = sorted(name for name in change.verbs if name in kept.images and name not in stays)
    yield Said(f"{error.message}; going back to the good state {kept.number} of {kept.at}", warning=True)
    for name in stays:
        why = "its new version has written to its data already" if name in wrote else "others follow it"
        yield Said(f"{name} stays as it is: {why}", warning=True)
    try:
        yield from _expect_to_work(change, stays, _failed(error))
        results = yield from _back(change, journal, progress, past, kept, only, stays, verify=verify)
    except KeyboardInterrupt:
        yield from note(change, Came.INTERRUPTED, error.message)
        raise KeyboardInterrupt("while going back; `stackctl up` goes on with it") from None
    except (StackctlError, OSError) as failure:
        again = failure if isinstance(failure, StackctlError) else of_file(failure)
        if again is None:
            raise
        yield from note(change, Came.NOT_RESTORED, error.message)
        compose = by_hand(kept, change.opened, only)
        hint = by_then(
            again,
            error,
            "then `stackctl up` goes on going back",
            f"without stackctl: {compose}" if only else "",
        )
        detail = "\n".join(filter(None, (error.detail, again.detail)))
        message = f"{error.message}; going back failed: {again.message}"
        raise NotRestored(message, hint, detail) from failure
    journal.close()
    yield from note(change, Came.RESTORED, error.message, kept.number)
    verified = _verified(results) if verify else "; its checks were not run"
    raise Restored(
        f"{error.message}; the state {kept.number} of {kept.at} runs again{verified}",
        # What the error itself advises is about a container that is gone.
        "the files still declare what failed: correct them, then `stackctl up`",
        error.detail,
    )


def _back(
    change: Change,
    journal: Journal,
    progress: Progress,
    past: tuple[records.Record, ...],
    kept: Good,
    only: list[str],
    stays: list[str],
    *,
    verify: bool,
) -> Generator[Event, None, tuple[Result, ...]]:
    engine = _engine(change)
    observed = observe(engine, change.opened.stack.name)
    results: tuple[Result, ...] = ()
    compose = compose_for(change.opened, change.view, change.environ, change.held)
    before = change.begun.before
    new = [c.id for c in observed.containers if c.spoke in change.verbs and c.spoke not in kept.images]
    if new:
        compose.halt(new).expect_success("what is new could not be stopped")
    opened, view = reopened(kept, change.opened, change.view, observed)
    expect_images(kept, view, observed, only)
    view = with_kept_secrets(kept, opened, view, meant(opened.stack, observed, (), only) if only else ())
    _take_back(change, opened, view, kept)
    images = {**state.applied_images(opened.root), **kept.images}
    rendered = opened.bundle.files.keys() & kept.part("bundle").keys()
    routes = {path for path in rendered if is_watched(path)}
    # Linked, not written: also where the disk is full.
    good.link_into(kept, opened.root, rendered - routes if only else rendered)
    if only:
        made = make(opened, view, observed, frozenset(), tuple(only))
        _expect_to_stay(made, stays)
        then = replace(change, opened=opened, view=view, made=made, observed=observed, engine=engine)
        # As long as a container stands beside another, the edge keeps away from the one that does not work.
        _write(opened, view, images, routes=False)
        yield from tidy(observed, made.wanted, before, compose)
        good.link_into(kept, opened.root, routes)
        _write(opened, view, images)
        observed = observe(engine, opened.stack.name)
        made = make(opened, view, observed, frozenset(), tuple(only))
        then = replace(then, made=made, observed=observed)
        view = with_generations(then)
        then = replace(then, view=view)

        def complete() -> None:
            give_secrets(opened, view, engine, made.wanted)
            here = observe(engine, opened.stack.name)
            images.update({name: image_id(here, view, name) for name in made.wanted})
            _write(opened, view, images)

        yield from noted(journal, progress, run_plan(then, complete), going_back=True)
        yield from working(then, only)
        if verify:
            results = yield from prove(opened, view, engine, _ran(observed, kept))
            changed = [*only, *stays]
            still = stopped(change, observe(engine, opened.stack.name))
            if turned := records.turned(opened.stack, opened.bundle, past, results, changed, stopped=still):
                raise ChecksFailed(turned)
    observed = observe(engine, opened.stack.name)
    yield from tidy_networks(observed, network_names(opened), compose)
    # Where these cannot be written, they are asked from the Engine again.
    with suppress(OSError):
        state.remember_generations(opened.root, view.generations)
        state.remember_images(opened.root, images)
    return results


def _verified(results: Collection[Result]) -> str:
    """What failed before the change too is no reason to fail now, and none to be silent."""
    against = sum(not result.holds for result in results)
    if not against:
        return " and was verified"
    return f"; {against} of its {len(results)} checks do not hold, of which none is known to have held before"


def _write(opened: Opened, view: HostView, images: Mapping[str, str], *, routes: bool = True) -> None:
    try:
        write(opened, view, known_applied(opened, view, images), routes=routes)
    except OSError as error:
        # What was linked is what was rendered then, up to the ids of images whose names have moved.
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise


def _with_owners(change: Change, spokes: Collection[str]) -> set[str]:
    """With those that they follow: to replace these would be to replace them."""
    found = set(spokes)
    known = change.opened.stack.spokes
    while more := {d.spoke for s in known if s.name in found for d in s.dependencies if d.follows} - found:
        found |= more
    return found


def _expect_to_stay(made: Made, stays: Collection[str]) -> None:
    """In the state that is gone back to, what stays may follow others than it does today."""
    if moved := sorted({action.spoke for action in made.plan.changes} & {*stays}):
        told = "would be replaced with what it follows, and has written to its data already"
        raise StackctlError(f"{', '.join(moved)} {told}", "`stackctl rollback` does it after a yes")


def _take_back(change: Change, opened: Opened, view: HostView, kept: Good) -> None:
    """A yes to what the failed run would have opened; what opens it again is asked again."""
    stack, stanzas = opened.stack, view.on_host.stanzas
    there = kept.images.keys() & stanzas.keys()
    opens = {
        name: keys(stack, stack.spoke(name), stanzas[name], str(opened.root)) if name in there else ()
        for name in change.verbs
    }
    with suppress(OSError):
        state.remember_exposed(opened.root, opens)


def _expect_to_work(change: Change, stays: list[str], failed: set[str]) -> Iterator[Event]:
    """What is left as it is must not be what failed."""
    broken = failed & set(stays)
    try:
        yield from working(change, [name for name in stays if name not in broken])
    except SpokeFailed as error:
        broken.add(error.spoke)
    if broken:
        raise StackctlError(
            f"{', '.join(sorted(broken))} has written to its data already, which an older version may not be "
            "able to read",
            "`stackctl rollback` runs the older version on it all the same, after a yes",
        )


def _ran_before(change: Change) -> bool:
    """Whether anything that is changed was at work when this began."""
    there = {container.id: container.running for container in change.observed.containers}
    return any(there.get(id, True) for ids in change.begun.before.values() for id in ids)


def _ran(observed: Observed, kept: Good) -> list[str]:
    return sorted({container.spoke for container in observed.containers} & kept.images.keys())


def _engine(change: Change) -> Engine:
    """The Engine, which may just be coming back."""
    ends = time.monotonic() + _ENGINE_BACK_WITHIN
    while True:
        try:
            return Engine.connect(change.environ)
        except StackctlError:
            if time.monotonic() >= ends:
                raise
        time.sleep(0.5)


def _stop_first(change: Change, journal: Journal, error: StackctlError) -> Generator[Event, None, NoReturn]:
    """What never ran before has no state to go back to: stopped, it stays to be looked at."""
    try:
        observed = observe(_engine(change), change.opened.stack.name)
        begun = [c for c in observed.containers if c.spoke in change.verbs and c.state != "exited"]
        if begun:
            compose = compose_for(change.opened, change.view, change.environ, change.held)
            compose.halt([c.id for c in begun]).expect_success("what was begun could not be stopped")
    except StackctlError as again:
        yield from note(change, Came.NOT_RESTORED, error.message)
        raise NotRestored(
            f"{error.message}; what was begun could not be stopped: {again.message}",
            by_then(again, error, "then `stackctl up` again, or `stackctl down`"),
            "\n".join(filter(None, (error.detail, again.detail))),
        ) from again
    journal.close()
    yield from note(change, Came.FAILED, error.message)
    told = "nothing ran before, so there is nothing to go back to: what was begun is stopped and kept"
    raise StackctlError(error.message, _joined(error.hint, told), error.detail)


def _wrote(spoke: str, change: Change, kept: Good, progress: Progress) -> bool:
    """Whether another version of its image may have run on data that outlives a container."""
    want = change.made.wanted.get(spoke)
    if want is None or spoke not in kept.images or not keeps(want.stanza):
        return False
    began = any(name == spoke for _, name in progress.steps)
    return began and want.image_id != kept.images[spoke]


def _failed(error: StackctlError) -> set[str]:
    if isinstance(error, SpokeFailed):
        return {error.spoke}
    return {result.check.spoke for result in error.results} if isinstance(error, ChecksFailed) else set()


def by_then(again: StackctlError, error: StackctlError, *then: str) -> str:
    """The way out of what went wrong last, and what comes after it."""
    return _joined(again.hint or error.hint or "mend what the message names", *then)


def _joined(*hints: str) -> str:
    return "; ".join(filter(None, hints))
