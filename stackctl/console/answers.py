"""How single answers look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import singledispatch
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stackctl.commands.authority import AuthorityAnswer
from stackctl.commands.diagnosed import Diagnosis
from stackctl.commands.image_answers import Pin, PinAnswer, PolicyAnswer, PullAnswer, TravelAnswer
from stackctl.commands.past import HistoryAnswer, RecordsAnswer
from stackctl.commands.story import (
    ABSENT,
    AdoptAnswer,
    BackupAnswer,
    DocsAnswer,
    DownAnswer,
    ExplainAnswer,
    FingerprintAnswer,
    GraphAnswer,
    RenderAnswer,
    RestoreAnswer,
    ScheduleAnswer,
    SchemaAnswer,
    SpokeStatus,
    StatusAnswer,
    TemplatesAnswer,
    VersionAnswer,
    WrittenAnswer,
)
from stackctl.console.adopted import adopted
from stackctl.console.past import history, records
from stackctl.console.policy import policy
from stackctl.findings import Code, Severity
from stackctl.model import Outcome, State

if TYPE_CHECKING:
    from stackctl.edit.mend import Mended

_STATE = {
    State.PROVED: "green",
    State.STALE: "yellow",
    State.FAILING: "red",
    State.UNTESTED: "dim",
}
_MOST_LINES = 12
"""Lines of one mended file that are shown."""


@singledispatch
def picture(answer: object) -> RenderableType | None:
    """What there is to see of an answer; None where everything was seen already."""
    raise TypeError(f"no way to show {answer!r}")


def printed(answer: object) -> str:
    """What of an answer is for a program to read as it is."""
    if isinstance(answer, GraphAnswer) and not answer.file:
        return answer.text
    if isinstance(answer, ScheduleAnswer):
        return _schedule(answer)
    return json.dumps(answer.document, indent=1) + "\n" if isinstance(answer, SchemaAnswer) else ""


@picture.register
def schema(_: SchemaAnswer | ScheduleAnswer) -> None:
    """It was printed."""


def _schedule(answer: ScheduleAnswer) -> str:
    """Text that may be cut into its files; what is to be done with it are comments in all of them."""
    if not answer.units:
        return answer.cron + "\n"
    files = (f"# /etc/systemd/system/{name}\n{text}\n" for name, text in answer.units.items())
    return "".join(files) + "".join(f"# then: {command}\n" for command in answer.next)


def status(answer: StatusAnswer, *, wide: bool) -> RenderableType:
    """A row per spoke; `wide` adds what 80 columns have no room for."""
    table = Table(box=None, pad_edge=False, collapse_padding=not wide, header_style="bold")
    columns = ["spoke", "kind", "profile", "runs", "files", "proof", "page"]
    whole = {"runs": max((len(row.runs) for row in answer.spokes), default=0) + 1}
    for column in (*columns, "fingerprint", "last checked") if wide else columns:
        fixed = column in ("spoke", "kind")
        table.add_column(column, overflow="fold", no_wrap=fixed, min_width=whole.get(column))
    for row in answer.spokes:
        runs = row.runs + (f", {row.restarts} restarts" if row.restarts else "")
        cells: list[RenderableType] = [
            row.spoke,
            row.kind,
            ",".join(row.profiles) or "-",
            Text(runs, "green" if row.runs in ("healthy", "running") else "yellow"),
            Text(row.changes or "same", "yellow" if row.changes else "green"),
            Text(row.proof.value, _STATE[row.proof]),
            "current" if row.documented else "-",
        ]
        if wide:
            cells += [row.fingerprint, row.proved_at.replace("T", " ").removesuffix("+00:00") or "-"]
        table.add_row(*cells)
    below = [
        f"{row.spoke} need not be proved: {row.accepted}"
        for row in answer.spokes
        if row.accepted and row.proof is not State.PROVED
    ]
    below += [f"stand-in: {row.spoke} {_verb(row)} {row.stand_in}" for row in answer.spokes if row.stand_in]
    removed = "`stackctl up` asks before it removes it"
    below += [f"{name}: its spoke is gone; {removed}" for name in answer.strays]
    below += [f"{name}: stack.yaml names another edge; {removed}" for name in answer.resting]
    head = Text.assemble((answer.stack, "bold"), f"  on Engine {answer.engine}")
    return Group(head, table, *(Text(line, "yellow") for line in below))


def _verb(row: SpokeStatus) -> str:
    return "would run" if row.runs == ABSENT else "runs"


@picture.register
def fingerprints(answer: FingerprintAnswer) -> RenderableType:
    """What each spoke declares, of what it is made, and where something else is stated."""
    pending = [Text.assemble(("~ ", "yellow"), sentence) for sentence in answer.pending]
    if not answer.checked:
        return Group(*_fingerprints(answer), *pending)
    held = "docker-compose.yml and the pages state no other fingerprint"
    told = "run `stackctl render`, or `stackctl docs sync` for a page" if pending else held
    return Group(*pending, Text(told))


def _fingerprints(answer: FingerprintAnswer) -> Iterator[RenderableType]:
    for row in answer.spokes:
        yield Text(row.spoke, "bold")
        # Below the name, so that 80 columns have room for all of it.
        yield Text(f"    declared {row.declared.digest}")
        for name, digest in sorted(row.declared.inputs.items()):
            yield Text(f"    {name:<8} {digest[:12]}", "dim")
        if row.applied or row.running:
            yield Text(f"    applied  {row.applied or 'unknown: the image is not here'}", "dim")
            yield Text(f"    running  {row.running or 'none'}", "dim")


@picture.register
def rendered(answer: RenderAnswer) -> RenderableType:
    """The files that were written, or that would be."""
    mark = ("~ ", "yellow") if answer.checked else ("✔ ", "green")
    lines: list[RenderableType] = [Text.assemble(mark, path) for path in answer.changed]
    if answer.checked:
        told = "run `stackctl render`" if answer.changed else "every rendered file is as the spokes say"
        lines.append(Text(told))
    elif not answer.changed:
        lines.append(Text(f"nothing to do: {len(answer.unchanged)} files are as the spokes say"))
    return Group(*lines)


@picture.register
def authority(answer: AuthorityAnswer) -> RenderableType:
    """The stack's own authority, and what it signed."""
    lines: list[RenderableType] = [
        Text(answer.name, "bold"),
        Text(f"  {answer.path}, until {answer.expires}"),
        Text(f"  sha256 {answer.fingerprint}", "dim"),
        Text(f"  signs for names below {', '.join(answer.signs_for)}, and for no other"),
        *(Text.assemble(("✔ ", "green"), leaf.host, f"  until {leaf.expires}") for leaf in answer.signed),
    ]
    if answer.trust:
        lines.append(Text("To trust it (nothing of this was done):"))
        lines += (Text(f"  {how}") for how in answer.trust)
    return Group(*lines)


