"""A bounded load on one loopback port: keep-alive and single connections, GET and POST, counted one by one.

Run as a program of its own, so that what it measures does not wait for the test: `load.py PORT HOST SECONDS`.
It goes on for so many seconds, and until its input is closed. It prints what was sent, and each failure with its time. Anything but 200 is a failure.
"""

from __future__ import annotations

import http.client
import json
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 15.0
# requests a second, over how many connections
KINDS = {"keep": (50.0, 12), "close": (50.0, 12), "post": (10.0, 5), "post-close": (10.0, 5)}


@dataclass
class Taken:
    sent: int = 0
    failed: list[tuple[float, str]] = field(default_factory=list)
    slowest: float = 0.0
    closed: int = 0
    """Connections that the other side ended, though they were to be kept."""
    versions: dict[str, int] = field(default_factory=dict)


def main(port: int, host: str, seconds: float) -> None:
    began = time.monotonic() + 0.2
    taken = {kind: Taken() for kind in KINDS}
    lock = threading.Lock()
    over = threading.Event()
    threads = [
        threading.Thread(target=work, args=(kind, n, port, host, began, seconds, taken[kind], lock, over))
        for kind, (_, connections) in KINDS.items()
        for n in range(connections)
    ]
    for thread in threads:
        thread.start()
    print("begun", flush=True)
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()
    print(json.dumps({kind: vars(one) for kind, one in taken.items()}))


def work(
    kind: str,
    n: int,
    port: int,
    host: str,
    began: float,
    seconds: float,
    taken: Taken,
    lock: Any,
    over: threading.Event,
) -> None:
    """One connection's share; late requests are sent all the same."""
    rate, connections = KINDS[kind]
    due = began + n / rate
    connection: http.client.HTTPConnection | None = None
    while due < began + seconds or not over.is_set():
        time.sleep(max(0.0, due - time.monotonic()))
        at = time.monotonic()
        ended = connection is not None and not kind.endswith("close") and was_closed(connection)
        if connection is not None and (ended or kind.endswith("close")):
            connection.close()
            connection = None
        connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        wrong, version = "", ""
        try:
            method, body = ("POST", b"x" * 200) if kind.startswith("post") else ("GET", None)
            connection.request(method, "/", body, {"Host": host})
            response = connection.getresponse()
            version = response.read().decode()
            wrong = "" if response.status == 200 else f"status {response.status}"
        except (OSError, http.client.HTTPException) as error:
            wrong = repr(error)
        if wrong:
            connection.close()
            connection = None
        with lock:
            taken.sent += 1
            taken.closed += ended
            taken.slowest = max(taken.slowest, time.monotonic() - at)
            if wrong:
                taken.failed.append((round(at - began, 2), wrong))
            else:
                taken.versions[version] = taken.versions.get(version, 0) + 1
        due += connections / rate


def was_closed(connection: http.client.HTTPConnection) -> bool:
    """Whether the other side ended an idle connection: a client looks before it uses one again."""
    sock = connection.sock
    return sock is None or bool(select.select([sock], [], [], 0)[0])


@dataclass
class Seen:
    """What a load saw, once it is over."""

    of: dict[str, Any] = field(default_factory=dict)

    @property
    def sent(self) -> int:
        return sum(one["sent"] for one in self.of.values())

    @property
    def closed(self) -> int:
        return sum(one["closed"] for one in self.of.values())

    @property
    def failed(self) -> list[Any]:
        return [(kind, *failure) for kind, one in self.of.items() for failure in one["failed"]]

    @property
    def versions(self) -> set[str]:
        return {version for one in self.of.values() for version in one["versions"]}


@contextmanager
def load(port: int, host: str, seconds: float) -> Iterator[Seen]:
    """A load for at least so many seconds, and as long as the block runs."""
    argv = [sys.executable, __file__, str(port), host, str(seconds)]
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    seen = Seen()
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "begun\n"
        yield seen
        out, _ = child.communicate(timeout=seconds + 2 * PATIENCE)
        seen.of.update(json.loads(out))
    finally:
        child.kill()
        child.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
