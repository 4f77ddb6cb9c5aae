"""The whole vocabulary as frozen plain data; nothing here reads, decides or acts.

A Stack is what the files say. A Host is what differs on this machine. A Bundle is all that is rendered.
Observed is what runs. A Plan says what `up` would do. A Check says what must hold, a Result what was seen.
"""

from __future__ import annotations

from stackctl.model.bundle import Bundle, Fingerprint, Host, Wanted
from stackctl.model.check import (
    Check,
    Control,
    Expect,
    InVolume,
    Named,
    Observation,
    OnNetwork,
    Outcome,
    Published,
    Request,
    Result,
    State,
    Target,
)
from stackctl.model.observed import Container, Observed
from stackctl.model.plan import Action, Cause, Plan, Verb, Who
from stackctl.model.stack import (
    NOTHING,
    PROXY_NETWORK,
    SOCKET_NETWORK,
    Accept,
    CommonIssue,
    Dependency,
    Edge,
    Hardening,
    Kind,
    Mode,
    Mount,
    Path,
    Policy,
    Port,
    Recorded,
    Route,
    Spoke,
    Stack,
    Stanza,
)

__all__ = [
    "NOTHING",
    "PROXY_NETWORK",
    "SOCKET_NETWORK",
    "Accept",
    "Action",
    "Bundle",
    "Cause",
    "Check",
    "CommonIssue",
    "Container",
    "Control",
    "Dependency",
    "Edge",
    "Expect",
    "Fingerprint",
    "Hardening",
    "Host",
    "InVolume",
    "Kind",
    "Mode",
    "Mount",
    "Named",
    "Observation",
    "Observed",
    "OnNetwork",
    "Outcome",
    "Path",
    "Plan",
    "Policy",
    "Port",
    "Published",
    "Recorded",
    "Request",
    "Result",
    "Route",
    "Spoke",
    "Stack",
    "Stanza",
    "State",
    "Target",
    "Verb",
    "Wanted",
    "Who",
]
