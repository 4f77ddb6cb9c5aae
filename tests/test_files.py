"""The stack's folder: what is read from it, what differs on this host, and how it is written into."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from stackctl import files
from stackctl.errors import StackctlError, UsageError
from stackctl.model import Host, Port, Stack
from stackctl.read.stack import read_stack


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def stack_in(folder: Path, manifest: str) -> tuple[Stack, list[tuple[str, str]]]:
    (folder / "spokes").mkdir(exist_ok=True)
    (folder / "stack.yaml").write_text("name: homelab\n")
    (folder / "spokes" / "a.yaml").write_text(manifest)
    reading = read_stack(files.load(folder))
    assert reading.stack is not None
    stack, findings = files.with_mounted(reading.stack, folder)
    return stack, [(finding.code, str(finding.at)) for finding in findings]


def test_the_nearest_folder_above_with_a_stack_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stack.yaml").write_text("name: a")
    deep = tmp_path / "b" / "c"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert files.find_root() == tmp_path
    with pytest.raises(UsageError, match=r"has no stack\.yaml"):
        files.find_root(deep)


def test_only_the_files_of_the_stack_are_loaded(tmp_path: Path) -> None:
    for name in ("stack.yaml", "spokes/a.md", "spokes/b.yml", "spokes/c.txt", "spokes/d/e.md", "other.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    for name in (".env", ".env.example", "templates/kinds/app.yaml.j2"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert list(files.load(tmp_path)) == [
        ".env.example",
        "spokes/a.md",
        "spokes/b.yml",
        "stack.yaml",
        "templates/kinds/app.yaml.j2",
    ]


def test_an_unreadable_file_is_an_error_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stack.yaml").write_text("x")

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(StackctlError, match=r"stack\.yaml cannot be read: Permission denied"):
        files.load(tmp_path)


def test_mounted_configuration_is_read_and_data_is_not(tmp_path: Path) -> None:
    for name in (
        "config/a.toml",
        "config/sub/b.toml",
        "settings/c",
        "app/Dockerfile",
        "data/d",
        "one",
        "x/.git/y",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    stack, findings = stack_in(
        tmp_path,
        "build: ./app\nsettings_dir: settings\nvolumes:\n"
        "  - ./config:/config:ro\n  - ./data:/data\n  - ./one:/one\n  - ./x:/x:ro\n"
        "  - ../outside:/o\n  - /etc/hosts:/etc/hosts:ro\n  - ${DIR}/x:/y\n  - named:/n\n",
    )
    assert findings == []
    assert stack.files == {
        "app/Dockerfile": b"app/Dockerfile",
        "config/a.toml": b"config/a.toml",
        "config/sub/b.toml": b"config/sub/b.toml",
        "one": b"one",
        "settings/c": b"settings/c",
    }


def test_what_is_missing_is_told_at_the_line_that_mounts_it(tmp_path: Path) -> None:
    _, findings = stack_in(
        tmp_path, "image: a\nvolumes:\n  - named:/n\n  - ./gone:/gone\nsettings_dir: none\n"
    )
    assert findings == [("SC106", "spokes/a.yaml:4:5"), ("SC106", "spokes/a.yaml:5:1")]


def test_links_are_not_followed_and_large_files_are_hashed(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "link").symlink_to("/etc")
    (folder / "large").write_bytes(b"x" * (2 << 20))
    stack, _ = stack_in(tmp_path, "image: a\nvolumes: [./config:/config:ro]\n")
    assert stack.files["config/link"] == b"link to /etc"
    assert stack.files["config/large"].startswith(b"sha256:")
    assert len(stack.files) == 2


def test_a_path_of_the_host_that_is_missing_is_told(tmp_path: Path) -> None:
    stack, _ = stack_in(tmp_path, "image: a\nvolumes: [named:/n, /gone:/g, /tmp:/t]\n")
    spoke = stack.spoke("a")
    [finding] = files.missing_paths(spoke, spoke.service)
    assert (finding.code, str(finding.at), finding.spoke) == ("SC602", "spokes/a.yaml:2:21", "a")
    created = {"volumes": [{"type": "bind", "source": "/gone", "bind": {"create_host_path": True}}]}
    assert files.missing_paths(spoke, created) == ()


def test_what_compose_reads_for_a_spoke_must_be_there(tmp_path: Path) -> None:
    manifest = (
        "build: {context: app, dockerfile: '${FILE}'}\n"
        "env_file: [1, there.env, gone.env, {path: may.env, required: false}]\n"
        "secrets: [here, gone, env]\nconfigs: [inline]\n"
    )
    write(tmp_path, **{"there.env": "", "app__Dockerfile": "", "here": "", "spokes__a.yaml": manifest})
    write(
        tmp_path,
        **{
            "stack.yaml": "name: homelab\nconfigs: {inline: {content: x}}\n"
            "secrets: {here: {file: ./here}, gone: {file: '${WHERE}/gone'}, env: {environment: X}}\n"
        },
    )
    stack = read_stack(files.load(tmp_path)).stack
    assert stack is not None
    spoke = stack.spoke("a")
    missing = files.missing_inputs(stack, spoke, spoke.service, tmp_path, {"WHERE": "/no", "FILE": "Other"})
    assert [(f.code, str(f.at), f.message.split("`")[1]) for f in missing] == [
        ("SC602", "spokes/a.yaml:2:26", "gone.env"),
        ("SC602", "spokes/a.yaml:1:23", "app/Other"),
        ("SC602", "spokes/a.yaml:3:17", "/no/gone"),
    ]
    assert len(files.missing_inputs(stack, spoke, spoke.service, tmp_path, {"FILE": "Dockerfile"})) == 1


def test_the_environment_wins_over_the_env_file_over_the_user(tmp_path: Path) -> None:
    write(tmp_path, **{".env": "A=file\nB=file\nUID=7\nnonsense line\n"})
    host, findings = files.read_host(tmp_path, {"A": "outer"})
    assert host.variables == {"A": "outer", "B": "file", "UID": "7", "GID": str(os.getgid())}
    assert [(finding.code, str(finding.at)) for finding in findings] == [("SC103", ".env:4:1")]


def test_what_differs_on_this_host(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "stack.local.yaml": "images: {a: local/a:1}\nprober_image: local/p\nsocket: /s.sock\n"
            'ports: {a: ["127.0.0.1:8080:80", "53:53/udp"], b: []}\n'
        },
    )
    host, findings = files.read_host(tmp_path, {}, ["a", "b"])
    assert findings == ()
    assert (host.images, host.prober_image, host.socket) == ({"a": "local/a:1"}, "local/p", "/s.sock")
    assert host.ports == {"a": (Port(80, "8080", "127.0.0.1"), Port(53, "53", "", "udp")), "b": ()}


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("image: {a: b}", "SC102", "1:1"),
        ("images: {c: b}", "SC102", "1:10"),
        ("images: {a: 1}", "SC103", "1:10"),
        ("images: a", "SC103", "1:1"),
        ("ports: {a: 80}", "SC103", "1:9"),
        ("ports: {a: [x]}", "SC103", "1:13"),
        ("socket: [a]", "SC103", "1:1"),
        ("- a", "SC103", "1:1"),
        ("a: [", "SC101", "1:5"),
    ],
)
def test_mistakes_in_the_local_file_are_errors(tmp_path: Path, text: str, code: str, place: str) -> None:
    write(tmp_path, **{"stack.local.yaml": text})
    host, findings = files.read_host(tmp_path, {}, ["a"])
    assert [(f.code, str(f.at)) for f in findings] == [(code, f"stack.local.yaml:{place}")]
    assert (host.images in ({}, {"c": "b"}), host.socket) == (True, "")


def test_nothing_local_is_nothing_different(tmp_path: Path) -> None:
    host, findings = files.read_host(tmp_path, {"UID": "1", "GID": "2"})
    assert (host, findings) == (Host(variables={"UID": "1", "GID": "2"}), ())


def test_a_file_is_written_whole_and_only_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    assert files.write_atomically(path, b"one", 0o600)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"one", 0o600)
    before = path.stat().st_ino
    assert not files.write_atomically(path, b"one", 0o600)
    assert path.stat().st_ino == before
    assert files.write_atomically(path, b"one", 0o644)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert files.write_atomically(path, b"two", 0o644)
    assert path.read_bytes() == b"two"


def test_a_failed_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        files.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_state_folder_belongs_to_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / ".stackctl"
    folder.mkdir(mode=0o755)
    assert files.state_dir(tmp_path) == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
