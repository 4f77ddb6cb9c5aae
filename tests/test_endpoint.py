"""Which socket a stack's own proxy must filter: that of the Engine on which it runs."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from stackctl.endpoint import as_inside, leading_to, other_socket, socket_group


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("", ""),
        ("unix:///var/run/docker.sock", ""),
        ("unix:///run/user/1000/docker.sock", "/run/user/1000/docker.sock"),
        ("tcp://127.0.0.1:2375", ""),
        ("ssh://somewhere", ""),
        ("nonsense", ""),
    ],
)
def test_only_another_socket_of_this_machine_takes_the_place_of_the_declared_one(
    host: str, path: str
) -> None:
    assert other_socket({"DOCKER_HOST": host, "HOME": "/nowhere"}) == path


@pytest.mark.parametrize(
    ("group", "ranges", "inside"),
    [
        (998, "0 0 4294967295", "998"),
        (1000, "0 1000 1\n1 100000 65536", "0"),
        (100104, "0 1000 1\n1 100000 65536", "105"),
        (27, "0 1000 1\n1 100000 65536", ""),
    ],
)
def test_in_the_namespace_of_a_rootless_engine_groups_have_other_numbers(
    group: int, ranges: str, inside: str
) -> None:
    assert as_inside(group, ranges) == inside


def test_the_group_of_a_socket_is_asked_of_whoever_listens_there(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    assert socket_group(str(path)) == ""
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(path))
        engine.listen()
        own = Path("/proc/self/gid_map").read_text()
        assert socket_group(str(path)) == as_inside(path.stat().st_gid, own) != ""
    assert socket_group(str(path)) == str(path.stat().st_gid), "nobody listens, so nobody can be asked"


def test_what_leads_to_a_socket_is_found_by_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    engine = folder / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(engine))
    (tmp_path / "link").symlink_to(engine)
    (tmp_path / "folder").symlink_to(folder)
    (tmp_path / "hard").hardlink_to(engine)
    (tmp_path / "other").mkdir()
    leading = [str(tmp_path / name) for name in ("link", "folder", "hard", "run", "run/engine.sock")]
    others = [str(tmp_path / name) for name in ("other", "runx", "run/engine.sock.txt")]
    assert leading_to([str(engine), "/nowhere/x.sock"], [*leading, *others]) == frozenset(leading)
