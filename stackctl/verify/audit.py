"""The audit of a socket proxy: a copy of it is asked everything, the one that runs what is harmless."""

from __future__ import annotations

import io
import json
import posixpath
import tarfile
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from stackctl.checks import home_of, port_of
from stackctl.model import Container, Observed, Outcome, Spoke, Stack
from stackctl.policy import Enforced, enforced
from stackctl.strict import listen
from stackctl.verify import live, matrix, recorder, streams
from stackctl.verify.copies import (
    PATIENCE,
    SECONDS,
    NotAsked,
    StandIn,
    answers,
    ask_copy,
    listening,
    seen,
    sent,
    to_copy,
    volume,
)
from stackctl.verify.matrix import Probe
from stackctl.verify.throwaway import Run, created, program, python, said, started

Verdict = tuple[Outcome, str]
Verdicts = Mapping[str, Verdict]


@dataclass(frozen=True)
class Audited:
    """A socket proxy that runs, and what is known of it."""

    stack: Stack
    spoke: Spoke
    policy: Enforced
    container: Container

    @property
    def listen(self) -> str:
        return listen(self.spoke)


def audit(
    pool: ThreadPoolExecutor,
    run: Run,
    stack: Stack,
    observed: Observed,
    spoke: Spoke,
    wanted: Collection[str],
) -> Callable[[], Verdicts]:
    """Begins the wanted parts side by side; calling what is returned waits for their verdicts."""
    container, policy = observed.running(spoke.name), enforced(spoke)
    if container is None or policy is None:
        why = f"{spoke.name} does not run" if policy else "nothing is known of how this image filters"
        return lambda: dict.fromkeys(wanted, (Outcome.UNREACHABLE, why))
    about = Audited(stack, spoke, policy, container)
    begun = [(names, pool.submit(part, run, about)) for names, part in PARTS.items() if names & set(wanted)]
    return lambda: {name: v for names, future in begun for name, v in _verdicts(names, future.result).items()}


def _verdicts(names: Collection[str], told: Callable[[], Verdicts]) -> Verdicts:
    from docker.errors import DockerException

    try:
        return told()
    except NotAsked as error:
        why = str(error)
    except (DockerException, OSError, ValueError) as error:
        why = f"the Engine refused, or a container ended too soon ({said(error)})"
    return dict.fromkeys(names, (Outcome.UNREACHABLE, f"cannot tell: {why}"))


def _asked(run: Run, about: Audited) -> Verdicts:
    """Everything of a copy, and meanwhile what is harmless of the proxy itself.

    The copy's stand-in is the canary too: the fewer containers, the sooner it is over.
    """
    marks = live.Marks()
    version, policy = run.probing.sdk.api.api_version, about.policy
    groups = {
        "operations": matrix.operation_probes(policy, version),
        "tricks": matrix.trick_probes(policy, version),
        "upgrades": matrix.upgrade_probes(policy),
        "undeclared-upgrades": matrix.undeclared_upgrade_probes(policy),
    }
    work = to_copy([probe for group in groups.values() for probe in group], listen=about.listen)
    with ThreadPoolExecutor(1) as pool:
        there: Future[StandIn] = Future()
        beside = pool.submit(_live, run, about, marks, there)
        try:
            with listening(run, _canary(run, marks), {**work, "says": marks.log, "stays": True}) as stand_in:
                there.set_result(stand_in)
                verdicts = dict(_verdicts(_COPIED, partial(_on_copy, run, about, groups, stand_in)))
                verdicts.update(_verdicts(_LIVE, beside.result))
        except BaseException as error:
            if not there.done():
                there.set_exception(error)
            raise
    return verdicts


def _on_copy(run: Run, about: Audited, groups: Mapping[str, Sequence[Probe]], stand_in: StandIn) -> Verdicts:
    asked = answers(run, about.container.inspect, stand_in, about.listen)
    return {name: matrix.verdict(name, about.policy, group, asked.seen) for name, group in groups.items()}


def _on_short_copy(run: Run, about: Audited) -> Verdicts:
    breach = streams.shortened(run, about.spoke, about.policy, about.container)
    probe = streams.events_probe()
    asked = ask_copy(run, about.container.inspect, (), listen=about.listen, held=(probe,), breach=breach)
    return {"events": streams.verdict(asked.seen.get(probe.id))}


def _live(run: Run, about: Audited, marks: live.Marks, there: Future[StandIn]) -> Verdicts:
    """What a prober beside the proxy that runs is told, of a canary that is `there` by then."""
    stack, name, policy = about.stack, about.spoke.name, about.policy
    api = run.probing.sdk.api
    probes = live.live_probes(stack, name, policy, api.api_version)
    place, config = _beside(run, about)
    with created(run, config) as prober, started(run, prober, SECONDS) as wire:
        canary = there.result()
        api.put_archive(canary.id, "/", _tar(marks.file))
        reads = live.canary_probes(stack, name, policy, canary.id, canary.since)
        work = {
            "engine": "",
            "place": place,
            "whole": [sent(p, keep=True) for p in (*probes, *reads)],
            "tricks": [],
            "held": [],
            "patience": PATIENCE,
            "silence": PATIENCE,
            "seconds": PATIENCE,
        }
        wire.send(program(Path(recorder.__file__).read_bytes(), json.dumps(work).encode()))
        told = json.loads(b"".join([*wire.lines()][1:]) or b"{}")
    if "replies" not in told:
        raise NotAsked(f"{name} does not answer at {':'.join(map(str, place))} ({told.get('error')})")
    came = seen(told)
    return {"live": live.verdict(probes, came), **live.leak_verdicts(marks, reads, came)}


_COPIED = frozenset({"operations", "tricks", "upgrades", "undeclared-upgrades"})
_LIVE = frozenset({"live", *(f"leak-{kind}" for kind in live.LEAKS)})
PARTS: Mapping[frozenset[str], Callable[[Run, Audited], Verdicts]] = {
    _COPIED | _LIVE: _asked,
    frozenset({"events"}): _on_short_copy,
}
"""What is learnt from the same containers."""


def _beside(run: Run, about: Audited) -> tuple[list[Any], dict[str, Any]]:
    """Where the proxy listens, at its own address, and a container from which that can be reached."""
    if about.listen:
        folder = posixpath.dirname(about.listen)
        volume = next((m.source for m in about.container.mounts if m.target == folder), "")
        if not volume:
            raise NotAsked(f"{about.spoke.name} shares no volume at {folder}")
        mount = {"Type": "volume", "Source": volume, "Target": folder, "ReadOnly": True}
        return [about.listen], python(run, "none", Mounts=[mount])
    network = about.stack.network_name(home_of(about.stack, about.spoke))
    address = about.container.networks.get(network, "")
    if not address:
        raise NotAsked(f"{about.spoke.name} has no address on {network}")
    return [address, port_of(about.spoke)], python(run, network)


def _canary(run: Run, marks: live.Marks) -> dict[str, Any]:
    """A stand-in for the Engine that holds the marks; nothing that it says is of the real one."""
    log = {"Type": "json-file", "Config": {"max-size": "1m"}}
    # Not read-only: a file is put there.
    plain = python(run, "none", Mounts=[volume(run)], ReadonlyRootfs=False, LogConfig=log)
    return {
        **plain,
        "Cmd": [*plain["Cmd"], marks.command],
        "Env": [f"STACKCTL_CANARY={marks.environment}"],
        "Labels": {"stackctl.canary": marks.labels},
    }


def _tar(text: str) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        entry = tarfile.TarInfo(live.CANARY_FILE.removeprefix("/"))
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text.encode()))
    return data.getvalue()