def docs(answer: DocsAnswer) -> RenderableType:
    """The pages that facts were written into, or that lack some."""
    mark = ("~ ", "yellow") if answer.checked else ("✔ ", "green")
    lines: list[RenderableType] = [Text.assemble(mark, path) for path in answer.changed]
    if answer.checked and answer.changed:
        lines.append(Text("run `stackctl docs sync`"))
    elif not answer.changed:
        lines.append(Text("nothing to do: every page states what follows from the files"))
    return Group(*lines)


def mended(files: tuple[Mended, ...]) -> RenderableType:
    """What `lint --fix` changed, line by line."""
    return Group(*(part for file in files for part in _mended(file)))


def _mended(file: Mended) -> Iterator[RenderableType]:
    yield Text.assemble(("✔ ", "green"), (file.file, "bold"), f" {file.code} mended")
    for line in file.lines[:_MOST_LINES]:
        yield Text(f"    {line}", "red" if line.startswith("-") else "green")
    if len(file.lines) > _MOST_LINES:
        yield Text(f"    and {len(file.lines) - _MOST_LINES} more lines", "dim")
    if not file.lines:
        yield Text("    saved as UTF-8", "dim")


@picture.register
def explained(answer: ExplainAnswer) -> RenderableType:
    """A rule or a check: why it is one, what it looks like, and the way out."""
    return _code(answer.code)


