"""Breaks each guard in a throw-away place and requires the check to notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial

from stackctl.api import operation, operations
from stackctl.checks import home_of
from stackctl.errors import StackctlError
from stackctl.events import Checked, Event, Finished, Started
from stackctl.findings import Severity
from stackctl.haproxy import CONFIG_DIR, CONFIG_FILE, PORT, config
from stackctl.model import (
    AnswersAll,
    Audit,
    Beside,
    Bundle,
    Check,
    Container,
    Joined,
    Named,
    Observation,
    Observed,
    OnNetwork,
    Opened,
    Outcome,
    Request,
    Result,
    Spoke,
    Stack,
    Warned,
    Widened,
)
from stackctl.observe import container as container_of
from stackctl.policy import Enforced, Strict, enforced
from stackctl.strict import engine_socket, listen
from stackctl.switches import GATE
from stackctl.verify import live, matrix, runner
from stackctl.verify.copies import Breach, NotAsked, ask_copy, ask_stand_in, standing_copy, volume
from stackctl.verify.decide import Reply, Verdict, decide
from stackctl.verify.matrix import Probe, Seen, request_bytes
from stackctl.verify.observations import OBSERVATIONS
from stackctl.verify.throwaway import (
    Engine,
    NoProber,
    Run,
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
_CONFIG = f"{CONFIG_DIR}/{CONFIG_FILE}"
_IDLE = b"import sys; sys.stdin.read()"
_OPEN = """\
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend api
    bind {bind}
    default_backend engine
backend engine
    server engine unix@{socket}
"""


@dataclass(frozen=True)
class _World:
    run: Run
    stack: Stack
    bundle: Bundle
    observed: Observed
    engine: Engine


def prove(
    checks: Sequence[Check], stack: Stack, bundle: Bundle, observed: Observed, engine: Engine, image: str
) -> Iterator[Event]:
    """Tells of each check that has a mutation whether it turned red; passed means that it did.

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
            world = _World(run, stack, bundle, observed, engine)
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


def _verdict(world: _World, check: Check) -> Verdict:
    """The check's own verdict where its guard is broken."""
    from docker.errors import DockerException

    broken = check.broken_by
    ways: Mapping[type, Callable[[_World, Check], Verdict]] = {
        Opened: _opened,
        Joined: _joined,
        Beside: _beside,
        Warned: _warned,
        Widened: _widened,
        AnswersAll: _answers_all,
    }
    try:
        return ways[type(broken)](world, check)
    except NotAsked as error:
        return Outcome.UNREACHABLE, f"cannot tell: {error}"
    except (DockerException, OSError, ValueError) as error:
        return Outcome.UNREACHABLE, f"cannot tell: the Engine refused ({said(error)})"


# ---- a proxy that lets more through


def _opened(world: _World, check: Check) -> Verdict:
    broken = check.broken_by
    assert isinstance(broken, Opened)
    name = _asked_spoke(check)
    spoke = world.stack.spoke(name)
    container, policy = world.observed.running(name), enforced(spoke)
    if container is None or policy is None:
        raise NotAsked(f"{name} does not run, or nothing is known of how it filters")
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


def _audited(world: _World, name: str, spoke: Spoke, policy: Enforced, ask: Callable[..., object]) -> Verdict:
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


def opened(spoke: Spoke, policy: Enforced, extra: Sequence[str]) -> Breach:
    """The change to a proxy that lets these operations through too, or everything where none is named."""
    more = [found for text in extra if (found := operation(text))]
    if isinstance(policy, Strict):
        path, engine = listen(spoke), engine_socket(spoke)
        bind = f"unix@{path} mode 666" if path else f":{PORT}"
        if not more:
            return Breach(files={_CONFIG: _OPEN.format(bind=bind, socket=engine)})
        return Breach(files={_CONFIG: config(policy.operations | {*more}, listen=path, socket=engine)})
    switches = {o.switch for o in more if o.switch} | {GATE}
    return Breach(dict.fromkeys(switches if more else policy.dialect.switches, "1"))


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


def _answers_all(world: _World, check: Check) -> Verdict:
    probes = _of_requests(check)
    seen = ask_stand_in(world.run, probes).seen
    # It stands for an edge, not for the Engine.
    return decide(check, [replace(_reply(seen.get(p.id)), headers={}) for p in probes], _hostnames(world))


def _hostnames(world: _World) -> dict[str, str]:
    return {spoke.name: spoke.name for spoke in world.stack.spokes}


# ---- a proxy in the wrong place


def _joined(world: _World, check: Check) -> Verdict:
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
                _on_tcp(proxy),
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
            wire.send(program(_IDLE, b""))
            like = world.observed.running(witness) or container
            labels = {"stackctl.spoke": witness}
            present.append(replace(like, labels=labels, networks=_addresses(world, other)))
        networks = {name: {"name": actual, "internal": True} for name, actual in names.items()}
        stack = replace(world.stack, networks=networks)
        seen = replace(world.observed, containers=tuple(present))
        answers = runner.verify(
            [check], stack, world.bundle, seen, world.engine, run.probing.image, settle=0.0
        )
        result = next(event.result for event in answers if isinstance(event, Checked))
    return result.outcome, result.saw


def _on_tcp(proxy: Spoke) -> Breach:
    """Of a proxy that listens on a unix socket: the same with a port."""
    policy = enforced(proxy)
    if not listen(proxy) or not isinstance(policy, Strict):
        return Breach()
    return Breach(files={_CONFIG: config(policy.operations, socket=engine_socket(proxy))})


def _addresses(world: _World, id: str) -> dict[str, str]:
    described = world.run.probing.sdk.api.inspect_container(id)
    return {name: n["IPAddress"] for name, n in described["NetworkSettings"]["Networks"].items()}


# ---- somebody who should not be there


def _beside(world: _World, check: Check) -> Verdict:
    broken = check.broken_by
    assert isinstance(broken, Beside)
    host = dict(broken.host)
    mode, _, shared = str(host.get("NetworkMode", "")).partition(":")
    if shared:
        host["NetworkMode"] = f"{mode}:{_running(world, shared).id}"
    if "VolumesFrom" in host:
        host["VolumesFrom"] = [_running(world, spoke).id for spoke in host["VolumesFrom"]]
    config = {"Image": world.run.probing.image, "Entrypoint": ["true"], "HostConfig": host}
    with created(world.run, config) as id:
        described = world.run.probing.sdk.api.inspect_container(id)
    # It was never started; what is looked at is what it would be.
    labels = {"stackctl.spoke": broken.spoke} if broken.spoke else {}
    intruder = replace(container_of(described), state="running", labels=labels)
    seen = world.observed
    if broken.spoke:
        seen = replace(seen, containers=(*seen.containers, intruder))
    else:
        seen = replace(seen, others=(*seen.others, intruder))
    return _observed(world, check, seen)


def _running(world: _World, spoke: str) -> Container:
    container = world.observed.running(spoke)
    if container is None:
        raise NotAsked(f"{spoke} does not run")
    return container


def _warned(world: _World, check: Check) -> Verdict:
    assert isinstance(check.broken_by, Warned)
    return _observed(world, check, replace(world.observed, engine_warnings=(check.broken_by.text,)))


def _widened(world: _World, check: Check) -> Verdict:
    networks = {name: {**how, "Internal": False} for name, how in world.observed.networks.items()}
    return _observed(world, check, replace(world.observed, networks=networks))


def _observed(world: _World, check: Check, seen: Observed) -> Verdict:
    assert isinstance(check.look, Observation)
    return OBSERVATIONS[check.look.name](seen, world.stack, world.bundle, check)
