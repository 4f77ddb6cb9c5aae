"""What one file says of a spoke, before page and manifest are put together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stackctl.findings import Finding, Location
from stackctl.model import (
    Accept,
    Backup,
    CommonIssue,
    Expect,
    Hardening,
    Kind,
    Path,
    Policy,
    Recorded,
    Route,
)

SPOKE_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?\Z")
HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?\Z")
ROUTE_PATH = re.compile(r"/[A-Za-z0-9._~/-]*\Z")


@dataclass(frozen=True)
class RouteDraft:
    """A route as one file states it; None where it leaves the field to the other."""

    hosts: tuple[str, ...] | None
    port: int | None
    stated: Route = field(default_factory=lambda: Route((), 0))
    """Everything else that it says."""


@dataclass(frozen=True)
class CheckDraft:
    """A request and what to expect of it, with names that are resolved once the stack is known."""

    title: str
    network: str
    """The network to ask from as it is written, or "" for this host."""
    method: str
    host: str
    port: int
    path: str
    expect: Expect
    at: Location
    names_itself: bool = False
    """The answer must hold the hostname of the spoke's own container."""
    host_header: str = ""
    from_page: bool = False


@dataclass(frozen=True)
class Partial:
    """One file's half of a spoke. None, or a missing key of `service`, means: not stated here."""

    file: str
    service: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    kind: Kind | None = None
    routes: tuple[RouteDraft, ...] | None = None
    checks: tuple[CheckDraft, ...] = ()
    settings_dir: str | None = None
    hardening: Hardening | None = None
    accept: tuple[Accept, ...] = ()
    policy: Policy | None = None
    settle: float | None = None
    backup: Backup | None = None
    schedule: str | None = None
    status: str | None = None
    phase: str | None = None
    digest: str | None = None
    """A digest that the page records beside the image."""
    recorded: Recorded = field(default_factory=Recorded)
    smoke_test: str = ""
    issues: tuple[CommonIssue, ...] = ()
    places: Mapping[Path, Location] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def at(self, *path: str) -> Location:
        """The place of a field, or of the nearest field around it that has one."""
        for length in range(len(path), -1, -1):
            if (place := self.places.get(path[:length])) is not None:
                return place
        return Location(self.file)
