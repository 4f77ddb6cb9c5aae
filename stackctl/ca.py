"""The stack's own authority, for names that no public one signs: its key never leaves this host.

`.stackctl/ca/` holds it, `.stackctl/tls/` what it signed for the edge. It may sign only for the stack's
domain and for private names, so that who trusts it trusts it with nothing else.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from stackctl.edge.middlewares import file_of
from stackctl.errors import StackctlError
from stackctl.files import STATE_DIR, private_dir, state_dir, write_atomically

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

PRIVATE_SUFFIXES = ("localhost", "local", "internal", "lan", "home", "test", "home.arpa")
_CA_LASTS = timedelta(days=3650)
_LEAF_LASTS = timedelta(days=90)
_RENEWED_BEFORE = timedelta(days=30)
_SKEW = timedelta(hours=1)
"""Certificates begin a little in the past, since not every clock is right."""


@dataclass(frozen=True)
class Certificate:
    name: str
    expires: datetime
    fingerprint: str
    """sha256 of the certificate, in hex."""


@dataclass(frozen=True)
class Authority:
    path: Path
    """Of its certificate."""
    certificate: Certificate
    signs_for: tuple[str, ...]
    """The suffixes under which it may sign."""
    leaves: tuple[Certificate, ...] = ()


def find(root: Path) -> Authority | None:
    """The authority of the stack in this folder; None where there is none yet."""
    path = root / STATE_DIR / "ca" / "root.pem"
    if not path.is_file():
        return None
    leaves = sorted((root / STATE_DIR / "tls").glob("*.pem"))
    found = _read(path)
    return Authority(
        path,
        _told(_subject(found), found),
        _permitted(found),
        tuple(_told(leaf.stem.replace("_", "*", 1), _read(leaf)) for leaf in leaves),
    )


def renewal(root: Path) -> float | None:
    """When the first certificate has to be renewed, in seconds since 1970; None where there is none."""
    try:
        authority = find(root)
    except (OSError, ValueError):
        return 0.0
    ends = [leaf.expires - _RENEWED_BEFORE for leaf in authority.leaves] if authority else []
    return min(ends).timestamp() if ends else None


def serve(
    root: Path, stack: str, domain: str, hosts: Iterable[str], now: datetime, user: str, *, owners: bool
) -> tuple[str, ...]:
    """Makes sure that the edge has a certificate for each host; those that were made or renewed now.

    `user` is that of the edge's container, `owners` whether its numbers mean the same on this host. The
    authority is made with the first host.

    Raises:
        StackctlError: A name is none for which the authority may sign.
    """
    # The folder around it keeps it private; inside the container, its user must get in.
    folder = state_dir(root) / "tls"
    folder.mkdir(mode=0o755, exist_ok=True)
    wanted = tuple(hosts)
    for path in folder.glob("*.*"):
        if path.stem not in map(file_of, wanted):
            path.unlink()
    if not wanted:
        return ()
    authority, key = _authority(root, stack, domain, now)
    made = []
    for host in wanted:
        path = folder / f"{file_of(host)}.pem"
        if not _good(path, host, authority, now):
            _sign(path, host, authority, key, now)
            made.append(host)
    own_keys(folder, user, owners=owners)
    return tuple(made)


def own_keys(folder: Path, user: str, *, owners: bool) -> None:
    """Gives the keys to the user of the edge's container alone, where that user is known here."""
    import os

    number = re.match(r"(\d+)", user)
    for path in folder.glob("*.key"):
        if number and owners and os.geteuid() == 0:
            write_atomically(path, path.read_bytes(), 0o400, (int(number[1]), 0))
        elif not number or int(number[1]) == os.geteuid():
            write_atomically(path, path.read_bytes(), 0o400)
        else:
            # Nobody gets here past the folder of the state.
            write_atomically(path, path.read_bytes(), 0o444)


