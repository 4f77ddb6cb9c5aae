"""A throw-away copy of a socket proxy whose Engine is a stand-in that records what reaches it.

The copy has the network and the processes of the stand-in's container for its own: nobody else can reach
it, it reaches nobody, and it ends when the stand-in does, however that comes.
"""

from __future__ import annotations

import json
import posixpath
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
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
KEPT = (
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


@dataclass(frozen=True)
class StandIn:
    """What listens in place of the Engine."""

    id: str
    wire: Wire
    lines: Iterator[bytes]
    """What it says from there on."""
    since: str
    """The Engine's clock when it began to listen: seconds, with a fraction."""


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
    work = to_copy(probes, listen=listen, held=held, breach=breach, body=body)
    with listening(run, python(run, "none", Mounts=[volume(run)]), work) as stand_in:
        return answers(run, proxy, stand_in, listen, breach)


def ask_stand_in(run: Run, probes: Sequence[Probe], status: int, body: str) -> Asked:
    """Sends the probes to a stand-in itself, which answers every request with this status and body."""
    work = {**to_copy(probes, body=body), "place": [f"{_FOLDER}/{_ENGINE}"], "status": status}
    with listening(run, python(run, "none", Mounts=[volume(run)]), work) as stand_in:
        told = json.loads(next(stand_in.lines, b"{}"))
        if "replies" not in told:
            raise NotAsked(f"the stand-in did not answer ({told.get('error') or stand_in.wire.last_words})")
    return Asked(seen(told), told["took"])


def answers(run: Run, proxy: Stanza, stand_in: StandIn, listen: str = "", breach: Breach = Breach()) -> Asked:
    """What a copy in front of this stand-in answers to the requests that the stand-in sends to it.

    Raises:
        NotAsked: The container cannot be copied, or the copy did not answer.
    """
    with _twin(run, proxy, stand_in.id, listen, breach) as words:
        told = _told(stand_in, words)
    return Asked(seen(told), told["took"])


@contextmanager
def standing_copy(run: Run, proxy: Stanza, config: Mapping[str, Any], breach: Breach) -> Iterator[str]:
    """A copy that answers others too, on the networks of `config`; the id of the container that has them."""
    work = {**to_copy((), breach=breach), "stays": True}
    with listening(run, config, work) as stand_in, _twin(run, proxy, stand_in.id, "", breach) as words:
        _told(stand_in, words)
        yield stand_in.id


@contextmanager
def listening(run: Run, config: Mapping[str, Any], work: Mapping[str, Any]) -> Iterator[StandIn]:
    """A stand-in for the Engine that listens, and has its work."""
    source = Path(recorder.__file__).read_bytes()
    with created(run, config) as id, started(run, id, SECONDS) as wire:
        wire.send(program(source, json.dumps(work).encode()))
        lines = wire.lines()
        ready, _, since = next(lines, b"").decode().partition(" ")
        if ready != "ready":
            raise NotAsked(f"the stand-in for the Engine did not start ({wire.last_words})")
        yield StandIn(id, wire, lines, since.partition(" ")[0])


def _told(stand_in: StandIn, words: Callable[[], str]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(next(stand_in.lines, b"{}"))
    if "replies" not in told:
        said = [told.get("error") or stand_in.wire.last_words, words()]
        raise NotAsked(f"the copy did not answer ({'; '.join(filter(None, said))})")
    return told


@contextmanager
def _twin(run: Run, proxy: Stanza, stand_in: str, listen: str, breach: Breach) -> Iterator[Callable[[], str]]:
    """The copy itself; calling what this gives tells the last that it said."""
    folder = _on_host(run, stand_in)
    config = copy(proxy, stand_in, folder, listen, breach, _names(breach))
    with created(run, config) as twin, started(run, twin, SECONDS) as wire:
        said: deque[str] = deque(maxlen=1)
        # What nobody reads would hold it up.
        reading = threading.Thread(target=_read, args=(wire, said), daemon=True)
        reading.start()
        yield lambda: said[0] if said else ""


def _read(wire: Wire, said: deque[str]) -> None:
    with suppress(OSError, ValueError):
        said.extend(line.decode(errors="replace") for line in wire.lines(errors=True))


def _names(breach: Breach) -> dict[str, str]:
    """Where in the stand-in's folder each changed file lies."""
    return {target: f"files/{number}" for number, target in enumerate(sorted(breach.files))}


def to_copy(
    probes: Sequence[Probe],
    *,
    listen: str = "",
    held: Sequence[Probe] = (),
    breach: Breach = Breach(),
    body: str = "",
) -> dict[str, Any]:
    """The work of a stand-in that asks a copy in front of it."""
    names = _names(breach)
    return {
        "engine": f"{_FOLDER}/{_ENGINE}",
        "files": {names[target]: text for target, text in breach.files.items()},
        "place": [f"{_FOLDER}/listen/{posixpath.basename(listen)}"] if listen else ["127.0.0.1", PORT],
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
    kept = {key: host[key] for key in KEPT if host.get(key)}
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
            # One line for each request would go to a disk otherwise.
            "LogConfig": {"Type": "none", "Config": {}},
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
