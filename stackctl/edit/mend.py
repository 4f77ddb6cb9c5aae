"""What `lint --fix` may do: change how something is written, never what it means."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stackctl.edit import Edit, Raw
from stackctl.edit.manifest import repeated
from stackctl.findings import Finding
from stackctl.read.stack import Reading, read_stack
from stackctl.read.text import as_meant

_ALTERNATIVE = re.compile(
    r",?\s+or\s+(?:(?:a|the)\s+)?(?:connection\s+(?:is\s+)?refused|refused\s+connection|time(?:d)?[ -]?out"
    r"|no\s+(?:answer|response|connection)|unreachable)\b",
    re.IGNORECASE,
)
_EXPECTED = re.compile(r"[*_]{0,2}expected\b[^:\r\n]*:", re.IGNORECASE)


@dataclass(frozen=True)
class Mended:
    """One file, mended of the findings of one code."""

    file: str
    code: str
    lines: tuple[str, ...]
    """What changed: `-` and the line as it was, `+` and the line as it is now."""


Mend = Callable[[Raw, tuple[Finding, ...]], bytes]


def mend(texts: Mapping[str, bytes]) -> tuple[dict[str, bytes], tuple[Mended, ...]]:
    """The files that change, as they are then, and what was done to them.

    A change is kept only if the stack means exactly the same with it, and no finding is new.
    """
    now = dict(texts)
    mended: list[Mended] = []
    for code, change in _MENDS.items():
        reading = read_stack(now)
        for file in sorted({f.at.file for f in reading.findings if f.code == code and f.at.file in now}):
            found = tuple(f for f in reading.findings if f.code == code and f.at.file == file)
            after = change(Raw(file, now[file]), found)
            if after != now[file] and _safe(reading, read_stack({**now, file: after}), code):
                mended.append(Mended(file, code, _difference(now[file], after)))
                now[file] = after
    return {file: data for file, data in now.items() if data != texts[file]}, tuple(mended)


def _encoding(raw: Raw, _: tuple[Finding, ...]) -> bytes:
    return as_meant(raw.data)


def _refusals(raw: Raw, _: tuple[Finding, ...]) -> bytes:
    """Takes "or connection refused" out of `Expected:`."""
    edits = []
    for number in range(1, len(raw.starts) + 1):
        line = raw.line(number)
        expected = _EXPECTED.search(line)
        start = expected.end() if expected else None
        if start is not None and (match := _ALTERNATIVE.search(line, start)):
            edits.append(Edit(raw.place(raw.starts[number - 1] + match.start()), match[0], ""))
    return raw.edited(edits)


def _networks(raw: Raw, findings: tuple[Finding, ...]) -> bytes:
    """Gives a network the prefix of this stack, where it was copied with another's."""
    edits: list[Edit] = []
    for finding in findings:
        was = re.match(r"`([^`]+)`", finding.message)
        is_ = re.search(r"`([^`]+)`", finding.hint)
        if was and is_:
            pattern = rf"(?<![\w-]){re.escape(was[1])}(?![\w-])"
            edits += (Edit(raw.place(m.start()), was[1], is_[1]) for m in re.finditer(pattern, raw.text))
    return raw.edited(edits)


def _duplicates(raw: Raw, _: tuple[Finding, ...]) -> bytes:
    return raw.edited(repeated(raw))


_MENDS: dict[str, Mend] = {
    "SC105": _encoding,
    "SC104": _duplicates,
    "SC301": _refusals,
    "SC302": _networks,
}


def _safe(before: Reading, after: Reading, code: str) -> bool:
    def count(findings: Iterable[Finding]) -> Counter[tuple[str, str]]:
        return Counter((f.code, f.at.file) for f in findings)

    fewer = count(after.findings) <= count(before.findings)
    gone = sum(f.code == code for f in before.findings) > sum(f.code == code for f in after.findings)
    return fewer and gone and meaning(before.stack) == meaning(after.stack)


def meaning(value: Any) -> Any:
    """Data without the places at which it stands."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = (f.name for f in dataclasses.fields(value) if f.name not in ("at", "places"))
        return {name: meaning(getattr(value, name)) for name in fields}
    if isinstance(value, Mapping):
        return {key: meaning(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [meaning(item) for item in value]
    return value


def _difference(before: bytes, after: bytes) -> tuple[str, ...]:
    one, other = (Raw("", data).text.splitlines() for data in (before, after))
    lines = difflib.unified_diff(one, other, lineterm="", n=0)
    return tuple(
        line.encode(errors="replace").decode()
        for line in lines
        if line[:1] in "+-" and line[:3] not in ("---", "+++")
    )
