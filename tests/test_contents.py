"""The content of files that containers are made with: a change is noticed, and nothing of it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackctl import contents, files
from stackctl.commands.opened import look_at_host, open_stack
from stackctl.commands.render import known_applied
from stackctl.events import Said
from stackctl.fingerprint import applied, changed
from stackctl.model import Fingerprint

KEY = b"k" * 32
MANIFEST = """\
kind: app
image: alpine:3.20
env_file: app.env
secrets: [pw]
configs: [conf]
volumes:
  - {outside}:/etc/outside.conf:ro
  - {data}:/data.db
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "stack"
    (root / "spokes").mkdir(parents=True)
    for name in ("outside", "data"):
        (tmp_path / name).write_text("1")
    (root / "stack.yaml").write_text(
        "name: s\nsecrets: {pw: {file: ./pw.txt}}\nconfigs: {conf: {file: '${CONF}'}}\n"
    )
    (root / "spokes" / "a.yaml").write_text(
        MANIFEST.format(outside=tmp_path / "outside", data=tmp_path / "data")
    )
    (root / ".env.example").write_text("CONF=./conf.txt\n")
    (root / ".env").write_text("CONF=./conf.txt\n")
    (root / "app.env").write_text("A=hunter1\n")
    (root / "pw.txt").write_text("hunter1")
    (root / "conf.txt").write_text("hunter1")
    return root


def label(root: Path) -> str:
    opened = open_stack(root)
    return known_applied(opened, look_at_host(opened, {}), {"a": "sha256:1"})["a"]


@pytest.mark.parametrize(
    ("path", "key"),
    [("app.env", "env_file"), ("pw.txt", "secrets"), ("conf.txt", "configs"), ("../outside", "volumes")],
)
def test_a_changed_file_is_named_by_its_key_and_shows_nothing(root: Path, path: str, key: str) -> None:
    before = label(root)
    (root / path).write_text("A=hunter2")
    after = label(root)
    assert changed(before, after) == (False, (f"@{key}",))
    assert "hunter" not in before + after
    opened = open_stack(root)
    assert "hunter" not in repr(look_at_host(opened, {}))


def test_data_and_remarks_change_nothing(root: Path) -> None:
    before = label(root)
    (root / "../data").write_text("2")
    (root / "app.env").write_text("# a remark\nA=hunter1\n")
    assert changed(before, label(root)) == (False, ())


def test_a_label_from_before_files_counted_says_nothing(root: Path) -> None:
    old = ".".join(label(root).split(".")[:4])
    (root / "app.env").write_text("A=hunter2\n")
    assert changed(old, label(root)) == (False, ())


def test_a_file_that_cannot_be_read_is_said_and_counts_for_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = label(root)
    real = files.content_of

    def refused(path: Path) -> bytes:
        if path.name == "app.env":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(files, "content_of", refused)
    view = look_at_host(open_stack(root), {})
    assert [e.message for e in view.unread() if isinstance(e, Said) and e.warning] == [
        "a: `app.env` cannot be read here, so a change of its content is not noticed"
    ]
    assert changed(before, label(root)) == (False, ())


def test_without_files_the_label_stays_as_it_was() -> None:
    assert contents.Contents().macs("a", KEY) == {}
    assert len(applied(Fingerprint("d" * 64, {}), {}, "sha256:1", KEY).split(".")) == 4
