"""How a plan looks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.text import Text

from stackctl.model import Action, Cause, Exposure, Notice, Plan, Verb, Way

_MARK = {
    Verb.CREATE: ("+", "green"),
    Verb.START: ("▸", "green"),
    Verb.RECREATE: ("~", "yellow"),
    Verb.RELOAD: ("↻", "yellow"),
    Verb.REMOVE: ("-", "red"),
    Verb.NOTHING: ("=", "dim"),
}
_WAYS = {
    Way.BESIDE: "the new one starts beside the old one: no gap",
    Way.RELOAD: "reads its configuration again",
    Way.JOB: "runs again",
}


def plan_lines(plan: Plan) -> Iterator[Text]:
    for action in plan.actions:
        if action.verb is not Verb.NOTHING or action.causes:
            yield from _action(action)
    yield from (line for exposure in plan.exposures for line in _exposure(exposure, plan.first))
    yield from (line for notice in plan.notices for line in _notice(notice))
    quiet = sum(a.verb is Verb.NOTHING for a in plan.actions)
    if plan.changes and quiet:
        yield Text(f"= {quiet} spoke{'' if quiet == 1 else 's'} unchanged", "dim")
    if plan.idle:
        yield Text(f"left alone (inactive profile): {', '.join(plan.idle)}", "dim")


def _action(action: Action) -> Iterator[Text]:
    mark, style = _MARK[action.verb]
    yield Text.assemble((f"{mark} {action.verb.value:<9}", style), (action.spoke, "bold"))
    yield from _causes(action.causes)
    if how := action.replacement:
        reasons = f": {'; '.join(how.reasons)}" if how.reasons else ""
        yield Text(f"    {_WAYS.get(how.way, 'the old one stops first')}{reasons}", "dim")
    if cost := action.consequences:
        others = [name for name in cost.restarts if name != action.spoke]
        if cost.gap and action.verb is Verb.RECREATE:
            whom = f"{', '.join(cost.hosts)} " if cost.hosts else ""
            yield Text(f"    {whom}does not answer: {cost.gap}" if whom else f"    gap: {cost.gap}", "yellow")
        if others:
            yield Text(f"    restarts with it: {', '.join(others)}", "yellow")
        if cost.irreversible:
            yield Text(f"    not reversible: {cost.irreversible}", "red")


def _causes(causes: Iterable[Cause]) -> Iterator[Text]:
    for cause in causes:
        line = Text.assemble("    ", (f"{cause.who.value}: ", "dim"), cause.field)
        if cause.old or cause.new:
            line.append(f"  {cause.old or '(none)'} → {cause.new or '(none)'}", "dim")
        if cause.at:
            line.append(f"  {cause.at}", "dim")
        yield line


def _exposure(exposure: Exposure, first: bool) -> Iterator[Text]:
    style = "dim" if first or exposure.accepted else "red"
    line = Text.assemble((f"! {'opens':<9}", style), (exposure.spoke, "bold"), f" {exposure.what}")
    line.append(f"  {exposure.code}", "dim")
    if exposure.at:
        line.append(f"  {exposure.at}", "dim")
    yield line
    if exposure.accepted:
        yield Text(f"    accepted: {exposure.accepted}", "dim")


def _notice(notice: Notice) -> Iterator[Text]:
    yield Text.assemble(("! as it is ", "yellow"), (notice.about, "bold"))
    yield from _causes(notice.causes)
    yield Text(f"    {notice.remedy}", "dim")
