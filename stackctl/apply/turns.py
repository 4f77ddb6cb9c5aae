"""The turns of a run: each spoke begins as soon as those that it depends on work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from stackctl.apply import beside
from stackctl.apply.backup import back_up
from stackctl.apply.failures import SpokeFailed, failure, together
from stackctl.apply.route_files import RouteFiles
from stackctl.apply.start import Site, replace_in_place, start
from stackctl.apply.trouble import blamed, explained
from stackctl.apply.wait import Verdict, Waiting
from stackctl.causes import ROUTE_CHANGED
from stackctl.errors import StackctlError
from stackctl.event_stream import EventStream
from stackctl.events import Event, Finished, Line, Started
from stackctl.model import Action, Container, Verb, Way
from stackctl.plan import dependencies
from stackctl.process import Completed


class Turns:
    """Carries out the changes of a plan, apart from its removals."""

    def __init__(self, site: Site, changes: Mapping[str, Action], events: EventStream) -> None:
        self._site = site
        self._routes = RouteFiles(site)
        self._changes = changes
        self._todo = dict(changes)
        self._needs = {name: dependencies(site.stack, (name,)) & changes.keys() for name in changes}
        self._unfinished = set(changes)
        self._waiting = Waiting(site.engine, events)
        self._begun: dict[str, dict[str, Container | None]] = {}
        """Per spoke that is being waited for, its new containers by id, once they are seen to work."""
        self._failures: list[StackctlError] = []
        self._ahead: tuple[str, ...] | None = None
        """What was created before its turn; None until then."""

    def run(self) -> Iterator[Event]:
        """Raises SpokeFailed once nothing is under way any more."""
        while True:
            if ready := self._ready():
                yield from self._begin(ready)
                yield from self._create_ahead()
            elif self._waiting:
                yield from self._judged(self._waiting.verdicts())
            else:
                break
        try:
            self._routes.release()
        except StackctlError as error:
            self._failures.append(error)
        if self._failures:
            self._remove_unstarted()
            raise together(self._failures)

    def clean_up(self) -> None:
        """After an interruption: nothing stays that never ran, and no second container beside a first."""
        beside.finish(self._site, [name for name in self._begun if self._is_beside(name)])
        self._routes.release()
        self._remove_unstarted()

    def _ready(self) -> tuple[str, ...]:
        # Nothing begins on a broken foundation; what is under way is waited for.
        if self._failures:
            return ()
        return tuple(sorted(name for name in self._todo if not self._needs[name] & self._unfinished))

    def _is_beside(self, name: str) -> bool:
        how = self._changes[name].replacement
        return self._changes[name].verb is Verb.RECREATE and how is not None and how.way is Way.BESIDE

    def _keeps_its_routes(self, name: str) -> bool:
        # A new port is not one of the old container's.
        return all(cause.field != ROUTE_CHANGED for cause in self._changes[name].causes)

    # ---- beginning

    def _create_ahead(self) -> Iterator[Event]:
        """Create all that is new in one go, while those that began come up and nothing waits for it."""
        if self._ahead is not None or self._failures:
            return
        recreated = {name for name, action in self._changes.items() if action.verb is Verb.RECREATE}
        # What sits in the namespace of another must be made after that other one was replaced.
        self._ahead = tuple(
            sorted(
                name
                for name, action in self._todo.items()
                if action.verb is Verb.CREATE and not self._needs[name] & recreated
            )
        )
        if self._ahead:
            done = self._site.compose.create(self._ahead, recreate=False)
            if done.exit_code:
                for name in self._ahead:
                    yield Started(self._changes[name].verb, name)
                yield from self._failed_call(done, self._ahead)

    def _begin(self, names: Sequence[str]) -> Iterator[Event]:
        for name in names:
            del self._todo[name]
        recreated = [name for name in names if self._changes[name].verb is Verb.RECREATE]
        new_beside = [name for name in recreated if self._is_beside(name)]
        in_place = [name for name in recreated if name not in new_beside]
        fresh = [name for name in names if name not in recreated]
        try:
            for name in in_place:
                yield from self._back_up(name)
            if new_beside:
                self._routes.hold(list(filter(self._keeps_its_routes, new_beside)), self._unfinished)
        except StackctlError as error:
            self._failures.append(error)
            return
        # Said only now: what is not begun needs no going back.
        for name in names:
            yield Started(self._changes[name].verb, name)
        before = {c.id for c in self._site.containers(new_beside)} if new_beside else set()
        for some, begin in (
            (fresh, self._start_fresh),
            (in_place, lambda some: replace_in_place(self._site, some)),
            (new_beside, lambda some: beside.begin(self._site, some)),
        ):
            done = begin(some) if some else None
            if done is not None and done.exit_code:
                yield from self._failed_call(done, names)
                return
        for container in self._site.containers(names):
            if container.id not in before:
                self._begun.setdefault(container.spoke, {})[container.id] = None
                self._waiting.add(container, self._site.stack.spoke(container.spoke).kind)

    def _back_up(self, name: str) -> Iterator[Event]:
        """Before what a spoke keeps may be written in a new form."""
        how, action = self._site.stack.spoke(name).backup, self._changes[name]
        if how is None or action.replacement is None or not action.replacement.data:
            return
        there = [c for c in self._site.containers([name]) if c.running or not how.command]
        if not there:
            return
        yield Started("backup", name)
        try:
            kept = back_up(self._site.compose, name, how, there[-1])
        except StackctlError:
            yield Finished("backup", name, ok=False)
            raise
        yield Finished("backup", name, detail=kept.file)

    def _start_fresh(self, names: Sequence[str]) -> Completed | None:
        late = [
            name
            for name in names
            if name not in (self._ahead or ()) and self._changes[name].verb is Verb.CREATE
        ]
        if late and (made := self._site.compose.create(late, recreate=False)).exit_code:
            return made
        resting = [c for c in self._site.containers(names) if c.state in ("created", "exited")]
        return start(self._site, resting, {}) if resting else None

    def _failed_call(self, done: Completed, names: Sequence[str]) -> Iterator[Event]:
        started = {c.id: c.spoke for c in self._site.containers(names)}
        culprit = started.get(done.argv[-1]) or blamed(done, self._site.compose.project, tuple(names))
        error = explained(done, "docker compose", culprit)
        for name in names:
            yield Finished(
                self._changes[name].verb, name, ok=False, detail=error.message if name == culprit else ""
            )
        self._failures.append(
            SpokeFailed(culprit, error.message, error.hint, error.detail) if culprit else error
        )

    # ---- ending

    def _judged(self, verdicts: Sequence[Verdict]) -> Iterator[Event]:
        works: dict[str, str] = {}
        for verdict in verdicts:
            name = verdict.container.spoke
            if name not in self._begun:
                continue
            if not verdict.ok:
                yield from self._broken(name, verdict)
                continue
            self._begun[name][verdict.container.id] = verdict.container
            if all(self._begun[name].values()):
                works[name] = verdict.detail
        over = {name: self._containers(name) for name in works if self._is_beside(name)}
        kept_back = beside.hand_over(self._site, over, self._routes) if over else {}
        for name, detail in works.items():
            if name in kept_back:
                verdict = Verdict(over[name][0], False, kept_back[name])
                yield from self._broken(name, verdict)
                continue
            del self._begun[name]
            self._unfinished.discard(name)
            yield Finished(self._changes[name].verb, name, detail=detail)

    def _containers(self, name: str) -> list[Container]:
        return [container for container in self._begun[name].values() if container is not None]

    def _broken(self, name: str, verdict: Verdict) -> Iterator[Event]:
        site = self._site
        failed = failure(name, verdict, site.engine, site.compose)
        if self._is_beside(name):
            # The old container still serves; this one would only be in its way.
            site.compose.remove([*self._begun[name]])
            failed.message += "; the old container still runs"
            failed.hint = ""
        del self._begun[name]
        self._failures.append(failed)
        yield Finished(self._changes[name].verb, name, ok=False, detail=failed.message)
        yield from (Line(name, line) for line in failed.log)

    def _remove_unstarted(self) -> None:
        never = (
            [c.id for c in self._site.containers(self._ahead) if c.state == "created"] if self._ahead else []
        )
        if never:
            self._site.compose.remove(never)
