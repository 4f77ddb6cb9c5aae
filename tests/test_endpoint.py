"""Which socket a stack's own proxy must filter: that of the Engine on which it runs."""

from __future__ import annotations

import pytest

from stackctl.endpoint import other_socket


@pytest.mark.parametrize(
    ("host", "socket"),
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
    host: str, socket: str
) -> None:
    assert other_socket({"DOCKER_HOST": host, "HOME": "/nowhere"}) == socket
