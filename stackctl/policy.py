"""What a socket proxy lets through, what its consumers need of it, and the smallest policy that is enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, combinations

from stackctl.api import Consumer, Operation, consumer, consumer_of_image, operation
from stackctl.model import Kind, Mode, Policy, Spoke, Stack
from stackctl.switches import GATE, TECNATIVA, Dialect, Switches, dialect_of, is_measured


@dataclass(frozen=True)
class Strict:
    """What holds the policy of a proxy that stackctl configures: these operations, in clean form."""

    operations: frozenset[Operation]

    def opens(self) -> frozenset[Operation]:
        return self.operations

    def passes(self, method: str, target: str) -> bool:
        """Whether a request for this target reaches the Engine; the target is compared as sent."""
        path = target.partition("?")[0]
        return "#" not in target and any(o.matches(method, path) for o in self.operations)


Enforced = Strict | Switches
"""Both say what they open and what passes; nothing else in stackctl decides that."""


@dataclass(frozen=True)
class Smallest:
    """The least that is enough, in both ways of writing it."""

    policy: Policy
    operations: frozenset[Operation]
    """What the strict policy opens: exactly what is needed."""
    switches: Mapping[str, str]
    """Every switch that differs from its default."""
    opened_by_switches: frozenset[Operation]
    impossible: frozenset[Operation]
    """What no switch opens."""


@dataclass(frozen=True)
class Review:
    """A socket proxy's policy beside what its consumers need."""

    spoke: str
    mode: Mode
    dialect: str
    """How its switches are read; empty for a strict policy, and where nothing is known of the image."""
    measured: bool
    consumers: tuple[Consumer, ...]
    declared: bool
    """Whether the policy names its consumers; otherwise they were recognised by their images."""
    opens: frozenset[Operation]
    needed: frozenset[Operation]
    optional: frozenset[Operation]
    """Open, and used by a consumer that works without."""
    missing: frozenset[Operation]
    excess: frozenset[Operation]


def enforced(spoke: Spoke) -> Enforced | None:
    """What holds this proxy's policy; None where it is not known how its image filters."""
    if spoke.policy and spoke.policy.mode is Mode.STRICT:
        return Strict(needs(named_consumers(spoke.policy), named_operations(spoke.policy)))
    dialect = dialect_of(spoke.image)
    return Switches(dialect, spoke.environment, is_measured(dialect, spoke.image)) if dialect else None


def opens(policy: Enforced) -> frozenset[Operation]:
    """Exactly the operations that reach the Engine, with and without a version in the path."""
    return policy.opens()


def review(stack: Stack, spoke: Spoke) -> Review:
    """What the proxy opens, what is needed, what is missing and what is in excess."""
    holds = enforced(spoke)
    consumers = consumers_of(stack, spoke)
    extra = named_operations(spoke.policy) if spoke.policy else frozenset()
    needed = needs(consumers, extra)
    opened = opens(holds) if holds else frozenset()
    optional = frozenset(chain.from_iterable(c.optional for c in consumers)) - needed
    return Review(
        spoke=spoke.name,
        mode=Mode.STRICT if isinstance(holds, Strict) else Mode.SWITCHES,
        dialect=holds.dialect.name if isinstance(holds, Switches) else "",
        measured=holds.measured if isinstance(holds, Switches) else holds is not None,
        consumers=consumers,
        declared=bool(spoke.policy and spoke.policy.consumers),
        opens=opened,
        needed=needed,
        optional=opened & optional,
        missing=missing(opened, needed) if holds else frozenset(),
        excess=excess(opened, needed | optional),
    )


def consumers_of(stack: Stack, proxy: Spoke) -> tuple[Consumer, ...]:
    """Those that its policy names; without any, those on its networks whose images are known."""
    if proxy.policy and proxy.policy.consumers:
        return named_consumers(proxy.policy)
    reach = set(proxy.networks)
    found = {
        c.name: c
        for spoke in stack.spokes
        if spoke.name != proxy.name and reach.intersection(spoke.networks)
        if (c := consumer_of_image(spoke.image))
    }
    return tuple(found.values())


