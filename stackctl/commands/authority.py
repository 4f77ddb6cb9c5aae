"""What is told of the stack's own authority."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Signed:
    host: str
    expires: str
    """The day, UTC."""


@dataclass(frozen=True)
class AuthorityAnswer:
    name: str
    path: str
    """Of its certificate on this host."""
    expires: str
    fingerprint: str
    """sha256 of the certificate, to compare with what a client shows."""
    signs_for: tuple[str, ...]
    """The suffixes under which it may sign, and nothing else."""
    signed: tuple[Signed, ...]
    trust: tuple[str, ...] = ()
    """How to trust it, where that was asked; nothing of it was done."""
