"""Breaks each guard in a throw-away place and requires the check to notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial

from stackctl.api import operations
from stackctl.checks import home_of
from stackctl.errors import StackctlError
from stackctl.events import Checked, Event, Finished, Started
from stackctl.findings import Severity
from stackctl.model import (
    AnswersAll,
    Audit,
    Beside,
    Bundle,
    Check,
    Container,
    Cut,
    InItsPlace,
    Joined,
    Moved,
    Named,
    Narrowed,
    Observed,
    OnNetwork,
    Opened,
    Outcome,
    Request,
    Result,
    Spoke,
    Stack,
    Unrouted,
    Warned,
    Widened,
)
from stackctl.policy import Enforced, Strict, enforced
from stackctl.strict import listen
from stackctl.verify import live, matrix, runner, streams
from stackctl.verify.breaches import cut, narrowed, on_tcp, opened
from stackctl.verify.copies import NotAsked, ask_copy, ask_stand_in, standing_copy, volume
from stackctl.verify.decide import Reply, Verdict, decide
from stackctl.verify.impostors import IDLE, World, beside, in_its_place, warned, widened
from stackctl.verify.matrix import Probe, Seen, request_bytes
from stackctl.verify.throwaway import (
    Engine,
    NoProber,
    a_run,
    created,
    network,
    prepare,
    program,
    python,
    said,
    started,
)

STEP = "break each guard in a throw-away copy"


def _as_it_is(observed: Observed) -> Observed:
    return observed


def prove(
    checks: Sequence[Check],
    stack: Stack,
    bundle: Bundle,
    observed: Observed,
    engine: Engine,
    image: str,
    complete: Callable[[Observed], Observed] = _as_it_is,
    ca: str = "",
) -> Iterator[Event]:
    """Tells of each check that has a mutation whether it turned red; passed means that it did.

    `complete` adds to what was observed what follows from it on this host alone; `ca` is whom TLS trusts,
    as PEM.

    Raises:
        StackctlError: No throw-away container can be created here.
    """
    broken = [check for check in checks if check.broken_by is not None]
    try:
        probing = yield from prepare(engine, image, stack.name)
    except NoProber as error:
        raise StackctlError(f"nothing can be proved: {error}", "see `stackctl verify`") from error
    yield Started(STEP)
    try:
        with ThreadPoolExecutor(4) as pool, a_run(probing) as run:
            world = World(run, stack, bundle, observed, engine, complete, ca)
            verdicts = list(pool.map(partial(_verdict, world), broken))
    finally:
        probing.sdk.close()
    yield Finished(STEP)
    for check, (outcome, saw) in zip(broken, verdicts, strict=True):
        yield Checked(_noticed(check, outcome, saw))


def _noticed(check: Check, outcome: Outcome, saw: str) -> Result:
    asked = replace(check, title=f"{check.title}: notices “{check.mutation}”", severity=Severity.ERROR)
    if outcome is Outcome.FAILED:
        return Result(asked, Outcome.PASSED, f"turned red: {saw}")
    if outcome is Outcome.PASSED:
        return Result(asked, Outcome.FAILED, f"vacuous: stays green with its guard broken ({saw})")
    return Result(asked, Outcome.UNREACHABLE, saw)


def _verdict(world: World, check: Check) -> Verdict:
    """The check's own verdict where its guard is broken."""
    from docker.errors import DockerException

    try:
        return WAYS[type(check.broken_by)](world, check)
    except NotAsked as error:
        return Outcome.UNREACHABLE, f"cannot tell: {error}"
    except (DockerException, OSError, ValueError) as error:
        return Outcome.UNREACHABLE, f"cannot tell: the Engine refused ({said(error)})"


# ---- a proxy that lets more through


def _opened(world: World, check: Check) -> Verdict:
    broken = check.broken_by
    assert isinstance(broken, Opened)
    name = _asked_spoke(check)
    spoke = world.stack.spoke(name)
    container, policy = _filtering(world, name)
    ask = partial(
        ask_copy,
        world.run,
        container.inspect,
        listen=listen(spoke),
        breach=opened(spoke, policy, broken.operations),
    )
    if isinstance(check.look, Request):
        probes = _of_requests(check)
        seen = ask(probes, body=" ").seen
        return decide(check, [_reply(seen.get(p.id)) for p in probes], {})
    assert isinstance(check.look, Audit)
    return _audited(world, check.look.name, spoke, policy, ask)