def asks(stack: Stack, spoke: Spoke, proxy: Spoke) -> bool:
    """Whether this spoke is one of the consumers that the proxy's policy names."""
    if proxy.policy is None or spoke.name == proxy.name:
        return False
    known = {consumer_of_image(spoke.image), consumer(spoke.name)}
    if spoke.kind is Kind.EDGE:
        known.add(consumer(stack.edge))
    return not known.isdisjoint(named_consumers(proxy.policy))


def is_consumer(stack: Stack, spoke: Spoke, proxy: Spoke) -> bool:
    """Whether this spoke may sit where the proxy answers.

    Where the policy names nobody, that is the edge, and whoever has an image that is known to ask.
    """
    names = proxy.policy.consumers if proxy.policy else ()
    if not names:
        return spoke.kind is Kind.EDGE or consumer_of_image(spoke.image) is not None
    return spoke.name in names or asks(stack, spoke, proxy)


def named_consumers(policy: Policy) -> tuple[Consumer, ...]:
    """Those of its names that are known; lint reports the others."""
    return tuple(dict.fromkeys(found for name in policy.consumers if (found := consumer(name))))


def named_operations(policy: Policy) -> frozenset[Operation]:
    """Those of its operations that exist; lint reports the others."""
    return frozenset(found for text in policy.operations if (found := operation(text)))


def needs(consumers: Iterable[Consumer], extra: Iterable[Operation] = ()) -> frozenset[Operation]:
    """What these consumers cannot work without, and what is wanted besides."""
    return frozenset(chain(extra, *(c.required for c in consumers)))


def missing(opened: frozenset[Operation], needed: frozenset[Operation]) -> frozenset[Operation]:
    return needed - opened


def excess(opened: frozenset[Operation], useful: frozenset[Operation]) -> frozenset[Operation]:
    return opened - useful


def smallest(
    consumers: Iterable[Consumer], extra: Iterable[Operation] = (), dialect: Dialect = TECNATIVA
) -> Smallest:
    """The smallest policy that lets these consumers and operations through."""
    chosen = tuple(consumers)
    needed = needs(chosen, extra)
    beyond = sorted(needed - needs(chosen))
    policy = Policy(tuple(c.name for c in chosen), tuple(map(str, beyond)))
    everything = Switches(dialect, dict.fromkeys(dialect.switches, "1"))
    impossible = needed - everything.opens()
    switches = _smallest_switches(needed - impossible, dialect)
    return Smallest(policy, needed, switches, Switches(dialect, switches).opens(), impossible)


def _smallest_switches(needed: frozenset[Operation], dialect: Dialect) -> Mapping[str, str]:
    """Of all settings that open what is needed, one that opens least, with as few switches as possible.

    Only what a lifecycle switch can open leaves a choice, so few settings are tried.
    """
    off = dict.fromkeys(dialect.on, "0")
    everything = Switches(dialect, dict.fromkeys(dialect.switches, "1"))
    lifecycle = {name: Switches(dialect, {**off, GATE: "1", name: "1"}).opens() for name in dialect.lifecycle}
    either_way = frozenset(chain.from_iterable(lifecycle.values()))
    forced = {o.switch for o in needed - either_way}
    forced |= {name for name in dialect.guarded if needed - everything.without(name).opens()}
    choice = {GATE, *(name for name, opened in lifecycle.items() if needed & opened)}
    choice |= {o.switch for o in needed & either_way} - forced
    tried = []
    for more in chain.from_iterable(combinations(sorted(choice), size) for size in range(len(choice) + 1)):
        on = forced.union(more)
        opened = Switches(dialect, {**off, **dict.fromkeys(on, "1")}).opens()
        if needed <= opened:
            tried.append((len(opened), len(on), sorted(on)))
    best = min(tried)[2]
    return {
        **{switch: "1" for switch in best if switch not in dialect.on},
        **dict.fromkeys(sorted(dialect.on.difference(best)), "0"),
    }
