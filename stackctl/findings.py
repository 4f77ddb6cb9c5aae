"""Problems in a stack's files, each with a code, a place and a way out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from stackctl.errors import Exit, StackctlError


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, order=True)
class Location:
    """A place in a file: path relative to the stack's folder, line and column counted from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Code:
    """An entry of the registry that lint rules and checks share."""

    id: str
    severity: Severity
    title: str
    why: str
    bad: str = ""
    good: str = ""
    hint: str = ""
    """The way out, for findings that know none of their own."""


@dataclass(frozen=True)
class Finding:
    """One problem in the files."""

    code: str
    severity: Severity
    at: Location
    message: str
    hint: str = ""
    spoke: str = ""
    accepted: str = ""
    """The reason for which the spoke's manifest accepts this finding; empty where it does not."""

    @property
    def blocks(self) -> bool:
        return self.severity is Severity.ERROR and not self.accepted


def _not_read(finding: Finding) -> bool:
    return finding.code == "SC111" and not finding.accepted


class InvalidFiles(StackctlError):
    """The stack's files hold errors; nothing was changed."""

    exit_code = Exit.INVALID_FILES

    def __init__(
        self,
        findings: Iterable[Finding],
        hint: str = "each is named above; `stackctl lint` shows those of pages and manifests again",
    ) -> None:
        self.findings = tuple(findings)
        at_fault = {finding.spoke for finding in self.findings if finding.blocks and finding.spoke}
        self.told = tuple(f for f in self.findings if f.blocks or (_not_read(f) and f.spoke in at_fault))
        """The errors, and of their spokes what was not read: a slip there may be all that is wrong."""
        count = sum(finding.blocks for finding in self.findings)
        super().__init__(
            f"{count} error{'s' if count != 1 else ''} in the stack's files; nothing was changed",
            hint,
        )
