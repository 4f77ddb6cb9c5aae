"""The turns of a run: each spoke begins as soon as those that it depends on work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from stackctl.apply import beside
from stackctl.apply.asking import UNSTATED, often
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
from stackctl.model import Action, Container, Kind, Spoke, Verb, Way
from stackctl.override import lacks_start_interval
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
        self._asks = lacks_start_interval(site.engine.version)
        """Whether this run asks healthchecks, as the Engine does not know `start_interval`."""
        self._begun: dict[str, dict[str, Container | None]] = {}
        """Per spoke that is being waited for, its new containers by id, once they are seen to work."""
        self._failures: list[StackctlError] = []
        self._crowded = False
        """Whether one that does not work stands beside one that does, and requests must not find it."""
        self._made: set[str] = set()
        """What was created, some of it before its turn."""

    def run(self) -> Iterator[Event]:
        """Raises SpokeFailed once nothing is under way any more."""
        while True:
            if ready := self._ready():
                yield from self._begin(ready)
            elif self._waiting:
                yield from self._judged(self._waiting.verdicts())
            else:
                break
        try:
            if not self._crowded:
                self._routes.release()
        except StackctlError as error:
            self._failures.append(error)
        if self._failures:
            self._remove_unstarted()
            raise together(self._failures)

    def clean_up(self) -> None:
        """After an interruption: nothing stays that never ran, and no second container beside a first."""
        # Also where it stood, and nobody had looked at it yet.
        under_way = self._unfinished - self._todo.keys()
        beside.finish(self._site, sorted(filter(self._is_beside, under_way)))
        self._routes.release()
        self._remove_unstarted()

    def _ready(self) -> tuple[str, ...]:
        # Nothing begins on a broken foundation; what is under way is waited for.
        if self._failures:
            return ()
        early = self._waiting.said_yes
        working = {name for name, ones in self._begun.items() if all(ones[id] or id in early for id in ones)}
        holding = self._unfinished - working
        return tuple(sorted(name for name in self._todo if not self._needs[name] & holding))

    def _is_beside(self, name: str) -> bool:
        how = self._changes[name].replacement
        return self._changes[name].verb is Verb.RECREATE and how is not None and how.way is Way.BESIDE

    def _keeps_its_routes(self, name: str) -> bool:
        # A new port is not one of the old container's.
        return all(cause.field != ROUTE_CHANGED for cause in self._changes[name].causes)

    # ---- beginning

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
        before = {c.id for c in self._site.outlines(new_beside)} if new_beside else set()
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
                name, spoke = container.spoke, self._site.stack.spoke(container.spoke)
                self._begun.setdefault(name, {})[container.id] = None
                every = 0.0 if name in new_beside else self._often(spoke)
                self._waiting.add(container, spoke.kind, every)

    def _often(self, spoke: Spoke) -> float:
        """Seconds after which this run asks whether it works, again and again; 0 where it does not ask."""
        waiting = [self._site.stack.spoke(name) for name in self._todo if spoke.name in self._needs[name]]
        if not self._asks or not waiting or spoke.kind is Kind.JOB:
            return 0.0
        # A database that works for a moment, while it is set up, would end a job that cannot try again.
        jobs = [other for other in waiting if other.kind is Kind.JOB]
        of_a_job = spoke.name in {need.spoke for job in jobs for need in job.dependencies}
        stated = often(spoke.service, self._site.compose.environment)
        return stated or (0.0 if of_a_job else UNSTATED)

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
        """Start these, and first create them; with them, in the same go, all else that is new."""
        if missing := [name for name in names if self._is_new(name)]:
            recreated = {name for name in self._changes if self._changes[name].verb is Verb.RECREATE}
            # What sits in the namespace of another must be made after that other one was replaced.
            later = [n for n in self._todo if self._is_new(n) and not self._needs[n] & recreated]
            # Known before it is done: an interruption takes away what never ran.
            self._made.update(missing, later)
            made = self._site.compose.create(sorted([*missing, *later]), recreate=False)
            if made.exit_code:
                return made
        resting = [c for c in self._site.outlines(names) if c.state in ("created", "exited")]
        return start(self._site, resting, {}) if resting else None

    def _is_new(self, name: str) -> bool:
        return self._changes[name].verb is Verb.CREATE and name not in self._made

    def _failed_call(self, done: Completed, names: Sequence[str]) -> Iterator[Event]:
        among = (*names, *sorted(self._made & self._todo.keys()))
        started = {c.id: c.spoke for c in self._site.outlines(among)}
        culprit = started.get(done.argv[-1]) or blamed(done, self._site.compose.project, among)
        error = explained(done, "docker compose", culprit)
        if culprit in self._todo:
            yield Started(self._changes[culprit].verb, culprit)
        for name in (*names, *(n for n in self._todo if n == culprit)):
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
            if verdict.early:
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
            removed = site.compose.remove([*self._begun[name]])
            failed.message += "; the old container still runs"
            if removed.exit_code:
                failed.message += ", and the new one could not be removed"
                self._crowded = True
            failed.hint = ""
        del self._begun[name]
        self._failures.append(failed)
        yield Finished(self._changes[name].verb, name, ok=False, detail=failed.message)
        yield from (Line(name, line) for line in failed.log)

    def _remove_unstarted(self) -> None:
        if never := [c.id for c in self._site.outlines(self._made) if c.state == "created"]:
            self._site.compose.remove(never)