def _code(told: Code) -> RenderableType:
    style = "red" if told.severity is Severity.ERROR else "yellow"
    parts: list[RenderableType] = [
        Text.assemble((told.id, "bold"), " ", (told.severity.value, style), f"  {told.title}"),
        Padding(Text(told.why), (1, 0, 0, 2)),
    ]
    for word, example, colour in (("bad", told.bad, "red"), ("good", told.good, "green")):
        if example:
            parts += [Text(f"\n  {word}", colour), Padding(Text(example), (0, 0, 0, 4))]
    if told.hint:
        parts += [Text("\n  way out", "bold"), Padding(Text(told.hint), (0, 0, 0, 4))]
    return Group(*parts)


@picture.register
def written(answer: WrittenAnswer) -> RenderableType:
    """Files that came and went, and what to do now."""
    parts: list[RenderableType] = [Text.assemble(("✔ ", "green"), path) for path in answer.written]
    # Where files go too, there was a question, and the lines stood above it.
    if answer.written and not answer.deleted:
        parts += [Text.assemble(("✔ ", "green"), line) for line in answer.changed]
    parts += [Text.assemble(("- ", "red"), path) for path in answer.deleted]
    if answer.next:
        parts += [Text("now", "dim"), *(Text(f"  {command}") for command in answer.next)]
    return Group(*parts)


