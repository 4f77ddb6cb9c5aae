"""Throw-away containers: labelled with their stack, owner and run, and gone however the run ends."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import struct
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import CONFLICT
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stackctl.events import Event, Finished, Started
from stackctl.model import NO_PROBER
from stackctl.process import outlived_by
from stackctl.throwaway_labels import OWNER_LABEL, RUN_LABEL, STACK_LABEL, is_throw_away

if TYPE_CHECKING:
    from docker import DockerClient

# What was about to be created when the process was killed comes a little later.
_CLEAN_UP = """
for pause in 0 1 3; do
  sleep $pause
  for id in $(docker ps --all --quiet --filter "label=$1"); do docker rm --force --volumes "$id"; done
  for id in $(docker network ls --quiet --filter "label=$1"); do docker network rm "$id"; done
done
"""

_NOBODY = "65534:65534"
_STAND_IN = "stackctl.local/"
BOOTSTRAP = (
    "import sys; i = sys.stdin.buffer; s = i.read(int(i.readline())); "
    "exec(compile(s, 'prober', 'exec'), {'__name__': '__main__'})"
)
_FRAME = struct.Struct(">BxxxL")
_STDOUT = 1


class Engine(Protocol):
    """What is needed of an Engine: the SDK, to create containers with."""

    def sdk(self) -> DockerClient: ...


@dataclass(frozen=True)
class Probing:
    """What a run needs to create containers."""

    sdk: DockerClient
    image: str
    stack: str


@dataclass(frozen=True)
class Run:
    """One run's containers carry its token."""

    probing: Probing
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    stop: threading.Event = field(default_factory=threading.Event)
    leaving: list[threading.Thread] = field(default_factory=list)
    """Removals under way: whoever is done with a container does not wait until it is gone."""

    @property
    def labels(self) -> dict[str, str]:
        return {STACK_LABEL: self.probing.stack, OWNER_LABEL: owner(), RUN_LABEL: self.token}


class NoProber(Exception):
    """No prober can be created; the text says why, as part of a sentence."""


def prepare(engine: Engine, image: str, stack: str) -> Generator[Event, None, Probing]:
    """Sweeps what killed runs left behind and sees to the image; raises NoProber."""
    if not image:
        raise NoProber(f"{NO_PROBER}stack.yaml names no prober_image")
    from docker.errors import DockerException, ImageNotFound

    try:
        sdk = engine.sdk()
        sweep(sdk, stack)
        try:
            sdk.images.get(image)
        except ImageNotFound:
            if image.startswith(_STAND_IN):
                raise NoProber(f"{NO_PROBER}the image {image} is not on this host") from None
            step = f"pull the prober image {image}"
            yield Started(step)
            try:
                sdk.api.pull(image)
            except DockerException as error:
                yield Finished(step, ok=False, detail=said(error))
                raise NoProber(f"{NO_PROBER}the image {image} cannot be pulled ({said(error)})") from None
            yield Finished(step)
    except (DockerException, OSError) as error:
        raise NoProber(f"{NO_PROBER}the Engine refused ({said(error)})") from None
    return Probing(sdk, image, stack)


@contextmanager
def a_run(probing: Probing) -> Iterator[Run]:
    """A run whose containers are gone at the end, also where Ctrl-C or SIGTERM is the end.

    Threads that work on the run's containers are to be waited for outside of this: without their
    containers they come to their end.
    """
    run = Run(probing)
    with outlived_by(_CLEAN_UP, f"{RUN_LABEL}={run.token}"), _sigterm_raises():
        try:
            yield run
            _all_gone(run)
        except BaseException:
            run.stop.set()
            _remove(probing.sdk, [f"{RUN_LABEL}={run.token}"])
            raise


@contextmanager
def created(run: Run, config: Mapping[str, Any]) -> Iterator[str]:
    """A container of the run from the Engine's own form of a configuration; its id.

    Its removal has begun when this ends, and is over when the run ends.
    """
    labels = {**config.get("Labels", {}), **run.labels}
    api: Any = run.probing.sdk.api
    id: str = api.create_container_from_config({**config, "Labels": labels})["Id"]
    try:
        if run.stop.is_set():
            raise OSError("interrupted")
        yield id
    finally:
        leaving = threading.Thread(target=_remove_one, args=(run.probing.sdk, id))
        leaving.start()
        run.leaving.append(leaving)


def _all_gone(run: Run) -> None:
    for leaving in [*run.leaving]:
        leaving.join()


@contextmanager
def network(run: Run) -> Iterator[str]:
    """An internal network of the run; its name."""
    name = f"{run.probing.stack}-{secrets.token_hex(6)}"
    api = run.probing.sdk.api
    id = api.create_network(name, internal=True, labels=run.labels)["Id"]
    try:
        yield name
    finally:
        # The Engine refuses while a container is in it.
        _all_gone(run)
        _remove_network(run.probing.sdk, id)


