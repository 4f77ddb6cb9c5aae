"""What `--json` prints: one document per command, or a line per event where a command streams."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any, TextIO

from stackctl.errors import StackctlError
from stackctl.findings import InvalidFiles

SCHEMA = 1


def plain(value: Any) -> Any:
    """Frozen data as JSON data; sets are sorted, fields that are kept out of `repr` are kept out here too."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value) if f.repr}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(plain(item) for item in value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


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
            told["findings"] = plain([finding for finding in error.findings if finding.blocks])
        self._print(self._head(error.exit_code) | {"error": told})

    def _head(self, code: int) -> dict[str, Any]:
        return {"schema": SCHEMA, "command": self._command, "exit": int(code)}

    def _print(self, document: Mapping[str, Any]) -> None:
        print(json.dumps(document, ensure_ascii=False), file=self._out, flush=True)
