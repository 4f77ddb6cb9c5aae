"""Evidence: a line per verified spoke and run, only ever added to; and what it says about the spokes now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stackctl import __version__, fingerprint, lines
from stackctl.checks import checks
from stackctl.checks_of_routes import INSIDE
from stackctl.codes import CODES
from stackctl.errors import StackctlError
from stackctl.findings import Severity
from stackctl.model import (
    NO_PROBER,
    Bundle,
    Check,
    Edge,
    Kind,
    Named,
    Outcome,
    Request,
    Result,
    Spoke,
    Stack,
    State,
)

SCHEMA = 1
FILE = ".stackctl/records.jsonl"

_OF_NETWORKS = "CK202"
"""Asked from the networks on which somebody sits at the time, so not the same in every run."""
_OF_NAMES = "CK325"
"""Asked of an edge for each name in use, so not for those of spokes that never ran."""


@dataclass(frozen=True)
class Seen:
    """One result, as recorded."""

    code: str
    title: str
    outcome: Outcome
    saw: str


@dataclass(frozen=True)
class Record:
    """What one run saw of one spoke."""

    at: str
    """UTC, ISO 8601."""
    stack: str
    spoke: str
    fingerprint: str
    """The declared one, as the container's label has it."""
    depends: Mapping[str, str]
    """The declared fingerprints of what the spoke leans on."""
    results: tuple[Seen, ...]
    version: str
    schema: int = SCHEMA


@dataclass(frozen=True)
class History:
    records: tuple[Record, ...]
    """In the order in which they were written."""
    torn: str = ""
    """A sentence about lines that are no records; empty where all are."""


@dataclass(frozen=True)
class Standing:
    """What is known of a spoke as its files stand now."""

    state: State
    documented: bool
    """Whether its page records the current declared fingerprint."""


# ---- pure


def of_run(stack: Stack, bundle: Bundle, results: Iterable[Result], at: datetime) -> tuple[Record, ...]:
    """A record for each spoke that has results."""
    seen: dict[str, list[Seen]] = {}
    for result in results:
        check = result.check
        seen.setdefault(check.spoke, []).append(Seen(check.code, check.title, result.outcome, result.saw))
    moment = at.astimezone(UTC).isoformat(timespec="seconds")
    return tuple(
        Record(
            moment,
            stack.name,
            name,
            _declared(bundle, name),
            _depends(stack, bundle, stack.spoke(name)),
            tuple(found),
            __version__,
        )
        for name, found in seen.items()
    )


def states(stack: Stack, bundle: Bundle, records: Sequence[Record]) -> dict[str, Standing]:
    """Each spoke's standing. Order decides which record is the last, no clock does."""
    own = [record for record in records if record.stack == stack.name]
    expected = [check for check in checks(stack, bundle) if check.code not in (_OF_NETWORKS, _OF_NAMES)]
    for edge in stack.of_kind(Kind.EDGE):
        expected += _of_names(stack, bundle, edge, own)
    return {
        spoke.name: Standing(
            _state(
                stack,
                bundle,
                spoke,
                {(c.code, c.title) for c in expected if c.spoke == spoke.name},
                [record for record in own if record.spoke == spoke.name],
            ),
            documented(spoke, bundle),
        )
        for spoke in stack.spokes
    }


def failing(stack: Stack, bundle: Bundle, records: Sequence[Record]) -> Iterator[Record]:
    """What was seen last of spokes that did not hold then, as their files stand now."""
    for spoke in stack.spokes:
        own = (r for r in reversed(records) if (r.stack, r.spoke) == (stack.name, spoke.name))
        last = next((record for record in own if _is_of_now(stack, bundle, spoke, record)), None)
        if last is not None and not held(spoke, last):
            yield last


