"""A change of what runs: written down before it is done, applied, checked, and gone back on if it fails."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stackctl import good, records, secrets, state
from stackctl.apply import Interrupted
from stackctl.apply.tidy import tidy_networks
from stackctl.checks import checks
from stackctl.commands.back import go_back
from stackctl.commands.before_routed import before_routed
from stackctl.commands.change import (
    Change,
    ChecksFailed,
    Progress,
    alive,
    give_secrets,
    network_names,
    note,
    noted,
    on_their_way,
    run_plan,
    stopped,
    working,
)
from stackctl.commands.edges import give_certificates, without_reloads
from stackctl.commands.good_state import keep, reopened
from stackctl.commands.opened import compose_for
from stackctl.commands.plan import consent, image_id
from stackctl.commands.render import known_applied, left_over, write
from stackctl.commands.verify import prove
from stackctl.errors import StackctlError, of_file
from stackctl.events import Event, Said
from stackctl.files import write_atomically
from stackctl.history import Came
from stackctl.journal import Journal, NotBegun, Phase
from stackctl.model import Observed, Result, Verb
from stackctl.observe import observe
from stackctl.override import OVERRIDE_FILE


def carry_out(change: Change, *, verify: bool) -> Generator[Event, None, tuple[Result, ...]]:
    """Brings it about; the results of its checks, none of which asks to go back.

    Raises:
        StackctlError: It failed before anything was changed; or there was nothing to go back to.
        Restored: It failed, and the last good state runs again.
        NotRestored: It failed, and so did going back.
        Interrupted: The person stopped it; the journal tells the next run.
    """
    past = records.read(change.root).records
    before = _before(change)
    progress = Progress.after(change.left)
    journal = Journal(change.root)
    try:
        # An interrupt may come as soon as it is on the disk, and then it must go again.
        journal.begin(change.begun, progress.steps)
        consent(change.opened, change.made)
        results, here = yield from _applied(change, journal, progress, past, verify=verify)
    except (Interrupted, KeyboardInterrupt) as interrupt:
        if not progress.touched:
            yield from _undo(change.root, before)
            journal.close()
            # What the earlier run left in the way may be gone already.
            nothing = "nothing" if change.left is None else "nothing else"
            raise KeyboardInterrupt(f"{nothing} was changed") from None
        yield from note(change, Came.INTERRUPTED, str(interrupt))
        if isinstance(interrupt, Interrupted):
            raise
        raise KeyboardInterrupt(_told(progress)) from None
    except NotBegun:
        # Also where this run goes on with another's: going back without a journal is no way out.
        raise
    except (StackctlError, OSError) as failure:
        error = failure if isinstance(failure, StackctlError) else of_file(failure)
        if error is None:
            raise
        if not progress.touched:
            yield from _undo(change.root, before)
            if change.left is None:
                journal.close()
            raise error from failure
        yield from go_back(change, journal, progress, past, error, verify=verify)
    try:
        yield from _tidied(change, here)
        number = yield from kept(change, here, results)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("everything was applied") from None
    journal.close()
    proved = all(result.holds for result in results)
    yield from note(change, Came.APPLIED if proved else Came.NOT_PROVED, good=number)
    return results


def _applied(
    change: Change, journal: Journal, progress: Progress, past: tuple[records.Record, ...], *, verify: bool
) -> Generator[Event, None, tuple[tuple[Result, ...], Observed]]:
    """The results of its checks, and what runs then."""
    opened, view = change.opened, change.view
    images = state.applied_images(change.root)
    renewed = give_certificates(opened, view, change.engine)
    write(opened, view, known_applied(opened, view, images))

    def complete() -> None:
        """Now every image is here, so its id can enter the applied fingerprints."""
        give_secrets(opened, view, change.engine, change.made.wanted)
        here = observe(change.engine, opened.stack.name)
        images.update({name: image_id(here, view, name) for name in change.made.wanted})
        write(opened, view, known_applied(opened, view, images))

    # Where no container is to change, nobody else says that every image is here.
    if not without_reloads(change.made.plan).changes:
        complete()
    yield from working(change, on_their_way(change))
    wrong = before_routed(change, past) if verify else lambda new: {}
    yield from noted(journal, progress, run_plan(change, complete, renewed, wrong))
    known = {spoke.name for spoke in opened.stack.spokes}
    # Where another spoke comes back one day, that its container is missing is nobody else's doing.
    state.remember_images(change.root, {name: id for name, id in images.items() if name in known})
    state.remember_generations(change.root, view.generations)
    if change.left is not None:
        planned = {action.spoke for action in change.made.plan.changes}
        yield from working(change, (set(change.verbs) - planned) & known)
    journal.phase(Phase.CHECKS)
    if not verify:
        return (), alive(change)
    spokes = [a.spoke for a in change.made.plan.actions if a.verb is not Verb.REMOVE]
    results = yield from prove(opened, view, change.engine, spokes)
    here = alive(change)
    then = _asked_then(change) if any(map(records.against, results)) else frozenset()
    still = stopped(change, here)
    if turned := records.turned(opened.stack, opened.bundle, past, results, change.verbs, then, still):
        raise ChecksFailed(turned)
    return results, here


def _asked_then(change: Change) -> frozenset[tuple[str, str, str]]:
    """What the checks of the last good state are about, whether anybody ever asked them or not.

    Its files also tell of spokes that it did not run: of these nothing held.
    """
    with suppress(StackctlError):
        for kept in good.all_good(change.root)[:1]:
            opened, _ = reopened(kept, change.opened, change.view, change.observed)
            every = checks(opened.stack, opened.bundle)
            return frozenset(records.about(check) for check in every if check.spoke in kept.images)
    return frozenset()


def _tidied(change: Change, here: Observed) -> Iterator[Event]:
    compose = compose_for(change.opened, change.view, change.environ, change.held)
    yield from tidy_networks(here, network_names(change.opened), compose)


def kept(change: Change, here: Observed, results: Collection[Result] = ()) -> Generator[Event, None, int]:
    """Keeps what runs now as the last good state; of what does not hold, what was good before."""
    spokes = {action.spoke for action in change.made.plan.actions} | change.verbs.keys()
    red = {result.check.spoke for result in results if records.against(result)}
    for before in good.all_good(change.root)[:1]:
        if stays := sorted(red & spokes & before.images.keys()):
            spokes -= {*stays}
            told = f"{', '.join(stays)}: its checks do not hold, so it is not kept as good; the good state"
            yield Said(f"{told} {before.number} stays what going back leads to", warning=True)
        if not spokes:
            return before.number
    try:
        return keep(change.opened, change.view, here, spokes)
    except (OSError, StackctlError) as error:
        yield Said(f"this state could not be kept to go back to: {error}", warning=True)
        return 0


@dataclass(frozen=True)
class _Was:
    content: bytes
    mode: int
    owner: tuple[int, int] | None
    """None where it is whoever writes it."""


def _before(change: Change) -> dict[Path, _Was | None]:
    """What this run may write over, or take away, before it changes anything that runs, as it is now."""
    opened, made = change.opened, change.made
    mounted = secrets.paths(opened.stack, made.wanted)
    written = (*opened.bundle.files, *left_over(opened), OVERRIDE_FILE, *state.WRITTEN_AHEAD, *mounted)
    found = {}
    for path in (change.root / name for name in written):
        # What this user may not read, nobody here could put back.
        with suppress(PermissionError):
            found[path] = _was(path)
    return found


def _was(path: Path) -> _Was | None:
    if not path.is_file():
        return None
    there = path.stat()
    owner = (there.st_uid, there.st_gid) if os.geteuid() == 0 else None
    return _Was(path.read_bytes(), stat.S_IMODE(there.st_mode), owner)


def _undo(root: Path, before: Mapping[Path, _Was | None]) -> Iterator[Event]:
    """Puts files back as they were; nothing that runs has seen the new ones, and nothing was opened."""
    stay = []
    for path, was in before.items():
        try:
            if was is None:
                path.unlink(missing_ok=True)
            else:
                write_atomically(path, was.content, was.mode, was.owner)
        except OSError:
            # On a full disk, of which what was written took the rest.
            stay.append(str(path.relative_to(root)))
    if stay:
        told = "could not be put back, and is of what was planned; the next run writes it again"
        yield Said(f"{', '.join(stay)} {told}", warning=True)


def _told(progress: Progress) -> str:
    done = ", ".join(f"{spoke} ({step})" for step, spoke in progress.steps)
    return f"applied, and not seen to the end: {done}"