def _filtering(world: World, name: str) -> tuple[Container, Enforced]:
    container, policy = world.observed.running(name), enforced(world.stack.spoke(name))
    if container is None or policy is None:
        raise NotAsked(f"{name} does not run, or nothing is known of how it filters")
    return container, policy


def _narrowed(world: World, check: Check) -> Verdict:
    spoke = world.stack.spoke(check.spoke)
    container, policy = _filtering(world, spoke.name)
    probes, breach = matrix.upgrade_probes(policy), narrowed(spoke, policy)
    asked = ask_copy(world.run, container.inspect, probes, listen=listen(spoke), breach=breach)
    return matrix.verdict("upgrades", policy, probes, asked.seen)


def _cut(world: World, check: Check) -> Verdict:
    spoke, probe = world.stack.spoke(check.spoke), streams.events_probe()
    container, policy = _filtering(world, spoke.name)
    breach = cut(streams.shortened(world.run, spoke, policy, container))
    asked = ask_copy(world.run, container.inspect, (), listen=listen(spoke), held=(probe,), breach=breach)
    return streams.verdict(asked.seen.get(probe.id))


def _audited(world: World, name: str, spoke: Spoke, policy: Enforced, ask: Callable[..., object]) -> Verdict:
    version = world.run.probing.sdk.api.api_version
    groups: Mapping[str, Callable[[], tuple[Probe, ...]]] = {
        "operations": lambda: matrix.operation_probes(policy, version),
        "tricks": lambda: matrix.trick_probes(policy, version),
        "undeclared-upgrades": lambda: matrix.undeclared_upgrade_probes(policy),
    }
    if name in groups:
        probes = groups[name]()
        return matrix.verdict(name, policy, probes, ask(probes).seen)  # type: ignore[attr-defined]
    if name == "live":
        probes = live.live_probes(world.stack, spoke.name, policy, version)
        return live.verdict(probes, ask(probes, body=" ").seen)  # type: ignore[attr-defined]
    marks = live.Marks()
    everything = Strict(frozenset(operations()))
    reads = live.canary_probes(world.stack, spoke.name, everything, "0" * 64, "0")
    seen = ask(reads, body=" ".join(asdict(marks).values())).seen  # type: ignore[attr-defined]
    return live.leak_verdicts(marks, reads, seen)[name]


def _asked_spoke(check: Check) -> str:
    target = check.look.target if isinstance(check.look, Request) else None
    if isinstance(target, Named):
        return target.host
    return target.spoke if target else check.spoke


def _of_requests(check: Check) -> tuple[Probe, ...]:
    assert isinstance(check.look, Request)
    requests = (*(control.request for control in check.controls), check.look)
    return tuple(
        Probe(f"r{n}", r.path, request_bytes(r.method, r.path, f"r{n}", r.host or "docker"), r.method)
        for n, r in enumerate(requests)
    )


def _reply(seen: Seen | None) -> Reply:
    if seen is None or not seen.statuses:
        return Reply("closed")
    headers = {"server": "Docker/"} if seen.from_docker else {}
    return Reply("answer", seen.statuses[0], headers, seen.body, peer="127.0.0.1")


def _answers_all(world: World, check: Check) -> Verdict:
    assert isinstance(check.broken_by, AnswersAll)
    probes = _of_requests(check)
    seen = ask_stand_in(world.run, probes, check.broken_by.status, check.broken_by.body).seen
    # It stands for an edge, not for the Engine.
    return decide(check, [replace(_reply(seen.get(p.id)), headers={}) for p in probes], _hostnames(world))


def _hostnames(world: World) -> dict[str, str]:
    return {spoke.name: spoke.name for spoke in world.stack.spokes}


# ---- a proxy in the wrong place


