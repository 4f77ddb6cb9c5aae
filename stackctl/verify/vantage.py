"""Sends batches of requests from where they matter: this host, or one throw-away container per network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stackctl.verify import prober
from stackctl.verify.decide import Reply
from stackctl.verify.throwaway import Probing, Run, a_run, created, program, python, said, started

SECONDS = 30.0
"""How long one prober may take for all its requests."""


@dataclass(frozen=True)
class Job:
    """One request with everything resolved; the prober is given exactly these fields."""

    id: str
    chain: str
    """Requests of one chain are sent one after the other."""
    method: str
    address: str
    port: int
    path: str
    host: str
    timeout: float
    max_body: int = 65536
    headers: Mapping[str, str] = field(default_factory=dict)
    """More headers than every request has."""
    sni: str = ""
    """Asked with TLS, for this name."""
    ca: str = ""
    """Whom to trust, as PEM; empty for whoever this host trusts."""
    look: bool = False
    """Tell of the network's own connections too; with the method LISTEN, of nothing else."""


def ask_from_host(jobs: Sequence[Job]) -> dict[str, Reply]:
    """All replies by the id of their job, asked from this process."""
    return {reply["id"]: _reply(reply) for reply in prober.run(map(asdict, jobs), SECONDS)}


def ask(
    host: Sequence[Job], networks: Mapping[str, Sequence[Job]], probing: Probing | None
) -> dict[str, Reply]:
    """All replies by the id of their job, every vantage at the same time.

    `networks` is by the network's name on the Engine, or by VOLUME:FOLDER for sockets in a volume. Every
    container is gone when this returns or raises.
    """
    if probing is None:
        return ask_from_host(host)
    with ThreadPoolExecutor(max_workers=len(networks) + 1) as pool, a_run(probing) as run:
        waiting = [pool.submit(ask_from_host, host)]
        waiting += [pool.submit(_ask_from_network, run, network, jobs) for network, jobs in networks.items()]
        return {id: reply for future in waiting for id, reply in future.result().items()}


def _ask_from_network(run: Run, network: str, jobs: Sequence[Job]) -> dict[str, Reply]:
    from docker.errors import DockerException

    try:
        replies = {reply["id"]: _reply(reply) for reply in _run_prober(run, network, jobs)}
        silent = Reply("unsent", detail="the prober ended before it had asked")
    except (DockerException, OSError, ValueError) as error:
        replies, silent = {}, Reply("unsent", detail=f"no prober on {network}: {said(error)}")
    return {job.id: replies.get(job.id, silent) for job in jobs}


def _run_prober(run: Run, network: str, jobs: Sequence[Job]) -> list[dict[str, Any]]:
    with created(run, _standing(run, network)) as id, started(run, id, SECONDS + 10) as wire:
        wire.send(program(Path(prober.__file__).read_bytes(), work(jobs)))
        replies = [json.loads(line) for line in wire.lines()]
        if not replies:
            raise OSError(wire.last_words)
        return replies


def _standing(run: Run, network: str) -> dict[str, Any]:
    volume, _, folder = network.partition(":")
    if volume == "container":
        # Inside the network of a container, to see what it sees: there is no other way to its loopback.
        return python(run, network)
    if not folder:
        return python(run, network)
    return python(run, "none", Binds=[f"{volume}:{folder}:ro"])


def work(jobs: Sequence[Job]) -> bytes:
    """The line that a prober reads."""
    return json.dumps({"seconds": SECONDS, "jobs": [asdict(job) for job in jobs]}).encode()


def _reply(told: Mapping[str, Any]) -> Reply:
    fields: dict[str, Any] = {name: value for name, value in told.items() if name != "id"}
    lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    return Reply(**{**fields, **lists})
