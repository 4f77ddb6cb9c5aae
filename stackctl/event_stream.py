"""What happens on the Engine, as it happens."""

from __future__ import annotations

import contextlib
import http.client
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self


class EventStream:
    """Events of the Engine, read by a thread of its own so that waiting for one can have a deadline."""

    def __init__(
        self,
        connection: http.client.HTTPConnection,
        response: http.client.HTTPResponse,
        gone: Callable[[Exception], Exception],
    ) -> None:
        self._response = response
        self._socket = connection.sock
        self._gone = gone
        self._queue: queue.SimpleQueue[Mapping[str, Any] | Exception] = queue.SimpleQueue()
        if self._socket is not None:
            self._socket.settimeout(None)
        self._reader = threading.Thread(target=self._follow, name="engine-events", daemon=True)
        self._reader.start()

    def until(self, deadline: float) -> Iterator[Mapping[str, Any]]:
        """Each event as it comes, ending at `deadline` (on `time.monotonic`'s clock)."""
        while True:
            try:
                event = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return
            if isinstance(event, Exception):
                # Whoever asks again gets the same answer.
                self._queue.put(event)
                raise self._gone(event) from event
            yield event

    def close(self) -> None:
        # Closing a socket does not wake a thread that reads from it; shutting it down does.
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(timeout=5)
        self._response.close()
        if self._socket is not None:
            self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _follow(self) -> None:
        try:
            for line in self._response:
                if line.strip():
                    self._queue.put(json.loads(line))
            self._queue.put(ConnectionError("the stream of events ended"))
        except Exception as error:
            self._queue.put(error)
