"""Where the value of a secret comes from, and how an environment names one without holding it."""

from __future__ import annotations

import re
from dataclasses import dataclass

SECRET_VARIABLE = "STACKCTL_SECRET_"  # noqa: S105
"""Begins the names of variables that only ever stand in the environment of `docker compose`."""

SECRET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")
SECRETS_DIR = ".stackctl/secrets"
"""Holds `SPOKE/NAME`: two users of one secret need files with two owners."""

_REFERENCE = re.compile(
    r"\$\{" + SECRET_VARIABLE + r"[A-Z0-9_]+:\?the secret ([A-Za-z0-9_-]+) is given by stackctl\}\Z"
)


@dataclass(frozen=True)
class SecretSource:
    """One of the three is set."""

    command: tuple[str, ...] = ()
    """Its standard output is the value; started without a shell."""
    env: str = ""
    file: str = ""
    """Relative to the stack's folder, absolute, or beginning with `~/`."""


def secret_variable(name: str) -> str:
    """The variable that carries a secret to Compose."""
    return SECRET_VARIABLE + name.upper().replace("-", "_")


def secret_reference(name: str) -> str:
    """What stands in place of a secret's value, in memory as in the committed file.

    Compose refuses to run without the variable: an empty password would be worse.
    """
    return f"${{{secret_variable(name)}:?the secret {name} is given by stackctl}}"


def secret_of(value: object) -> str:
    """The secret that a value refers to; empty where it is an ordinary value."""
    match = _REFERENCE.match(value) if isinstance(value, str) else None
    return match[1] if match else ""
