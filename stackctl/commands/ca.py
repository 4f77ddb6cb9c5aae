"""`stackctl ca`: the stack's own authority, what it signed, and how a client learns to trust it."""

from __future__ import annotations

from pathlib import Path

from stackctl import ca as authority
from stackctl.commands.authority import AuthorityAnswer, Signed
from stackctl.commands.story import Ended, Story
from stackctl.errors import StackctlError


def ca(root: Path, *, trust: bool) -> Story:
    """Changes nothing, on this host or any other.

    Raises:
        StackctlError: The stack has no authority yet.
    """
    yield from ()
    found = authority.find(root)
    if found is None:
        raise StackctlError(
            "the stack has no authority of its own yet",
            "`stackctl up` makes one with the first route that states `tls: internal`",
        )
    own = found.certificate
    return Ended(
        AuthorityAnswer(
            own.name,
            str(found.path),
            f"{own.expires:%Y-%m-%d}",
            own.fingerprint,
            found.signs_for,
            tuple(Signed(leaf.name, f"{leaf.expires:%Y-%m-%d}") for leaf in found.leaves),
            _steps(found) if trust else (),
        )
    )


def _steps(found: authority.Authority) -> tuple[str, ...]:
    """Command lines and sentences; each is for the person to carry out or to leave."""
    path, name = found.path, found.certificate.name.replace(" ", "-")
    return (
        f"curl and other programs, for one call: curl --cacert {path} https://HOST/",
        f"Debian and Ubuntu, as root: cp {path} /usr/local/share/ca-certificates/{name}.crt && "
        "update-ca-certificates",
        f"Fedora, as root: cp {path} /etc/pki/ca-trust/source/anchors/{name}.pem && update-ca-trust",
        f"macOS: security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db {path}",
        f"Windows, as administrator: certutil -addstore Root {path.name}",
        "Firefox: Settings, Certificates, Import, and trust it for websites",
    )
