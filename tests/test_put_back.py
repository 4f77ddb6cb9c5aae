"""Where nothing was changed, the files are as they were."""

from __future__ import annotations

import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from stackctl.commands.carry_out import _before, _undo
from stackctl.files import write_atomically
from stackctl.model import Kind, SecretSource, Spoke, Stack


@pytest.mark.parametrize("gone", [False, True])
def test_what_is_put_back_is_as_private_as_it_was(tmp_path: Path, gone: bool) -> None:
    """Also the file of a secret, which a container may read that starts again by itself."""
    spoke = Spoke("web", Kind.APP, {"secrets": [{"source": "token"}]})
    stack = Stack("home", (spoke,), secret_sources={"token": SecretSource(env="TOKEN")})
    path = tmp_path / ".stackctl" / "secrets" / "web" / "token"
    path.parent.mkdir(parents=True)
    if not gone:
        path.write_text("old")
        path.chmod(0o400)
    opened = SimpleNamespace(bundle=SimpleNamespace(files={}), stack=stack, root=tmp_path)
    made = SimpleNamespace(wanted={"web": None})
    before = _before(SimpleNamespace(root=tmp_path, opened=opened, made=made))  # type: ignore[arg-type]
    write_atomically(path, b"new", 0o444)
    assert list(_undo(tmp_path, before)) == []
    assert path.exists() is not gone
    if not gone:
        assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("old", 0o400)
