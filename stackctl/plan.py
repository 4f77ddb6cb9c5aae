"""What `up` would do, and why: the files and this host against what runs. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from graphlib import TopologicalSorter

from stackctl.causes import ROUTE_CHANGED, causes, image_causes
from stackctl.compare import differences
from stackctl.following import followed_by
from stackctl.model import (
    NOTHING,
    Action,
    Bundle,
    Cause,
    Container,
    Edge,
    Kind,
    Observed,
    Plan,
    Replacement,
    RoutesBy,
    Spoke,
    Stack,
    Stanza,
    Verb,
    Wanted,
    Way,
    Who,
)
from stackctl.read.images import edge_of
from stackctl.replace import because_of_others, replacement, replicas


def plan(
    stack: Stack,
    bundle: Bundle,
    wanted: Mapping[str, Wanted],
    observed: Observed,
    profiles: Iterable[str],
    only: Collection[str] = (),
    refresh: bool = False,
    applied: Collection[str] = (),
    loaded: Mapping[str, str] = NOTHING,
) -> Plan:
    """One action for each spoke that `up` means, in the order of the dependency graph; removals come first.

    `only` names the spokes to bring up; what they depend on is created or started, but never recreated. Where
    the edge is among them, the one that served before is removed.
    `refresh` also recreates what differs only because a newer stackctl renders it differently. `applied` are
    the spokes that were brought up here before.
    `loaded` tells of each running edge what it has read; where the files say something else, it reads again,
    also when no one named it, as the routes of others lead through it.
    """
    active = frozenset(profiles)
    chosen = selected(stack, active, only)
    means = meant(stack, observed, active, only)
    stale = {
        name: _reload(stack, name, loaded[name], digest)
        for name, digest in bundle.reloads.items()
        if loaded.get(name, digest) != digest
    }
    running = _by_spoke(observed)
    names = _engine_names(stack.name, bundle.compose.get("networks"))
    volumes = _engine_names(stack.name, bundle.compose.get("volumes"))
    services: Mapping[str, Stanza] = bundle.compose.get("services") or NOTHING

    def decide(name: str, followed: tuple[Cause, ...]) -> Action:
        spoke, want = stack.spoke(name), wanted[name]
        declared = services.get(name) or spoke.service
        action = _decide(spoke, want, declared, running.get(name, ()), observed, names, volumes, refresh)
        if followed and action.verb is not Verb.CREATE:
            action = Action(name, Verb.RECREATE, (*followed, *action.causes))
        if action.verb is Verb.NOTHING and name in stale:
            return replace(stale[name], causes=(*stale[name].causes, *action.causes))
        if action.verb is Verb.CREATE and name in applied and observed.containers:
            # Where nothing of the stack is left, somebody took it down.
            return replace(action, causes=(Cause(Who.HOST, "container", "", "running"),))
        if action.verb is not Verb.RECREATE:
            return action
        if only and name not in only and not followed:
            return Action(name, Verb.NOTHING, action.causes)
        if stack.routing.by is RoutesBy.FILES and not stale:
            # What its route was when the container was made is long past: the edge has read today's.
            told = tuple(cause for cause in action.causes if cause.field != ROUTE_CHANGED)
            action = replace(action, causes=told or action.causes)
        image = observed.image_defaults.get(want.image_id) or _image_of(running[name])
        others = because_of_others(stack, name, {**services, name: want.stanza}, running[name])
        return replace(action, replacement=replacement(spoke, want.stanza, running[name], image, others))

    swap = _edge_swap(stack, running)

    def swapped(action: Action) -> Action:
        """Another edge is said in one place, whatever it makes of a spoke's routes."""
        causes = tuple(dict.fromkeys(swap if _of_routes(cause) else cause for cause in action.causes))
        return replace(action, causes=tuple(filter(None, causes)))

    known = {spoke.name for spoke in stack.spokes}
    resting = {edge.name for edge in stack.resting}
    # Two edges cannot hold the same port, so the one that is brought up takes the other's place.
    replaced = resting if any(edge_of(stack.spoke(name).image) is stack.edge for name in chosen) else set()
    gone = sorted(
        name
        for name, containers in running.items()
        if name not in known
        and any("stackctl.spoke" in c.labels for c in containers)
        and (not only or name in only or name in replaced)
    )
    decided: dict[str, Action] = {}
    for name in (name for wave in waves(stack, means) for name in wave):
        followed = tuple(followed_by(stack.spoke(name), running, decided))
        # Of whoever was not chosen, only that counts.
        if followed or name in chosen:
            decided[name] = decide(name, followed)
    return Plan(
        actions=(
            *(Action(name, Verb.REMOVE, (swap,) if swap and name in resting else ()) for name in gone),
            *(swapped(action) if swap else action for action in decided.values()),
            *(stale[name] for name in sorted(stale.keys() - decided.keys())),
        ),
        idle=tuple(
            spoke.name
            for spoke in stack.spokes
            if spoke.name not in decided
            and not spoke.active(active)
            and any(c.running for c in running.get(spoke.name, ()))
        ),
    )


def deviations(
    stack: Stack, bundle: Bundle, wanted: Mapping[str, Wanted], observed: Observed
) -> dict[str, tuple[str, ...]]:
    """By container, the fields in which it is not what is wanted of its spoke; no value is told.

    Which networks it sits on is left to the check of networks.
    """
    names = _engine_names(stack.name, bundle.compose.get("networks"))
    volumes = _engine_names(stack.name, bundle.compose.get("volumes"))
    found = {}
    for container in observed.containers:
        if (want := wanted.get(container.spoke)) is None:
            continue
        defaults = observed.image_defaults.get(container.image_id, NOTHING)
        image = any(image_causes(stack.spoke(container.spoke), want, container, Who.HOST))
        found[container.id] = (
            *(("image",) if image else ()),
            *(
                d.field
                for d in differences(want.stanza, container, defaults, names, volumes)
                if not (d.field.startswith("networks.") and not (d.old and d.new))
            ),
        )
    return found


