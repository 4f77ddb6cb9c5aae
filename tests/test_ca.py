"""The stack's own authority: what it may sign, who may read its key, when it signs again."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from stackctl import ca
from stackctl.errors import StackctlError

NOW = datetime(2026, 11, 21, tzinfo=UTC)
HOSTS = ("web.stack.localhost", "*.apps.stack.localhost")


def serve(root: Path, *hosts: str, now: datetime = NOW, domain: str = "stack.localhost") -> tuple[str, ...]:
    return ca.serve(root, "s", domain, hosts or HOSTS, now, "65534:65534", owners=True)


def pem(root: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((root / ".stackctl" / name).read_bytes())


def test_its_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    serve(tmp_path)
    assert stat.S_IMODE((tmp_path / ".stackctl").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / ".stackctl/ca").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / ".stackctl/ca/root.key").stat().st_mode) == 0o600


def test_each_host_has_a_certificate_of_its_own(tmp_path: Path) -> None:
    assert serve(tmp_path) == HOSTS
    for host, file in zip(HOSTS, ("web.stack.localhost", "_.apps.stack.localhost"), strict=True):
        leaf = pem(tmp_path, f"tls/{file}.pem")
        leaf.verify_directly_issued_by(pem(tmp_path, "ca/root.pem"))
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == [host]


def test_nothing_is_signed_again_before_its_time(tmp_path: Path) -> None:
    serve(tmp_path)
    assert serve(tmp_path, now=NOW + timedelta(days=59)) == ()
    assert serve(tmp_path, now=NOW + timedelta(days=61)) == HOSTS


def test_it_is_known_when_the_first_is_to_be_renewed(tmp_path: Path) -> None:
    assert ca.renewal(tmp_path) is None
    serve(tmp_path)
    assert ca.renewal(tmp_path) == (NOW + timedelta(days=60)).timestamp()
    (tmp_path / ".stackctl/tls/web.stack.localhost.pem").write_text("torn")
    assert ca.renewal(tmp_path) == 0.0


def test_what_another_authority_signed_is_signed_again(tmp_path: Path) -> None:
    serve(tmp_path)
    for file in ("root.key", "root.pem"):
        (tmp_path / ".stackctl/ca" / file).unlink()
    assert serve(tmp_path) == HOSTS


def test_the_certificate_of_a_host_that_is_gone_goes_too(tmp_path: Path) -> None:
    serve(tmp_path)
    serve(tmp_path, HOSTS[0])
    assert {path.stem for path in (tmp_path / ".stackctl/tls").iterdir()} == {HOSTS[0]}


def test_it_may_sign_for_private_names_and_the_stacks_domain_and_for_nothing_else(tmp_path: Path) -> None:
    serve(tmp_path, "web.home.example.org", domain="home.example.org")
    limits = pem(tmp_path, "ca/root.pem").extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    assert {"home.example.org", "localhost"} <= {name.value for name in limits.value.permitted_subtrees or ()}
    assert {str(name.value) for name in limits.value.excluded_subtrees or ()} == {"0.0.0.0/0", "::/0"}
    with pytest.raises(StackctlError, match="may not sign for"):
        serve(tmp_path, "www.example.com", domain="home.example.org")


def test_what_is_told_of_it_holds_no_key(tmp_path: Path) -> None:
    assert ca.find(tmp_path) is None
    serve(tmp_path)
    found = ca.find(tmp_path)
    assert found is not None
    assert found.certificate.name == "stackctl s local authority"
    assert [leaf.name for leaf in found.leaves] == ["*.apps.stack.localhost", "web.stack.localhost"]
    assert "PRIVATE" not in repr(found)


def test_an_expired_authority_says_how_to_make_another(tmp_path: Path) -> None:
    serve(tmp_path)
    with pytest.raises(StackctlError, match="expired") as failed:
        serve(tmp_path, now=NOW + timedelta(days=4000))
    assert "stackctl ca trust" in failed.value.hint
