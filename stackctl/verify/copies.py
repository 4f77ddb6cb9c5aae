"""A throw-away copy of a socket proxy whose Engine is a stand-in that records what reaches it.

The copy has the network and the processes of the stand-in's container for its own: nobody else can reach
it, it reaches nobody, and it ends when the stand-in does, however that comes.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stackctl.haproxy import PORT
from stackctl.lint.sockets import gives_socket
from stackctl.model import Stanza
from stackctl.verify import recorder
from stackctl.verify.matrix import Probe, Seen
from stackctl.verify.throwaway import Run, Wire, created, program, python, started

SECONDS = 30.0
PATIENCE = 5.0
SILENCE = 0.3
"""After how long a connection that says nothing is believed to say nothing."""

_FOLDER = "/run/stackctl"
_ENGINE = "engine.sock"
_KEPT = (
    *("ReadonlyRootfs", "CapDrop", "CapAdd", "SecurityOpt", "GroupAdd", "Tmpfs"),
    *("Memory", "MemorySwap", "PidsLimit", "Ulimits", "ShmSize"),
)
"""Of the container's own limits; never `Privileged`, devices or published ports."""


class NotAsked(Exception):
    """Nothing was learnt; the text says why, as part of a sentence."""


@dataclass(frozen=True)
class Breach:
    """What is different in a copy, so that its guard is open or its times are short."""

    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """Path in the container -> text that stands there instead."""


@dataclass(frozen=True)
class Asked:
    """What came of all probes, and how long the asking alone took."""

    seen: Mapping[str, Seen]
    seconds: float


def ask_copy(
    run: Run,
    proxy: Stanza,
    probes: Sequence[Probe],
    *,
    listen: str = "",
    held: Sequence[Probe] = (),
    breach: Breach = Breach(),
    body: str = "",
) -> Asked:
    """Sends the probes to a copy of this container, as the Engine describes it.

    With a `body` the stand-in answers that, and what comes back is kept.

    Raises:
        NotAsked: The container cannot be copied, or the copy did not answer.
    """
    place = [f"{_FOLDER}/listen/{posixpath.basename(listen)}"] if listen else ["127.0.0.1", PORT]
    work = _work(place, probes, held, body, breach)
    config = python(run, "none", Mounts=[volume(run)])
    with (
        _stand_in(run, config, work) as (id, wire, lines),
        _twin(run, proxy, id, listen, breach) as twin,
    ):
        told = json.loads(next(lines, b"{}"))
        if "replies" not in told:
            raise NotAsked(_why(run, twin, told.get("error") or wire.last_words))
    return Asked(seen(told), told["took"])


def ask_stand_in(run: Run, probes: Sequence[Probe]) -> Asked:
    """Sends the probes to a stand-in itself, which answers every request with 200."""
    work = _work([f"{_FOLDER}/{_ENGINE}"], probes, (), "anything", Breach())
    with _stand_in(run, python(run, "none", Mounts=[volume(run)]), work) as (_, wire, lines):
        told = json.loads(next(lines, b"{}"))
        if "replies" not in told:
            raise NotAsked(f"the stand-in did not answer ({told.get('error') or wire.last_words})")
    return Asked(seen(told), told["took"])


@contextmanager
def standing_copy(run: Run, proxy: Stanza, config: Mapping[str, Any], breach: Breach) -> Iterator[str]:
    """A copy that answers others too, on the networks of `config`; the id of the container that has them."""
    work = {**_work(["127.0.0.1", PORT], (), (), "", breach), "stays": True}
    with _stand_in(run, config, work) as (id, wire, lines), _twin(run, proxy, id, "", breach) as twin:
        told = json.loads(next(lines, b"{}"))
        if "replies" not in told:
            raise NotAsked(_why(run, twin, told.get("error") or wire.last_words))
        yield id


@contextmanager
def _stand_in(
    run: Run, config: Mapping[str, Any], work: Mapping[str, Any]
) -> Iterator[tuple[str, Wire, Iterator[bytes]]]:
    """A stand-in for the Engine that listens: its container, and what it says from there on."""
    source = Path(recorder.__file__).read_bytes()
    with created(run, config) as id, started(run, id, SECONDS) as wire:
        wire.send(program(source, json.dumps(work).encode()))
        lines = wire.lines()
        if next(lines, b"") != b"ready":
            raise NotAsked(f"the stand-in for the Engine did not start ({wire.last_words})")
        yield id, wire, lines


@contextmanager
def _twin(run: Run, proxy: Stanza, stand_in: str, listen: str, breach: Breach) -> Iterator[str]:
    folder = _on_host(run, stand_in)
    with created(run, copy(proxy, stand_in, folder, listen, breach, _names(breach))) as twin:
        run.probing.sdk.api.start(twin)
        yield twin


def _names(breach: Breach) -> dict[str, str]:
    """Where in the stand-in's folder each changed file lies."""
    return {target: f"files/{number}" for number, target in enumerate(sorted(breach.files))}