def selected(stack: Stack, profiles: Iterable[str], only: Collection[str] = ()) -> frozenset[str]:
    """The spokes that `up` means: those named, else those active, and all that they depend on."""
    active = frozenset(profiles)
    todo = [s.name for s in stack.spokes if (s.name in only if only else s.active(active))]
    needs = _needs(stack)
    found: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in found and name in needs:
            found.add(name)
            todo += needs[name]
    return frozenset(found)


def meant(
    stack: Stack, observed: Observed, profiles: Iterable[str], only: Collection[str] = ()
) -> frozenset[str]:
    """The spokes that `up` means, and those that run inside one of them and would be left behind."""
    found = set(selected(stack, profiles, only))
    running = {container.spoke for container in observed.containers if container.running}
    while more := {
        spoke.name
        for spoke in stack.spokes
        if spoke.name in running - found and not found.isdisjoint(spoke.lives_in.values())
    }:
        found |= more
    return frozenset(found)


def waves(stack: Stack, among: Collection[str]) -> tuple[tuple[str, ...], ...]:
    """Groups of these spokes, each needing nothing but the groups before it; by name within a group.

    Spokes that are not among them still carry dependencies: who needs what needs a spoke comes after it.
    """
    needs = _needs(stack)
    level: dict[str, int] = {}
    for name in TopologicalSorter(needs).static_order():
        level[name] = max((level[need] + (need in among) for need in needs[name]), default=0)
    groups: dict[int, list[str]] = {}
    for name in sorted(needs.keys() & set(among)):
        groups.setdefault(level[name], []).append(name)
    return tuple(tuple(groups[number]) for number in sorted(groups))


def dependencies(stack: Stack, of: Collection[str]) -> frozenset[str]:
    """All that these spokes depend on, without themselves."""
    return selected(stack, (), of) - frozenset(of) if of else frozenset()


def _needs(stack: Stack) -> dict[str, list[str]]:
    names = {spoke.name for spoke in stack.spokes}
    return {s.name: [d.spoke for d in s.dependencies if d.spoke in names] for s in stack.spokes}


def _by_spoke(observed: Observed) -> dict[str, tuple[Container, ...]]:
    found: dict[str, list[Container]] = {}
    for container in observed.containers:
        found.setdefault(container.spoke, []).append(container)
    return {name: tuple(containers) for name, containers in found.items()}


def _engine_names(project: str, elements: Mapping[str, Stanza] | None) -> dict[str, str]:
    names = {
        name: str((how or NOTHING).get("name") or f"{project}_{name}")
        for name, how in (elements or {}).items()
    }
    return {"default": f"{project}_default", **names}


# ---- one spoke


def _decide(
    spoke: Spoke,
    want: Wanted,
    declared: Stanza,
    containers: tuple[Container, ...],
    observed: Observed,
    names: Mapping[str, str],
    volumes: Mapping[str, str],
    refresh: bool,
) -> Action:
    containers = tuple(c for c in containers if c.state != "removing")
    if not containers:
        return Action(spoke.name, Verb.CREATE if replicas(want.stanza) else Verb.NOTHING)
    ours: dict[Cause, None] = {}
    theirs: dict[Cause, None] = {}
    for container in containers:
        found = differences(
            want.stanza, container, observed.image_defaults.get(container.image_id, NOTHING), names, volumes
        )
        for cause in causes(spoke, want, declared, container, found, observed.images):
            (theirs if cause.who is Who.STACKCTL else ours)[cause] = None
    if ours or (theirs and refresh):
        return Action(spoke.name, Verb.RECREATE, (*ours, *theirs))
    if stopped := tuple(_stopped(spoke, containers)):
        return Action(spoke.name, Verb.START, (*stopped, *theirs))
    return Action(spoke.name, Verb.NOTHING, tuple(theirs))


def _reload(stack: Stack, name: str, old: str, new: str) -> Action:
    causes = (Cause(Who.YOU, "routes", old[:12], new[:12]),)
    cost = "it closes connections that are idle, and streams" if stack.edge is Edge.CADDY else "no gap"
    return Action(name, Verb.RELOAD, causes, Replacement(Way.RELOAD, (cost,)))


def _edge_swap(stack: Stack, running: Mapping[str, Sequence[Container]]) -> Cause | None:
    """What moved where the edge that runs is not the one that stack.yaml names."""
    old = next((edge_of(edge.image) for edge in stack.resting if running.get(edge.name)), None)
    return Cause(Who.YOU, "edge", old, stack.edge, stack.at("edge")) if old else None


def _of_routes(cause: Cause) -> bool:
    return cause.who is Who.YOU and (
        cause.field == ROUTE_CHANGED or cause.field.startswith(("labels.traefik.", "labels.caddy"))
    )


def _stopped(spoke: Spoke, containers: Iterable[Container]) -> Iterator[Cause]:
    for container in containers:
        if container.state not in ("created", "exited"):
            continue
        if spoke.kind is Kind.JOB and container.state == "exited":
            if container.exit_code:
                yield Cause(Who.HOST, "exit code", str(container.exit_code), "0")
            continue
        yield Cause(Who.HOST, "state", container.state, "running")


def _image_of(containers: Iterable[Container]) -> Stanza:
    """What the image set when these were made, the best guess where the new one is not here yet."""
    return next((c.inspect["Config"] for c in containers), NOTHING)
