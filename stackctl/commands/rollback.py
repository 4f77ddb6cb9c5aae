"""`stackctl rollback`: an earlier good state runs again, of the whole stack or of single spokes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from stackctl import good
from stackctl.commands.carry_out import carry_out
from stackctl.commands.change import Change, with_generations
from stackctl.commands.good_state import expect_images, reopened, with_kept_secrets
from stackctl.commands.opened import HostView, Opened, look_at_host, open_stack
from stackctl.commands.plan import Made, make
from stackctl.commands.story import Ended, Story, UpAnswer
from stackctl.commands.up import cleared, exit_of, local_engine
from stackctl.errors import StackctlError, UsageError
from stackctl.events import Planned, Said
from stackctl.findings import InvalidFiles
from stackctl.good import Good
from stackctl.journal import expect_whole, unfinished
from stackctl.lock import Lock
from stackctl.model import Observed, Plan
from stackctl.observe import observe
from stackctl.replace import keeps


@dataclass(frozen=True)
class _Earlier:
    """A kept state, and what it takes to have it again."""

    kept: Good
    opened: Opened
    view: HostView
    made: Made


def rollback(
    root: Path,
    spokes: tuple[str, ...],
    *,
    to: int,
    verify: bool,
    confirm: Callable[[str], bool],
    expose: Callable[[Plan], bool],
    environ: Mapping[str, str],
    held: Lock,
) -> Story:
    """Without `to`: the newest good state that is not what runs.

    Raises:
        UsageError: There is no such state, or none of these spokes in it.
    """
    now = open_stack(root)
    view = look_at_host(now, environ)
    engine = local_engine(environ)
    left = unfinished(root)
    expect_whole(left)
    found = observed = observe(engine, now.stack.name)
    earlier = _chosen(root, to, spokes, now, view, observed)
    if earlier is None:
        yield Said("nothing to do: what runs is the good state")
        return Ended(UpAnswer(Plan(())))
    if left is not None:
        yield from cleared(left, earlier.opened, earlier.view, observed, earlier.made, environ, held)
        observed = observe(engine, now.stack.name)
        earlier = _of(earlier.kept, spokes, now, view, observed)
    kept, opened, made = earlier.kept, earlier.opened, earlier.made
    yield Planned(made.plan)
    for action in made.plan.changes:
        # What goes, as the other edge does, is in no wanted state.
        wanted = made.wanted.get(action.spoke)
        if wanted and (places := keeps(wanted.stanza)):
            told = f"{action.spoke} keeps data in {', '.join(places)}"
            yield Said(f"{told}: an older version may not be able to read what a newer wrote", warning=True)
    nothing = "nothing" if observed is found else "nothing else"
    if made.plan.unaccepted and not expose(made.plan):
        raise StackctlError(f"declined what it would open; {nothing} was changed")
    if not confirm(f"Go back to the good state {kept.number} of {kept.at}?"):
        raise StackctlError(f"declined; {nothing} was changed")
    then = with_kept_secrets(kept, opened, earlier.view, made.wanted.keys())
    names = [action.spoke for action in made.plan.changes]
    made = _made(opened, then, observed, spokes or tuple(kept.images))
    change = Change("rollback", opened, then, made, observed, engine, environ, held, left)
    change = replace(change, view=with_generations(change))
    results = yield from carry_out(change, verify=verify)
    yield from _told(now, opened, kept, names)
    return Ended(UpAnswer(made.plan, results), exit_of(results))


def _chosen(
    root: Path, to: int, spokes: tuple[str, ...], now: Opened, view: HostView, observed: Observed
) -> _Earlier | None:
    states = good.all_good(root)
    if not states:
        raise UsageError("no good state is kept here", "`up` keeps one each time that it comes to a good end")
    if to and to not in [kept.number for kept in states]:
        there = ", ".join(str(kept.number) for kept in states)
        raise UsageError(f"the good state {to} is not kept", f"there are: {there}; see `stackctl history`")
    wrong: StackctlError | None = None
    for kept in states:
        if to not in (0, kept.number):
            continue
        if spokes and not kept.images.keys() >= set(spokes):
            wrong = UsageError(f"{', '.join(spokes)}: not in the good state {kept.number}")
            continue
        try:
            earlier = _of(kept, spokes, now, view, observed)
        except (InvalidFiles, StackctlError) as error:
            wrong = error
            continue
        if earlier.made.plan.changes:
            return earlier
        wrong = None
        if to:
            return None
    if wrong is not None:
        raise wrong
    return None


def _of(kept: Good, spokes: tuple[str, ...], now: Opened, view: HostView, observed: Observed) -> _Earlier:
    opened, then = reopened(kept, now, view, observed, spokes)
    expect_images(kept, then, observed, spokes or tuple(kept.images))
    return _Earlier(kept, opened, then, _made(opened, then, observed, spokes or tuple(kept.images)))


def _made(opened: Opened, view: HostView, observed: Observed, spokes: tuple[str, ...]) -> Made:
    known = {spoke.name for spoke in opened.stack.spokes}
    return make(opened, view, observed, frozenset(), tuple(name for name in spokes if name in known))


def _told(now: Opened, then: Opened, kept: Good, names: list[str]) -> Iterator[Said]:
    """The files are the truth for the next run, and they were not touched."""
    ours, theirs = now.bundle.fingerprints, then.bundle.fingerprints
    differing = [name for name in names if ours.get(name) != theirs.get(name)]
    if differing:
        folder = kept.folder.relative_to(now.root) / "files" / "spokes"
        yield Said(
            f"the files still declare another state of {', '.join(differing)}: the next `stackctl up` "
            f"applies it again; as they were, they stand in {folder}/",
            warning=True,
        )