def _of_names(stack: Stack, bundle: Bundle, edge: Spoke, records: list[Record]) -> Iterator[Check]:
    """Those for the names of spokes that were checked together with the edge, or since.

    Of others the edge was asked when they were there; whether they are there now, no record tells.
    """
    proofs = (n for n, r in enumerate(records) if r.spoke == edge.name and _is_of_now(stack, bundle, edge, r))
    checked = {record.spoke for record in records[max(proofs, default=0) :]}
    among = checks(stack, bundle, {edge.name, *checked})
    return (check for check in among if (check.code, check.spoke) == (_OF_NAMES, edge.name))


def _is_of_now(stack: Stack, bundle: Bundle, spoke: Spoke, record: Record) -> bool:
    """Whether it was of the spoke as its files stand now, and of what the spoke leans on."""
    now = (_declared(bundle, spoke.name), _depends(stack, bundle, spoke))
    return (record.fingerprint, record.depends) == now


def documented(spoke: Spoke, bundle: Bundle) -> bool:
    """Whether the page records the current declared fingerprint, in full or by its first 12 digits."""
    _, _, digest = _declared(bundle, spoke.name).partition(".")
    return fingerprint.recorded(spoke.recorded.fingerprint, digest)


def _state(
    stack: Stack, bundle: Bundle, spoke: Spoke, expected: set[tuple[str, str]], records: list[Record]
) -> State:
    current = [record for record in records if _is_of_now(stack, bundle, spoke, record)]
    if current and not held(spoke, current[-1]):
        return State.FAILING
    if current and expected <= {(seen.code, seen.title) for seen in current[-1].results}:
        return State.PROVED
    return State.STALE if any(held(spoke, record) for record in records) else State.UNTESTED


def held(spoke: Spoke, record: Record) -> bool:
    """Whether nothing in this record speaks against the spoke: passed, accepted, or only a warning."""
    accepted = {accept.code for accept in spoke.accept if not accept.name}
    return all(
        seen.outcome is Outcome.PASSED or seen.code in accepted or _only_warns(seen.code)
        for seen in record.results
    )


def _only_warns(code: str) -> bool:
    return code in CODES and CODES[code].severity is Severity.WARNING


def _declared(bundle: Bundle, spoke: str) -> str:
    return str(bundle.service(spoke).get("labels", {}).get("stackctl.fingerprint", ""))


def _depends(stack: Stack, bundle: Bundle, spoke: Spoke) -> dict[str, str]:
    """What the proof of a spoke leans on: its dependencies, theirs, and the edge of a routed one."""
    by_name = {other.name: other for other in stack.spokes}
    found: set[str] = set()
    ahead = list(_leans_on(stack, spoke))
    while ahead:
        name = ahead.pop()
        if name in by_name and name != spoke.name and name not in found:
            found.add(name)
            ahead += _leans_on(stack, by_name[name])
    return {name: _declared(bundle, name) for name in sorted(found)}


def _leans_on(stack: Stack, spoke: Spoke) -> Iterator[str]:
    yield from (dependency.spoke for dependency in spoke.dependencies)
    if spoke.routes and stack.edge is not Edge.NONE:
        yield from (edge.name for edge in stack.of_kind(Kind.EDGE))


def turned(
    stack: Stack,
    bundle: Bundle,
    past: Sequence[Record],
    results: Iterable[Result],
    changed: Collection[str],
    then: Collection[tuple[str, str, str]] = (),
    stopped: Collection[str] = (),
) -> tuple[Result, ...]:
    """The results of changed spokes, and of what leans on them, that do not hold although they passed before.

    `then` are the spoke, code and title of each check that the last good state has: what it has and nobody
    ever asked may have held, so it counts as if it had. What was red tells nothing about the change, what is
    new neither, and what nobody could ask for lack of a prober neither. The `stopped` did not run before, and
    do not now: a check that asks one by its name, or from within it, could not be asked because of that.
    """
    leaning = {
        spoke.name
        for spoke in stack.spokes
        if spoke.name in changed or not _depends(stack, bundle, spoke).keys().isdisjoint(changed)
    }
    last = {
        (record.spoke, seen.code, seen.title): seen.outcome
        for record in past
        if record.stack == stack.name
        for seen in record.results
    }
    return tuple(
        result
        for result in results
        if against(result)
        and result.check.spoke in leaning
        and _needs(result.check).isdisjoint(stopped)
        and last.get(key := about(result.check), Outcome.PASSED if key in then else None) is Outcome.PASSED
    )