@picture.register
def templates(answer: TemplatesAnswer) -> RenderableType:
    """A row per template, and of which it was never seen that its spoke runs."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("template", "what it makes"):
        table.add_column(column, no_wrap=column == "template")
    for one in answer.templates:
        untested = ("", "") if one.tested else ("  untested", "yellow")
        table.add_row(Text(one.name, "bold"), Text.assemble(one.about, untested))
    return table


@picture.register
def down(answer: DownAnswer) -> RenderableType | None:
    """What is gone."""
    gone = ((len(answer.removed), "container"), (len(answer.networks), "network"))
    told = [f"{count} {what}{'' if count == 1 else 's'}" for count, what in gone if count]
    return Text(f"removed {' and '.join(told)}; volumes were kept") if told else None


picture.register(AdoptAnswer, adopted)
picture.register(PolicyAnswer, policy)
picture.register(HistoryAnswer, history)
picture.register(RecordsAnswer, records)


@picture.register
def drawn(answer: GraphAnswer) -> RenderableType | None:
    """Where the picture is; without a file, the console prints the picture itself."""
    return Text.assemble(("✔ ", "green"), answer.file) if answer.file else None


_PIN = {
    "pinned": ("=", "dim"),
    "skipped": ("=", "dim"),
    "unpinned": ("!", "yellow"),
    "moved": ("~", "yellow"),
}


@picture.register
def pins(answer: PinAnswer) -> RenderableType:
    """Per image what its tag means now, and what was done about it."""
    return Group(*(line for pin in answer.pins for line in _pin(pin)))


def _pin(pin: Pin) -> Iterator[RenderableType]:
    mark, style = ("✔", "green") if pin.written else _PIN.get(pin.state, ("✘", "red"))
    told = "pinned now" if pin.written else {"unknown": "not known"}.get(pin.state, pin.state)
    yield Text.assemble(
        (f"{mark} ", style), (pin.spoke, "bold"), f"  {pin.image.partition('@')[0]}  ", (told, style)
    )
    if pin.digest and (pin.written or pin.state != "pinned"):
        yield Text(f"    {pin.digest}", "dim")
    if pin.why:
        yield Padding(Text(pin.why, "dim" if pin.state == "skipped" else "red"), (0, 0, 0, 4))


@picture.register
def travelled(answer: TravelAnswer) -> RenderableType:
    """What is in the archive, and what to do now."""
    lines = [
        Text.assemble(("✔ ", "green"), (spoke or "the prober", "bold"), f"  {name}")
        for spoke, name in answer.images.items()
    ]
    images = len(set(answer.images.values()))
    told = f"{len(answer.files)} files and {images} image{'s' if images != 1 else ''}: {answer.archive}"
    return Group(*lines, Text(told), Text("now", "dim"), *(Text(f"  {command}") for command in answer.next))


@picture.register
def backups(answer: BackupAnswer) -> RenderableType | None:
    if not answer.backups:
        return Text("no backups")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("spoke", "bytes", "file"):
        table.add_column(column, overflow="fold", justify="right" if column == "bytes" else "left")
    for kept in answer.backups:
        table.add_row(kept.spoke, f"{kept.size:,}", kept.file)
    return table


@picture.register
def restored(answer: RestoreAnswer) -> RenderableType:
    back = f"stackctl restore {answer.spoke} {answer.before}"
    return Text(f"what {answer.spoke} kept before: {back}", overflow="fold")


@picture.register
def pulled(answer: PullAnswer) -> RenderableType:
    """Per image whether there is a newer one here now."""
    parts: list[RenderableType] = []
    for image in answer.images:
        new = image.old != image.new
        told = ("newer: `stackctl up` recreates it" if image.old else "fetched") if new else "as it was"
        mark = ("✔ ", "green") if new else ("= ", "dim")
        parts.append(Text.assemble(mark, (image.spoke, "bold"), f"  {image.image}  ", (told, "dim")))
    parts += [Text(f"= {spoke}  {why}", "dim") for spoke, why in answer.skipped.items()]
    return Group(*parts) if parts else Text("nothing to pull")


@picture.register
def versions(answer: VersionAnswer) -> RenderableType:
    """The program, and what it works with."""
    rows = [
        ("stackctl", answer.stackctl),
        ("Python", answer.python),
        ("Engine", f"{answer.engine} at {answer.endpoint}" if answer.engine else "-"),
        ("Compose", answer.compose or "-"),
    ]
    lines = [Text.assemble((f"{name:<9}", "bold"), value) for name, value in rows]
    return Group(*lines, *(Text(sentence, "yellow") for sentence in answer.trouble))


def diagnosis(found: Diagnosis) -> Text:
    """The first broken link in three lines, or one line where all hold, and what warns below it."""
    if found.broken:
        return _broken(found)
    told = Text.assemble(("✔ ", "green"), (found.spoke, "bold"))
    if found.unrouted:
        told.append(f" needs no route: {found.unrouted}")
        return told.append("".join(f"\n  hint    {hint}" for hint in found.hints))
    warned = [link for link in found.links if link.outcome is not Outcome.PASSED]
    held = len(found.links) - len(warned)
    if not warned:
        return told.append(f" is reachable: all {held} links hold")
    told.append(f" is reachable: {held} links hold, {len(warned)} warn{'s' if len(warned) == 1 else ''}")
    for link, hint in zip(warned, found.hints, strict=True):
        told.append(f"\n  warns   {link.check.code}: {link.check.title}")
        told.append(f"\n  saw     {link.saw}")
        told.append(f"\n  hint    {hint}")
    return told


def _broken(found: Diagnosis) -> Text:
    last = found.links[-1].check
    told = Text.assemble(("✘ ", "red"))
    if found.spoke:
        # An edge keeps the routes it knows: what is broken before it may be reachable all the same.
        told.append("the chain to ").append(found.spoke, "bold").append(" is broken")
        told.append(f" at link {len(found.links)}")
    else:
        told.append("nothing can be said of ").append("the stack", "bold")
    where = f" ({last.spoke})" if last.spoke and last.spoke != found.spoke else ""
    told.append(f"\n  broken  {found.broken}{where}: {last.title}")
    told.append(f"\n  saw     {found.saw}")
    told.append(f"\n  fix     {found.fix}")
    return told