def remove(root: Path) -> None:
    """Forgets the authority and all that it signed."""
    for name in ("ca", "tls"):
        shutil.rmtree(root / STATE_DIR / name, ignore_errors=True)


def covers(suffixes: Iterable[str], host: str) -> bool:
    plain = host.removeprefix("*.")
    return any(plain == suffix or plain.endswith(f".{suffix}") for suffix in suffixes)


def _authority(
    root: Path, stack: str, domain: str, now: datetime
) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder = private_dir(state_dir(root) / "ca")
    key_path, path = folder / "root.key", folder / "root.pem"
    if key_path.is_file() and path.is_file():
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        found = _read(path)
        if found.not_valid_after_utc <= now:
            hint = "remove .stackctl/ca, run `stackctl up`, and trust the new one: `stackctl ca trust`"
            raise StackctlError(
                f"the stack's authority expired on {found.not_valid_after_utc:%Y-%m-%d}", hint
            )
        return found, key
    key = ec.generate_private_key(ec.SECP256R1())
    suffixes = tuple(dict.fromkeys((domain, *PRIVATE_SUFFIXES)))
    found = _root(f"stackctl {stack} local authority", key, suffixes, now)
    write_atomically(key_path, _pem(key), 0o600)
    write_atomically(path, found.public_bytes(serialization.Encoding.PEM), 0o644)
    return found, key


def _root(
    name: str, key: EllipticCurvePrivateKey, suffixes: Iterable[str], now: datetime
) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    permitted = [x509.DNSName(suffix) for suffix in suffixes]
    addresses = [x509.IPAddress(ip_network(everything)) for everything in ("0.0.0.0/0", "::/0")]
    return (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _CA_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints(permitted, addresses), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _sign(
    path: Path, host: str, authority: x509.Certificate, key: EllipticCurvePrivateKey, now: datetime
) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    if not covers(_permitted(authority), host):
        may = ", ".join(_permitted(authority))
        raise StackctlError(
            f"the stack's authority may not sign for {host}: it was made for {may}",
            "use a name below the stack's domain or another `tls`; after a change of `domain`, remove "
            ".stackctl/ca, run `stackctl up` and trust the new authority",
        )
    own = ec.generate_private_key(ec.SECP256R1())
    # Longer names do not fit into a common name; what counts is the alternative name.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)] if len(host) <= 64 else [])
    made = (
        x509.CertificateBuilder(authority.subject, subject, own.public_key(), x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(min(now + _LEAF_LASTS, authority.not_valid_after_utc))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=not subject.rdns)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()),  # type: ignore[arg-type]
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    write_atomically(path.with_suffix(".key"), _pem(own), 0o400)
    write_atomically(path, made.public_bytes(serialization.Encoding.PEM), 0o644)


def _usage(*, signs: bool) -> x509.KeyUsage:
    from cryptography import x509

    names = "content_commitment key_encipherment data_encipherment key_agreement encipher_only decipher_only"
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        **dict.fromkeys(names.split(), False),
    )


def _good(path: Path, host: str, authority: x509.Certificate, now: datetime) -> bool:
    """Whether there is a certificate for the host that this authority signed and that lasts a while."""
    from cryptography.exceptions import InvalidSignature

    if not (path.is_file() and path.with_suffix(".key").is_file()):
        return False
    try:
        leaf = _read(path)
        leaf.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return leaf.not_valid_after_utc - now > _RENEWED_BEFORE


def _read(path: Path) -> x509.Certificate:
    from cryptography import x509

    return x509.load_pem_x509_certificate(path.read_bytes())


def _told(name: str, certificate: x509.Certificate) -> Certificate:
    from cryptography.hazmat.primitives import hashes

    return Certificate(name, certificate.not_valid_after_utc, certificate.fingerprint(hashes.SHA256()).hex())


def _subject(certificate: x509.Certificate) -> str:
    from cryptography.x509.oid import NameOID

    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _permitted(certificate: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    return tuple(str(name.value) for name in constraints.permitted_subtrees or ())


def _pem(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
