"""What was read once is never more than a shortcut: no file in the cache changes what any command says."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stackctl import cache
from stackctl.commands.opened import find
from stackctl.read import halves
from stackctl.read.halves import Memory, from_json, read_half, to_json
from stackctl.render import render

REPOSITORY = Path(__file__).parent.parent
STACKS = (REPOSITORY, *sorted(path.parent for path in REPOSITORY.glob("tests/cases/*/stack.yaml")))
FILES = [
    (root, path)
    for root in STACKS
    for path in sorted(root.glob("spokes/*"))
    if path.suffix in (".md", ".yaml", ".yml")
]


def said(root: Path) -> tuple[object, object]:
    """All that follows from the files: findings, and the bytes that are rendered."""
    stack, findings = find(root)
    blocked = stack is None or any(finding.blocks for finding in findings)
    return findings, None if stack is None or blocked else render(stack)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A stack that was read once."""
    shutil.copy(REPOSITORY / "stack.yaml", tmp_path)
    shutil.copytree(REPOSITORY / "spokes", tmp_path / "spokes")
    (tmp_path / "spokes" / "wrong.yaml").write_text("image: nginx\nenviroment: {A: 1}\n")
    (tmp_path / ".stackctl").mkdir(mode=0o700)
    find(tmp_path)
    assert file(tmp_path).is_file()
    return tmp_path


def file(root: Path) -> Path:
    return root / ".stackctl" / "cache" / "read.json"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were really read from here on."""
    seen: list[str] = []

    def recorded(name: str, data: bytes) -> halves.Partial:
        seen.append(name)
        return read_half(name, data)

    monkeypatch.setattr(halves, "read_half", recorded)
    return seen


@pytest.mark.parametrize(("root_of", "path"), FILES, ids=lambda path: path.name)
def test_a_half_comes_back_as_it_was(root_of: Path, path: Path) -> None:
    """To the type of every value: `1` and `true` are equal in Python, but not in a Compose file."""
    name = f"spokes/{path.name}"
    half = read_half(name, path.read_bytes())
    back = from_json(to_json(half))
    assert back == half
    assert repr(back) == repr(half)


def test_the_second_run_reads_nothing_and_says_the_same(root: Path, read: list[str]) -> None:
    again = said(root)
    assert read == []
    shutil.rmtree(file(root).parent)
    assert said(root) == again
    assert "spokes/wrong.yaml" in read


def test_only_what_changed_is_read_and_what_is_gone_is_forgotten(root: Path, read: list[str]) -> None:
    lines = len(file(root).read_bytes().splitlines())
    (root / "spokes" / "wrong.yaml").unlink()
    page = root / "spokes" / "whoami.md"
    page.write_text(page.read_text().replace("8080", "80") + "\nmore prose\n")
    find(root)
    assert read == ["spokes/whoami.md"]
    assert len(file(root).read_bytes().splitlines()) == lines - 1


def test_a_file_of_another_name_with_the_same_content_is_another(root: Path, read: list[str]) -> None:
    shutil.copy(root / "spokes" / "wrong.yaml", root / "spokes" / "other.yaml")
    places = {finding.at.file for finding in find(root)[1] if finding.code == "SC102"}
    assert places == {"spokes/wrong.yaml", "spokes/other.yaml"}
    assert read == ["spokes/other.yaml"]


def sealed_by_another_version(content: bytes) -> bytes:
    _, _, body = content.partition(b"\n")
    return b"0123456789abcdef " + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "no seal": lambda content: content.partition(b"\n")[2],
    "one value changed": lambda content: content.replace(b"whoami", b"whoamj", 1),
    "of another version": sealed_by_another_version,
    "not text": lambda content: os.urandom(len(content)),
    "a pickle": lambda content: b"\x80\x04cos\nsystem\n(S'true'\ntR.",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_wrong_file_is_ignored_and_rebuilt(
    root: Path, read: list[str], damage: Callable[[bytes], bytes]
) -> None:
    right, expected = file(root).read_bytes(), said(root)
    file(root).write_bytes(damage(right))
    assert said(root) == expected
    assert "spokes/wrong.yaml" in read
    assert file(root).read_bytes() == right


def test_a_file_of_another_user_is_ignored(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert cache.remembered(root).half("x.yaml", b"") == read_half("x.yaml", b"")
    assert not cache.remembered(root)._known


def test_it_is_nobody_elses_to_read(root: Path) -> None:
    assert file(root).parent.stat().st_mode & 0o777 == 0o700
    assert file(root).stat().st_mode & 0o777 == 0o600


def test_reading_makes_no_state_directory(root: Path) -> None:
    shutil.rmtree(root / ".stackctl")
    find(root)
    assert not (root / ".stackctl").exists()


@pytest.fixture
def unwritable(root: Path) -> Path:
    """Where nothing can be written, whoever runs this: a file stands where the folder should be."""
    shutil.rmtree(file(root).parent)
    file(root).parent.write_text("in the way")
    return root


def test_where_nothing_can_be_written_everything_is_read(unwritable: Path, read: list[str]) -> None:
    said(unwritable)
    assert "spokes/wrong.yaml" in read


def test_memory_knows_whether_there_is_news() -> None:
    first = Memory()
    first.half("spokes/a.yaml", b"image: nginx:1\n")
    assert first.news
    second = Memory(first.kept)
    second.half("spokes/a.yaml", b"image: nginx:1\n")
    assert not second.news
