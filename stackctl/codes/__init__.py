"""The registry of codes: SC for problems in files, CK for checks on what runs. `lint --explain` reads it."""

from __future__ import annotations

from stackctl.codes import (
    adopting,
    checks,
    edges,
    exposure,
    host,
    labels,
    links,
    meaning,
    reading,
    replacing,
    routes,
    safety,
)
from stackctl.findings import Code, Finding, Location, Severity

_FILES_FIRST = {"S": 0, "C": 1}

CODES: dict[str, Code] = {
    code.id: code
    for code in sorted(
        (
            *adopting.CODES,
            *reading.CODES,
            *meaning.CODES,
            *safety.CODES,
            *routes.CODES,
            *labels.CODES,
            *edges.CODES,
            *host.CODES,
            *exposure.CODES,
            *replacing.CODES,
            *checks.CODES,
            *links.CODES,
        ),
        key=lambda code: (_FILES_FIRST[code.id[0]], code.id),
    )
}


def finding(
    code: str, at: Location, message: str, hint: str = "", spoke: str = "", severity: Severity | None = None
) -> Finding:
    """A finding of a registered code, with its code's severity and way out unless told otherwise."""
    known = CODES[code]
    return Finding(code, severity or known.severity, at, message, hint or known.hint, spoke)