def python(run: Run, network: str, **host: Any) -> dict[str, Any]:
    """A container that runs the program which is sent to it, and ends when whoever sent it is gone."""
    return {
        "Image": run.probing.image,
        "Entrypoint": ["python3"],
        "Cmd": ["-I", "-c", BOOTSTRAP],
        "User": _NOBODY,
        "WorkingDir": "/",
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "HostConfig": {
            "NetworkMode": network,
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"],
            "Memory": 64 << 20,
            "MemorySwap": 64 << 20,
            "PidsLimit": 64,
            # The Engine itself removes it where its creator was killed: its standard input closes, it ends.
            "AutoRemove": True,
            # Answers are read from the attached stream; none of them is to stay on a disk.
            "LogConfig": {"Type": "none", "Config": {}},
            **host,
        },
    }


def program(source: bytes, work: bytes) -> bytes:
    """What to send to such a container: the program, then one line of work for it."""
    return b"%d\n%s%s\n" % (len(source), source, work)


class Wire:
    """The standard streams of a container, up to a moment; the Engine puts a frame around each piece."""

    def __init__(self, stream: socket.socket, until: float) -> None:
        self._stream = stream
        self._until = until
        self._errors = bytearray()

    @property
    def last_words(self) -> str:
        lines = self._errors.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def send(self, data: bytes) -> None:
        self._stream.settimeout(self._left())
        self._stream.sendall(data)

    def lines(self, *, errors: bool = False) -> Iterator[bytes]:
        """The lines of its standard output, as they come, to the end of the stream; its errors among them."""
        rest = b""
        while head := self._exactly(_FRAME.size):
            stream, size = _FRAME.unpack(head)
            piece = self._exactly(size)
            if stream != _STDOUT and not errors:
                self._errors += piece
                continue
            *whole, rest = (rest + piece).split(b"\n")
            yield from whole
        if rest:
            yield rest

    def _exactly(self, size: int) -> bytes:
        """That many bytes, or none where the stream has ended."""
        data = bytearray()
        while len(data) < size:
            self._stream.settimeout(self._left())
            part = self._stream.recv(size - len(data))
            if not part:
                return b""
            data += part
        return bytes(data)

    def _left(self) -> float:
        return max(0.01, self._until - time.monotonic())


@contextmanager
def started(run: Run, id: str, seconds: float) -> Iterator[Wire]:
    """Starts a container with its streams attached."""
    api = run.probing.sdk.api
    stream = api.attach_socket(id, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    wire: socket.socket = getattr(stream, "_sock", stream)
    try:
        api.start(id)
        yield Wire(wire, time.monotonic() + seconds)
    finally:
        # The SDK hangs the HTTP answer on the stream and leaves it to whoever asked to close all three.
        for part in (getattr(stream, "_response", None), stream, wire):
            if part is not None:
                part.close()


def sweep(sdk: DockerClient, stack: str) -> None:
    """Removes what this stack's runs left whose process is gone; those of a run beside this one stay."""
    for container in sdk.api.containers(all=True, filters={"label": f"{STACK_LABEL}={stack}"}):
        if _is_left(container["Labels"]):
            _remove_one(sdk, container["Id"])
    for network in sdk.api.networks(filters={"label": f"{STACK_LABEL}={stack}"}):
        if _is_left(network["Labels"]):
            _remove_network(sdk, network["Id"])


def _is_left(labels: Mapping[str, str]) -> bool:
    return is_throw_away(labels) and not _lives(labels[OWNER_LABEL])


def _remove(sdk: DockerClient, labels: list[str]) -> None:
    for container in sdk.api.containers(all=True, filters={"label": labels}):
        _remove_one(sdk, container["Id"])
    for network in sdk.api.networks(filters={"label": labels}):
        _remove_network(sdk, network["Id"])


def _remove_network(sdk: DockerClient, id: str) -> None:
    from docker.errors import APIError

    # Gone already, or still in use by a container that is about to go: the next run sweeps it.
    with suppress(APIError):
        sdk.api.remove_network(id)


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


def said(error: Exception) -> str:
    return str(getattr(error, "explanation", None) or error)


def owner() -> str:
    """This process, so that it can be told whether it is still there: boot, namespace, number, start."""
    return f"{here()}:{os.getpid()}:{_started(os.getpid())}"


def _lives(owner: str) -> bool:
    where, _, process = owner.partition(":")
    pid, _, started = process.partition(":")
    if where and where != here():
        # Of a process that cannot be looked at from here. Its containers end by themselves.
        return True
    return bool(pid.isdigit() and started and _started(int(pid)) == started)


def here() -> str:
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
    """Lets SIGTERM end this run as Ctrl-C does, so that containers are removed on the way out."""
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
