"""Sends batches of requests from where they matter: this host, or one throw-away container per network."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import struct
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from http.client import CONFLICT
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stackctl.events import Event, Finished, Started
from stackctl.verify import prober
from stackctl.verify.decide import Reply

if TYPE_CHECKING:
    from docker import DockerClient

STACK_LABEL = "stackctl.prober"
OWNER_LABEL = "stackctl.prober.owner"
RUN_LABEL = "stackctl.prober.run"
SECONDS = 30.0
"""How long one prober may take for all its requests."""

_NOBODY = "65534:65534"
_STAND_IN = "stackctl.local/"
_BOOTSTRAP = (
    "import sys; i = sys.stdin.buffer; s = i.read(int(i.readline())); "
    "exec(compile(s, 'prober', 'exec'), {'__name__': '__main__'})"
)
_FRAME = struct.Struct(">BxxxL")
_STDOUT = 1


class Engine(Protocol):
    """What is needed of an Engine: the SDK, to create containers with."""

    def sdk(self) -> DockerClient: ...


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


@dataclass(frozen=True)
class Probing:
    """What a run needs to create probers."""

    sdk: DockerClient
    image: str
    stack: str


class NoProber(Exception):
    """No prober can be created; the text says why, as part of a sentence."""


def prepare(engine: Engine, image: str, stack: str) -> Generator[Event, None, Probing]:
    """Sweeps what killed runs left behind and sees to the image; raises NoProber."""
    if not image:
        raise NoProber("no prober: stack.yaml names no prober_image")
    from docker.errors import DockerException, ImageNotFound

    try:
        sdk = engine.sdk()
        sweep(sdk, stack)
        try:
            sdk.images.get(image)
        except ImageNotFound:
            if image.startswith(_STAND_IN):
                raise NoProber(f"no prober: the image {image} is not on this host") from None
            step = f"pull the prober image {image}"
            yield Started(step)
            try:
                sdk.api.pull(image)
            except DockerException as error:
                yield Finished(step, ok=False, detail=_said(error))
                raise NoProber(f"no prober: the image {image} cannot be pulled ({_said(error)})") from None
            yield Finished(step)
    except (DockerException, OSError) as error:
        raise NoProber(f"no prober: the Engine refused ({_said(error)})") from None
    return Probing(sdk, image, stack)


def ask_from_host(jobs: Sequence[Job]) -> dict[str, Reply]:
    """All replies by the id of their job, asked from this process."""
    return {reply["id"]: _reply(reply) for reply in prober.run(map(asdict, jobs), SECONDS)}


def ask(
    host: Sequence[Job], networks: Mapping[str, Sequence[Job]], probing: Probing | None
) -> dict[str, Reply]:
    """All replies by the id of their job, every vantage at the same time.

    `networks` is by the network's name on the Engine, or by VOLUME:FOLDER for sockets in a volume. Every
    container is gone when this returns or raises, also where Ctrl-C or SIGTERM ends it.
    """
    run, stop = secrets.token_hex(8), threading.Event()
    with _sigterm_raises(), ThreadPoolExecutor(max_workers=len(networks) + 1) as pool:
        try:
            waiting = [pool.submit(ask_from_host, host)]
            if probing is not None:
                waiting += [
                    pool.submit(_ask_from_network, probing, run, stop, network, jobs)
                    for network, jobs in networks.items()
                ]
            return {id: reply for future in waiting for id, reply in future.result().items()}
        except BaseException:
            stop.set()
            if probing is not None:
                # Without their containers, the threads that the pool waits for come to their end.
                _remove(probing.sdk, [f"{RUN_LABEL}={run}"])
            raise


def sweep(sdk: DockerClient, stack: str) -> None:
    """Removes the probers of this stack whose process is gone; those of a run beside this one stay."""
    for container in sdk.api.containers(all=True, filters={"label": f"{STACK_LABEL}={stack}"}):
        if not _lives(container["Labels"].get(OWNER_LABEL, "")):
            _remove_one(sdk, container["Id"])


def _ask_from_network(
    probing: Probing, run: str, stop: threading.Event, network: str, jobs: Sequence[Job]
) -> dict[str, Reply]:
    from docker.errors import DockerException

    try:
        output = _run_prober(probing, run, stop, network, jobs)
        replies = {reply["id"]: _reply(reply) for reply in map(json.loads, output.splitlines())}
        silent = Reply("unsent", detail="the prober ended before it had asked")
    except (DockerException, OSError, ValueError) as error:
        replies, silent = {}, Reply("unsent", detail=f"no prober on {network}: {_said(error)}")
    return {job.id: replies.get(job.id, silent) for job in jobs}


def _run_prober(
    probing: Probing, run: str, stop: threading.Event, network: str, jobs: Sequence[Job]
) -> bytes:
    from docker.types import LogConfig

    api = probing.sdk.api
    created = api.create_container(
        probing.image,
        entrypoint=["python3"],
        command=["-I", "-c", _BOOTSTRAP],
        user=_NOBODY,
        working_dir="/",
        stdin_open=True,
        labels={STACK_LABEL: probing.stack, OWNER_LABEL: _owner(), RUN_LABEL: run},
        host_config=api.create_host_config(
            **_standing(network),
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            mem_limit="64m",
            memswap_limit="64m",
            pids_limit=32,
            # The Engine itself removes a prober whose creator was killed: its standard input closes, it ends.
            auto_remove=True,
            # Answers are read from the attached stream; none of them is to stay on a disk.
            log_config=LogConfig(type="none"),
        ),
    )
    try:
        if stop.is_set():
            raise OSError("interrupted")
        with _attached(probing.sdk, created["Id"]) as wire:
            api.start(created["Id"])
            wire.settimeout(SECONDS)
            wire.sendall(_program(jobs))
            output, errors = _streams(wire, time.monotonic() + SECONDS + 10)
    finally:
        _remove_one(probing.sdk, created["Id"])
    if not output:
        lines = errors.decode(errors="replace").strip().splitlines()
        raise OSError(lines[-1] if lines else "it said nothing")
    return output


def _standing(network: str) -> dict[str, Any]:
    volume, _, folder = network.partition(":")
    if not folder:
        return {"network_mode": network}
    return {"network_mode": "none", "binds": {volume: {"bind": folder, "mode": "ro"}}}


@contextmanager
def _attached(sdk: DockerClient, id: str) -> Iterator[socket.socket]:
    """The container's standard streams."""
    stream = sdk.api.attach_socket(id, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    wire: socket.socket = getattr(stream, "_sock", stream)
    try:
        yield wire
    finally:
        # The SDK hangs the HTTP answer on the stream and leaves it to whoever asked to close all three.
        for part in (getattr(stream, "_response", None), stream, wire):
            if part is not None:
                part.close()


def _program(jobs: Sequence[Job]) -> bytes:
    source = Path(prober.__file__).read_bytes()
    work = json.dumps({"seconds": SECONDS, "jobs": [asdict(job) for job in jobs]})
    return b"%d\n%s%s\n" % (len(source), source, work.encode())


def _streams(wire: socket.socket, until: float) -> tuple[bytes, bytes]:
    """Both output streams to their end; the Engine puts a frame around each piece of them."""
    output, errors = bytearray(), bytearray()
    while head := _exactly(wire, _FRAME.size, until):
        stream, size = _FRAME.unpack(head)
        (output if stream == _STDOUT else errors).extend(_exactly(wire, size, until))
    return bytes(output), bytes(errors)


def _exactly(wire: socket.socket, size: int, until: float) -> bytes:
    """That many bytes, or none where the stream has ended."""
    data = bytearray()
    while len(data) < size:
        wire.settimeout(max(0.01, until - time.monotonic()))
        part = wire.recv(size - len(data))
        if not part:
            return b""
        data += part
    return bytes(data)


def _reply(said: Mapping[str, Any]) -> Reply:
    return Reply(**{name: value for name, value in said.items() if name != "id"})


def _remove(sdk: DockerClient, labels: list[str]) -> None:
    for container in sdk.api.containers(all=True, filters={"label": labels}):
        _remove_one(sdk, container["Id"])


def _remove_one(sdk: DockerClient, id: str) -> None:
    """Returns when the container is gone, whoever removed it."""
    from docker.errors import APIError
    from requests.exceptions import RequestException

    with suppress(APIError, RequestException):
        try:
            sdk.api.remove_container(id, force=True, v=True)
        except APIError as error:
            if error.status_code != CONFLICT:
                raise
            # It has ended, and the Engine is about to remove it.
            sdk.api.wait(id, timeout=10, condition="removed")


def _said(error: Exception) -> str:
    return str(getattr(error, "explanation", None) or error)


def _owner() -> str:
    """This process, so that it can be told whether it is still there: boot, namespace, number, start."""
    return f"{_here()}:{os.getpid()}:{_started(os.getpid())}"


def _lives(owner: str) -> bool:
    here, _, process = owner.partition(":")
    pid, _, started = process.partition(":")
    if here and here != _here():
        # Of a process that cannot be looked at from here. Its probers end by themselves.
        return True
    return bool(pid.isdigit() and started and _started(int(pid)) == started)


def _here() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return socket.gethostname()


def _started(pid: int) -> str:
    try:
        # The name in brackets may hold blanks and brackets itself.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """Lets SIGTERM end this run as Ctrl-C does, so that probers are removed on the way out."""
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
