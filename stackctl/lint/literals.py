"""Rules about values that do not belong into committed files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stackctl.codes import finding
from stackctl.findings import Finding
from stackctl.lint.safety import severity
from stackctl.model import Stack

_NAME = re.compile(
    r"(?:\A|_)(?:PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|SECRET|TOKEN|CREDENTIALS"
    r"|(?:API|ACCESS|SECRET|PRIVATE|ENCRYPTION|MASTER|SIGNING|AUTH)_?KEY)\Z",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bgh[opsu]_[A-Za-z0-9]{30}|\bglpat-[\w-]{20}"
    r"|\bxox[abps]-[\w-]{10}|\bsk_live_\w{16}|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\."
    r"|\b[a-z][a-z0-9+.-]*://[^\s/:@$]*:[^\s/:@$]+@"
)
# A switch, a number too short to keep anything, or the path of a file in which the secret stands.
_NOT_SECRET = re.compile(r"(?:true|false|yes|no|on|off|none|null|[0-9]{0,3}|/\S*)\Z", re.IGNORECASE)


def secrets_are_not_written_down(stack: Stack) -> Iterator[Finding]:
    """SC412: whoever may read the stack's files, or `docker inspect`, does not learn a secret."""
    for spoke in stack.spokes:
        for name, value in spoke.environment.items():
            if not value or "$" in value:
                continue
            if _VALUE.search(value) or (_NAME.search(name) and not _NOT_SECRET.match(value)):
                # Never the value itself: findings are shown, kept and sent around.
                message = f"the value of {name} looks like a secret, and stands here for everyone to read"
                named = f"`{name}: {{secret: NAME}}`, with its source in stack.yaml"
                hint = f"write {named}, or `${{{name}}}`, with its value in .env"
                at = spoke.at("environment", name)
                yield finding("SC412", at, message, hint, spoke.name, severity(spoke))


RULES = (secrets_are_not_written_down,)
