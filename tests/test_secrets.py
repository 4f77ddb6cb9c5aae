from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from stackctl import secrets
from stackctl.compose import Compose
from stackctl.errors import StackctlError
from stackctl.fingerprint import applied, changed, secret_mac
from stackctl.model import Fingerprint, Kind, SecretSource, Spoke, Stack, secret_of, secret_reference
from stackctl.plain import plain
from stackctl.process import redacted
from stackctl.read.variables import interpolate
from stackctl.secrets import Held, Secret

VALUE = 'pa$$word "it\'s" \\ done'
KEY = b"k" * 32


def stack(**sources: SecretSource) -> Stack:
    spoke = Spoke("web", Kind.APP, {"secrets": [{"source": name} for name in sources]})
    return Stack("s", (spoke,), secret_sources=sources)


def read(root: Path, variables: dict[str, str] | None = None, **source: Any) -> str:
    found = secrets.read(stack(it=SecretSource(**source)), ["web"], root, {**os.environ, **(variables or {})})
    return found.values["it"].reveal()


# ---- a value does not print


@pytest.mark.parametrize(
    "show", [repr, str, lambda s: f"{s}", lambda s: f"{s!r:>3}", lambda s: str([s, {1: s}])]
)
def test_a_secret_shows_nothing_however_it_is_printed(show: Any) -> None:
    for value in (Secret(VALUE), Held({"it": Secret(VALUE)}), Compose("p", Path(), {"A": VALUE}, (VALUE,))):
        assert "word" not in show(value)


def test_a_secret_is_not_written_by_accident() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(VALUE))
    with pytest.raises(TypeError):
        json.dumps(plain(Held({"it": Secret(VALUE)})))


@pytest.mark.parametrize(
    "form", [str, repr, json.dumps, lambda v: v.replace("$", "$$"), lambda v: repr({"A": v})]
)
def test_a_secret_is_taken_out_in_whatever_way_a_program_quotes_it(form: Any) -> None:
    said = redacted(f"before {form(VALUE)} after", Secret(VALUE).spellings())
    assert said.startswith("before ")
    assert said.endswith(" after")
    assert "word" not in said


def test_each_line_of_a_long_secret_is_taken_out_by_itself() -> None:
    key = "-----BEGIN KEY-----\nAbCdEfGhIjKl\nxyz=\n-----END KEY-----\n"
    assert redacted("line 2: AbCdEfGhIjKl!", Secret(key).spellings()) == "line 2: [redacted]!"


# ---- sources


def test_each_kind_of_source_gives_its_value(tmp_path: Path) -> None:
    (tmp_path / "value").write_text(VALUE + "\n")
    assert read(tmp_path, file="value") == VALUE
    assert read(tmp_path, file=str(tmp_path / "value")) == VALUE
    assert read(tmp_path, {"V": VALUE}, env="V") == VALUE
    assert read(tmp_path, command=("cat", "value")) == VALUE
    assert read(tmp_path, command=("echo", "$HOME;", "id")) == "$HOME; id", "no shell runs"


def test_a_value_of_several_lines_is_kept_to_its_last_newline(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("BEGIN\nEND\n")
    assert read(tmp_path, file="key") == "BEGIN\nEND\n"
    assert read(tmp_path, command=("cat", "key")) == "BEGIN\nEND\n"


def test_only_the_secrets_of_the_chosen_spokes_are_read(tmp_path: Path) -> None:
    whole = stack(it=SecretSource(command=("false",)))
    assert secrets.read(whole, [], tmp_path, os.environ).values == {}


@pytest.mark.parametrize(
    ("source", "variables", "missing"),
    [
        (SecretSource(env="V"), {}, ("it (the variable V)",)),
        (SecretSource(env="V"), {"V": VALUE}, ()),
        (SecretSource(file="there"), {}, ("it (there)",)),
        (SecretSource(command=("false",)), {}, ()),
    ],
)
def test_what_has_no_value_is_named_and_no_program_is_started_for_it(
    tmp_path: Path, source: SecretSource, variables: dict[str, str], missing: tuple[str, ...]
) -> None:
    whole = stack(it=source)
    names = [spoke.name for spoke in whole.spokes]
    assert secrets.lacking(whole, names, tmp_path, variables) == missing
    assert secrets.lacking(whole, [], tmp_path, variables) == ()


def test_a_command_that_fails_shows_what_it_said_but_not_what_it_gave(tmp_path: Path) -> None:
    with pytest.raises(StackctlError) as failed:
        read(tmp_path, command=("sh", "-c", "echo topsecret; echo wrong key, topsecret >&2; exit 2"))
    assert "the secret it" in failed.value.message
    assert "exit code 2" in failed.value.detail
    assert failed.value.detail.endswith("wrong key, [redacted]")


def test_a_command_that_does_not_end_is_stopped_and_shows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "_PATIENCE", 0.2)
    with pytest.raises(StackctlError) as late:
        read(tmp_path, command=("sh", "-c", "echo topsecret; exec tail -f /dev/null"))
    assert "did not end" in late.value.message
    assert "topsecret" not in late.value.message + late.value.detail


