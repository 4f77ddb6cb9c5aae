"""A strict proxy that listens on a socket in a volume, with a real HAProxy."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from recording import address, recorder, running, strict

from stackctl.api import consumer
from stackctl.haproxy import config, volume_name, volumes

pytestmark = pytest.mark.engine

ASK = """
import http.client, socket, sys, time
for target in sys.argv[1:]:
    for _ in range(100):
        try:
            connection = http.client.HTTPConnection("docker")
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect("/run/docker-api/docker.sock")
            break
        except OSError:
            time.sleep(0.05)
    connection.request("GET", target)
    print(connection.getresponse().status)
"""


def test_a_unix_socket_in_a_volume_is_a_way_for_its_consumers_alone(tmp_path: Path) -> None:
    traefik = consumer("traefik")
    assert traefik
    listen = "/run/docker-api/docker.sock"
    path = tmp_path / "haproxy.cfg"
    path.write_text(config(traefik.required, listen=listen))
    [options] = volumes("proxy", listen).values()
    proxy = strict("unix", path, {"/run/docker-api": options})
    with (
        recorder(tmp_path / "engine.sock") as engine,
        running([proxy], tmp_path / "engine.sock") as containers,
    ):
        container = containers["unix"]
        said = container.client.containers.run(
            "stackctl.local/python:3.13-alpine",
            ["python3", "-c", ASK, "/version", "/images/json"],
            remove=True,
            labels=container.labels,
            user="1000:1000",
            read_only=True,
            network_mode="none",
            volumes={container.name: {"bind": "/run/docker-api", "mode": "ro"}},
        )
        assert said.split() == [b"200", b"403"], container.logs().decode()
        assert [request.target for request in engine.arrived] == ["/version"]
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address(container), 2375), 1)
    assert volume_name("proxy") == "proxy-api"
