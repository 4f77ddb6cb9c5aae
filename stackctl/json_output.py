"""What `--json` prints: one document per command, or a line per event where a command streams."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from stackctl.errors import StackctlError
from stackctl.findings import InvalidFiles
from stackctl.plain import plain

SCHEMA = 1


class JsonOutput:
    """Prints documents to standard output; nothing else goes there."""

    def __init__(self, command: str, *, streams: bool, out: TextIO | None = None) -> None:
        self._command = command
        self._streams = streams
        self._out = out or sys.stdout

    def event(self, event: object) -> None:
        if self._streams:
            self._print({"schema": SCHEMA, "event": type(event).__name__.lower(), **plain(event)})

    def ended(self, answer: object, code: int) -> None:
        self._print(self._head(code) | plain(answer))

    def error(self, error: StackctlError) -> None:
        told = {"message": error.message, "hint": error.hint}
        if isinstance(error, InvalidFiles):
            told["findings"] = plain(error.told)
        self._print(self._head(error.exit_code) | {"error": told})

    def _head(self, code: int) -> dict[str, Any]:
        return {"schema": SCHEMA, "command": self._command, "exit": int(code)}

    def _print(self, document: Mapping[str, Any]) -> None:
        print(json.dumps(document, ensure_ascii=False), file=self._out, flush=True)