def _needs(check: Check) -> set[str]:
    """Whom it is about, asks, or asks from within."""
    own = (check.look,) if isinstance(check.look, Request) else ()
    needed = {check.spoke}
    for request in (*own, *(control.request for control in check.controls)):
        target = request.target
        needed.add(target.host if isinstance(target, Named) else target.spoke)
        if request.vantage.startswith(INSIDE):
            needed.add(request.vantage.removeprefix(INSIDE))
    return needed


def against(result: Result) -> bool:
    """Whether it speaks against what runs, not only against what could be asked here."""
    return not result.holds and NO_PROBER not in result.saw


def about(check: Check) -> tuple[str, str, str]:
    """What tells one check from another, whatever its files were at the time."""
    return check.spoke, check.code, check.title


# ---- the file


def append(root: Path, stack: Stack, bundle: Bundle, results: Iterable[Result], at: datetime) -> None:
    """Adds the records of one run; they are on the disk when this returns."""
    if records := of_run(stack, bundle, results, at):
        _append(root, map(asdict, records))


def _append(root: Path, documents: Iterable[Mapping[str, Any]]) -> None:
    path = root / FILE
    try:
        lines.append(path, documents)
    except OSError as error:
        raise StackctlError(
            f"the results could not be recorded in {path}: {error.strerror}",
            "see to the owner and the free space of that directory; the results themselves stand above",
        ) from error


def rename(root: Path, stack: str, old: str, new: str, at: datetime) -> None:
    """Adds a line that gives the records before it, where they are of `old`, the name `new`."""
    if (root / FILE).parent.is_dir():
        moment = at.astimezone(UTC).isoformat(timespec="seconds")
        line = {"schema": SCHEMA, "at": moment, "stack": stack, "renamed": {"from": old, "to": new}}
        _append(root, [line])


def former_names(root: Path, stack: str, name: str) -> tuple[str, ...]:
    """What the spoke was called before, the latest name first; a container may still be called so."""
    try:
        documents = lines.read(root / FILE).documents
    except OSError:
        return ()
    found: list[str] = []
    for _, data in reversed(documents):
        with suppress(KeyError, TypeError):
            if data["stack"] == stack and data["renamed"]["to"] == (found[-1] if found else name):
                found.append(str(data["renamed"]["from"]))
    return tuple(found)


def read(root: Path) -> History:
    """All records. Lines that are none, such as half a line of a killed run, are set aside and named."""
    try:
        found = lines.read(root / FILE)
    except OSError as error:
        raise StackctlError(
            f"{root / FILE} cannot be read: {error.strerror}", "see to the owner of that file"
        ) from error
    records: list[Record] = []
    torn = list(found.torn)
    for number, data in found.documents:
        try:
            if "renamed" in data:
                old, new = data["renamed"]["from"], data["renamed"]["to"]
                records = [_renamed(record, data["stack"], old, new) for record in records]
            else:
                records.append(_record(data))
        except (ValueError, KeyError, TypeError, AttributeError):
            torn.append(number)
    return History(tuple(records), lines.set_aside(FILE, torn))


def _renamed(record: Record, stack: str, old: str, new: str) -> Record:
    if record.stack != stack:
        return record
    depends = {new if name == old else name: digest for name, digest in record.depends.items()}
    return replace(record, spoke=new if record.spoke == old else record.spoke, depends=depends)


def _record(data: Mapping[str, Any]) -> Record:
    if data["schema"] != SCHEMA:
        raise ValueError("written by another version")
    results = tuple(Seen(s["code"], s["title"], Outcome(s["outcome"]), s["saw"]) for s in data["results"])
    return Record(
        data["at"],
        data["stack"],
        data["spoke"],
        data["fingerprint"],
        dict(data["depends"]),
        results,
        data["version"],
    )