@pytest.mark.parametrize("content", [b"", b"\n", b"a\0b", b"\xff\xfe"])
def test_what_is_no_text_or_nothing_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "value").write_bytes(content)
    with pytest.raises(StackctlError, match="the secret it"):
        read(tmp_path, file="value")


# ---- files


@pytest.mark.parametrize(
    ("me", "grant", "user", "owners", "expected"),
    [
        (0, {}, "65534:65534", True, ((65534, 65534), 0o400)),
        (0, {}, "1000", True, ((1000, 0), 0o400)),
        (1000, {}, "1000:1000", True, ((1000, 1000), 0o400)),
        (1000, {}, "65534", True, ((1000, 1000), 0o444)),
        (0, {}, "nobody", True, ((0, 0), 0o444)),
        (0, {}, "", True, ((0, 0), 0o444)),
        (0, {}, "65534", False, ((0, 0), 0o444)),
        (0, {"uid": "70", "gid": "71", "mode": 0o440}, "", True, ((70, 71), 0o440)),
    ],
)
def test_a_file_is_its_users_alone_where_the_user_is_known_and_readable_inside_where_not(
    monkeypatch: pytest.MonkeyPatch, me: int, grant: dict[str, Any], user: str, owners: bool, expected: object
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: me)
    monkeypatch.setattr(os, "getegid", lambda: me)
    assert secrets._access(grant, user, owners=owners) == expected


def test_files_are_written_once_and_removed_when_nobody_names_them(tmp_path: Path) -> None:
    whole = stack(it=SecretSource(env="V"))
    held = Held({"it": Secret(VALUE)})
    for _ in range(2):
        secrets.materialise(whole, {"web": {}}, held, tmp_path, owners=True)
    path = tmp_path / ".stackctl" / "secrets" / "web" / "it"
    assert path.read_text() == VALUE
    inode = path.stat().st_ino
    secrets.materialise(whole, {"web": {}}, held, tmp_path, owners=True)
    assert path.stat().st_ino == inode
    assert VALUE in secrets.at_hand(whole, tmp_path, {})
    secrets.remove_unnamed(whole, tmp_path)
    assert path.exists()
    secrets.remove_unnamed(Stack("s", ()), tmp_path)
    assert not path.parent.exists()


# ---- references and fingerprints


def test_a_reference_names_its_secret_and_never_stands_for_nothing() -> None:
    reference = secret_reference("db-password")
    assert secret_of(reference) == "db-password"
    assert secret_of("${DB_PASSWORD}") == secret_of(None) == ""
    assert interpolate(reference, {"STACKCTL_SECRET_DB_PASSWORD": VALUE}) == VALUE
    with pytest.raises(LookupError):
        interpolate(reference, {})


def test_values_of_variables_that_the_files_name_are_taken_out_of_what_compose_says(tmp_path: Path) -> None:
    declared = {
        "a": [{"b": "x${PW}", "c": "$$NO"}],
        "d": "${SHORT} ${OWN} ${DIR} ${GONE:-${INNER}}",
        "e": "$",
    }
    variables = {
        "PW": VALUE,
        "SHORT": "abcde",
        "OWN": "s-web",
        "DIR": str(tmp_path),
        "INNER": "inside",
        "NO": "not named",
        "OTHER": "not named either",
    }
    found = secrets.of_variables(stack(), declared, variables)
    assert redacted(f"{variables!r} {VALUE}", found).count("word") == 0
    assert redacted("abcde s-web inside", found) == "abcde s-web [redacted]"
    assert redacted(f"{tmp_path} not named", found) == f"{tmp_path} not named"


def test_the_applied_fingerprint_says_which_secret_changed_and_no_value() -> None:
    def label(key: bytes = KEY, stanza: str = "a", **values: str) -> str:
        macs = {name: secret_mac(name, value, key) for name, value in values.items()}
        return applied(Fingerprint("d" * 64, {}), {"image": stanza}, "sha256:1", key, macs)

    before = label(a="1", b="2")
    assert changed(before, label(a="1", b="2")) == (False, ())
    assert changed(before, label(a="1", b="3")) == (False, ("b",))
    assert changed(before, label(stanza="other", a="1", b="3")) == (True, ("b",))
    assert changed(before, label(key=b"other" * 8, a="1", b="3")) == (False, ())
    assert changed("", before) == changed(before, "") == (False, ())
    assert secret_mac("a", "1", KEY) != secret_mac("b", "1", KEY), "equal values do not show"
