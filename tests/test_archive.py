"""An archive is believed only where every part is what its list says."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from stackctl import archive
from stackctl.archive import Image, NotAnArchive
from stackctl.errors import Exit

FILES = {"stack.yaml": b"name: s\n", "spokes/web.yaml": b"image: web:1\n"}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    saved = tmp_path / "saved"
    saved.write_bytes(b"images" * 1000)
    target = tmp_path / "s.tar"
    archive.write(
        target, "s", "1.0", FILES, (), {"web": Image("web:1", "sha256:1")}, Image("p", "sha256:2"), saved
    )
    return target


def changed(path: Path, name: str, data: bytes | None, **listed: Any) -> Path:
    """The archive with one member changed or taken out, and its list with other entries."""
    with tarfile.open(path) as old:
        parts = {m.name: f.read() for m in old if (f := old.extractfile(m))}
    parts["stackctl.json"] = json.dumps({**json.loads(parts["stackctl.json"]), **listed}).encode()
    if data is None:
        parts.pop(name, None)
    else:
        parts[name] = data
    with tarfile.open(path, "w") as new:
        for member, content in parts.items():
            info = tarfile.TarInfo(member)
            info.size = len(content)
            new.addfile(info, io.BytesIO(content))
    return path


def read(path: Path) -> dict[str, bytes]:
    with archive.opened(path) as found:
        files = found.files()
        found.check_images()
        return files


def test_what_was_written_is_read_again(written: Path) -> None:
    assert read(written) == FILES
    with archive.opened(written) as found:
        assert found.contents.images == {"web": Image("web:1", "sha256:1")}
        file, size = found.images()
        assert len(file.read()) == size == 6000
    assert [p.name for p in written.parent.iterdir() if "partial" in p.name] == []


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("stack/stack.yaml", b"name: other\n"),
        ("stack/stack.yaml", None),
        ("images.tar", b"others"),
        ("images.tar", None),
    ],
)
def test_a_part_that_is_not_what_the_list_says_is_refused(
    written: Path, name: str, data: bytes | None
) -> None:
    with pytest.raises(NotAnArchive, match="damaged"):
        read(changed(written, name, data))


@pytest.mark.parametrize(
    "path", ["../evil", "/etc/passwd", "a/../../b", ".stackctl/host.key", ".git/config", ""]
)
def test_a_path_that_leads_out_of_the_folder_is_refused(written: Path, path: str) -> None:
    with pytest.raises(NotAnArchive, match="names a file outside"):
        read(changed(written, f"stack/{path}", b"", files={path: ""}))


def test_a_newer_archive_is_refused_as_such(written: Path) -> None:
    with pytest.raises(NotAnArchive, match="newer stackctl") as error:
        read(changed(written, "x", None, schema=2))
    assert error.value.exit_code is Exit.INVALID_FILES


@pytest.mark.parametrize("text", [b"", b"no archive at all", b"\0" * 2048])
def test_something_else_is_no_archive(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "x").write_bytes(text)
    with pytest.raises(NotAnArchive, match="no export of a stack"):
        read(tmp_path / "x")
