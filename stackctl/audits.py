"""The Checks that ask a socket proxy everything; what that is stands in `verify/matrix.py` and `live.py`."""

from __future__ import annotations

from collections.abc import Iterator

from stackctl.codes import CODES
from stackctl.model import Audit, Check, Spoke
from stackctl.policy import enforced

_AUDITS = (
    ("CK210", "operations", "lets through exactly the operations of its policy", "open one operation more"),
    ("CK211", "tricks", "no spelling and no trick gets past its policy", "open one operation more"),
    (
        "CK212",
        "undeclared-upgrades",
        "forwards no upgrade that its policy does not declare",
        "forward every upgrade",
    ),
    ("CK213", "live", "the running proxy answers as its policy says", "open one operation more"),
    ("CK214", "events", "keeps /events open through silence", "cut silent streams"),
    ("CK214", "upgrades", "grants the upgrades of its policy", "refuse upgrades"),
    ("CK215", "leak-environment", "shows no container's environment", "open inspection"),
    ("CK216", "leak-labels", "shows no container's labels", "open inspection"),
    ("CK217", "leak-command", "shows no container's command line", "open inspection"),
    ("CK218", "leak-log", "shows no container's log", "open logs"),
    ("CK219", "leak-file", "shows no container's files", "open archives"),
)
_ONLY_WHERE_OPEN = {"events": "GET /events"}


def audits(spoke: Spoke) -> Iterator[Check]:
    """Those that make sense for this proxy; none where nothing is known of how its image filters."""
    policy = enforced(spoke)
    if policy is None:
        return
    opened = policy.opens()
    has_upgrades = any(operation.hijack for operation in opened)
    for code, name, title, mutation in _AUDITS:
        if name in _ONLY_WHERE_OPEN and _ONLY_WHERE_OPEN[name] not in map(str, opened):
            continue
        if name == "upgrades" and not has_upgrades:
            continue
        yield Check(
            code,
            spoke.name,
            title,
            Audit(name),
            mutation=mutation,
            severity=CODES[code].severity,
            at=spoke.at(),
        )