def _joined(world: World, check: Check) -> Verdict:
    """The same check, by the same runner, in a small world of throw-away networks."""
    broken, proxy = check.broken_by, world.stack.spoke(check.spoke)
    assert isinstance(broken, Joined)
    container = world.observed.running(proxy.name)
    if container is None:
        raise NotAsked(f"{proxy.name} does not run")
    home, run, api = home_of(world.stack, proxy), world.run, world.run.probing.sdk.api
    targets = [control.request.target for control in check.controls]
    wanted = {home, broken.network} | {c.request.vantage for c in check.controls if c.request.vantage}
    wanted |= {target.network for target in targets if isinstance(target, OnNetwork)}
    witnesses = {t.host if isinstance(t, Named) else t.spoke for t in targets} - {proxy.name}
    with ExitStack() as held:
        names = {name: held.enter_context(network(run)) for name in sorted(wanted)}
        if broken.merged:
            names[broken.network] = names[home]
        others = sorted(set(names.values()) - {names[home]})

        def joined(config: Mapping[str, object], alias: str) -> dict[str, object]:
            ends = {names[home]: {"Aliases": [alias]}}
            return {**config, "NetworkingConfig": {"EndpointsConfig": ends}}

        id = held.enter_context(
            standing_copy(
                run,
                container.inspect,
                joined(python(run, names[home], Mounts=[volume(run)]), proxy.name),
                on_tcp(proxy, enforced(proxy)),
            )
        )
        for actual in others:
            api.connect_container_to_network(id, actual, aliases=[proxy.name])
        present = [replace(container, networks=_addresses(world, id))]
        for witness in sorted(witnesses):
            other = held.enter_context(created(run, joined(python(run, names[home]), witness)))
            for actual in others:
                api.connect_container_to_network(other, actual, aliases=[witness])
            wire = held.enter_context(started(run, other, 60.0))
            wire.send(program(IDLE, b""))
            like = world.observed.running(witness) or container
            labels = {"stackctl.spoke": witness}
            present.append(replace(like, labels=labels, networks=_addresses(world, other)))
        networks = {name: {"name": actual, "internal": True} for name, actual in names.items()}
        stack = replace(world.stack, networks=networks)
        seen = replace(world.observed, containers=tuple(present))
        return _verified(world, check, stack, seen)


def _addresses(world: World, id: str) -> dict[str, str]:
    described = world.run.probing.sdk.api.inspect_container(id)
    return {name: n["IPAddress"] for name, n in described["NetworkSettings"]["Networks"].items()}


# ---- an edge that does not know the way


def _unrouted(world: World, check: Check) -> Verdict:
    """The same check of what runs, except that the name it asks for is one without a route."""
    broken, look = check.broken_by, check.look
    assert isinstance(broken, Unrouted)
    assert isinstance(look, Request)
    # A certificate is shown for the name of the handshake; a route is found behind it.
    sni = "" if check.expect.certificate or not look.tls else look.sni or look.host
    elsewhere = replace(check, look=replace(look, host=broken.host, sni=sni))
    return _verified(world, elsewhere, world.stack, world.observed)


def _moved(world: World, check: Check) -> Verdict:
    """The same check, where the container is thought to be at addresses that nobody has."""
    nowhere = "192.0.2.1"  # kept free for examples, RFC 5737
    there = tuple(
        replace(c, networks=dict.fromkeys(c.networks, nowhere)) if c.spoke == check.spoke else c
        for c in world.observed.containers
    )
    # Its controls would ask at those addresses.
    alone = replace(check, controls=())
    return _verified(world, alone, world.stack, replace(world.observed, containers=there))


def _verified(world: World, check: Check, stack: Stack, observed: Observed) -> Verdict:
    image = world.run.probing.image
    answers = runner.verify(
        [check], stack, world.bundle, observed, world.engine, image, settle=0.0, ca=world.ca
    )
    result = next(event.result for event in answers if isinstance(event, Checked))
    return result.outcome, result.saw


WAYS: Mapping[type, Callable[[World, Check], Verdict]] = {
    Opened: _opened,
    Narrowed: _narrowed,
    Cut: _cut,
    Joined: _joined,
    Beside: beside,
    InItsPlace: in_its_place,
    Warned: warned,
    Widened: widened,
    Unrouted: _unrouted,
    Moved: _moved,
    AnswersAll: _answers_all,
}
"""How each mutation is made, and the check asked where it is."""