def _work(
    place: list[Any], probes: Sequence[Probe], held: Sequence[Probe], body: str, breach: Breach
) -> dict[str, Any]:
    names = _names(breach)
    return {
        "engine": f"{_FOLDER}/{_ENGINE}",
        "files": {names[target]: text for target, text in breach.files.items()},
        "place": place,
        "whole": [sent(p, keep=bool(body)) for p in probes if not p.id.startswith("t")],
        "tricks": [sent(p) for p in probes if p.id.startswith("t")],
        "held": [sent(p) for p in held],
        "body": body,
        "patience": PATIENCE,
        "silence": SILENCE,
        "seconds": SECONDS / 2,
    }


def copy(
    proxy: Stanza,
    stand_in: str,
    folder: str,
    listen: str = "",
    breach: Breach = Breach(),
    names: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The copy's configuration: all that decides how the proxy filters, and none of what it can reach."""
    config, host = proxy["Config"], proxy["HostConfig"]
    environment = dict(entry.partition("=")[::2] for entry in config.get("Env") or ())
    mounts, tmpfs = _mounts(proxy, folder, listen)
    mounts += [
        _bind(f"{folder}/{name}", target) for target, name in (names or {}).items() if target in breach.files
    ]
    kept = {key: host[key] for key in _KEPT if host.get(key)}
    return {
        "Image": proxy["Image"],
        **{key: config.get(key) for key in ("Entrypoint", "Cmd", "User", "WorkingDir")},
        "Env": [f"{name}={value}" for name, value in {**environment, **breach.environment}.items()],
        # Its own healthcheck would mix its requests among ours.
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            **kept,
            "Tmpfs": {**(kept.get("Tmpfs") or {}), **tmpfs},
            "Mounts": mounts,
            "NetworkMode": f"container:{stand_in}",
            "PidMode": f"container:{stand_in}",
            "AutoRemove": True,
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}},
        },
    }


def _mounts(proxy: Stanza, folder: str, listen: str) -> tuple[list[dict[str, Any]], dict[str, str]]:
    mounts: list[dict[str, Any]] = []
    tmpfs: dict[str, str] = {}
    sockets = 0
    for mount in proxy.get("Mounts") or ():
        source, target = mount.get("Source", ""), mount["Destination"]
        if mount.get("Type") == "bind" and source.endswith(".sock"):
            sockets += 1
            mounts.append(_bind(f"{folder}/{_ENGINE}", target))
        elif listen and target == posixpath.dirname(listen):
            mounts.append({**_bind(f"{folder}/listen", target), "ReadOnly": False})
        elif mount.get("Type") == "bind" and gives_socket(source):
            raise NotAsked(f"it mounts {source}, so a copy would hold the Engine's socket too")
        elif mount.get("Type") == "bind":
            mounts.append(_bind(source, target))
        else:
            # What others share with it is not the copy's to change.
            tmpfs[target] = ""
    if not sockets:
        raise NotAsked("it does not reach the Engine by a mounted socket, so it cannot be copied")
    return mounts, tmpfs


def _bind(source: str, target: str) -> dict[str, Any]:
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": True}


def volume(run: Run) -> dict[str, Any]:
    """Where a stand-in listens."""
    # A fresh volume belongs to root; a tmpfs takes an owner, and is gone with its last container.
    options = {"type": "tmpfs", "device": "tmpfs", "o": "uid=65534,mode=0755,size=8m"}
    driver = {"Name": "local", "Options": options}
    return {
        "Type": "volume",
        "Target": _FOLDER,
        "VolumeOptions": {"DriverConfig": driver, "Labels": run.labels},
    }


def _on_host(run: Run, id: str) -> str:
    """Where the Engine keeps the stand-in's volume: single files of it are mounted from there."""
    mounts = run.probing.sdk.api.inspect_container(id)["Mounts"]
    return next(str(m["Source"]) for m in mounts if m["Destination"] == _FOLDER)


def sent(probe: Probe, *, keep: bool = False) -> dict[str, Any]:
    """The probe as the program in the container is given it."""
    raw = probe.raw.decode("latin-1")
    return {"id": probe.id, "raw": raw, "method": probe.method, "answers": probe.answers, "keep": keep}


def seen(told: Mapping[str, Any]) -> dict[str, Seen]:
    """What the program saw, by the id of the probe."""
    arrived: dict[str, list[str]] = {}
    for agent, request in told["arrived"]:
        arrived.setdefault(agent, []).append(request)
    replies = {reply["id"]: reply for reply in told["replies"]}
    return {id: _seen(arrived.get(id, ()), replies.get(id, {})) for id in {**arrived, **replies}}


def _seen(arrived: Iterable[str], reply: Mapping[str, Any]) -> Seen:
    # The Engine's word for a path that it does not route carries no signature.
    body = reply.get("body", "")
    by_docker = str(reply.get("server", "")).startswith("Docker/") or '"page not found"' in body
    return Seen(tuple(arrived), tuple(reply.get("statuses", ())), body, by_docker)


def _why(run: Run, twin: str, told: str) -> str:
    from docker.errors import DockerException

    try:
        log = run.probing.sdk.api.logs(twin, tail=3).decode(errors="replace").strip().splitlines()
    except DockerException:
        return f"the copy ended before it answered ({told})"
    return f"the copy did not answer ({'; '.join([told, *log[-1:]])})"
