"""One stack with every kind of route, behind either edge, and a client that asks the edge itself."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.scenarios.shipped import ShippedStack

# Of the password `open sesame`, at the least cost that bcrypt has.
HASH = "$2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"
DOMAIN = "stack.localhost"
APPS = Path(__file__).parent / "everything.py"
IMAGES = {
    "traefik": "stackctl.local/traefik:v3.7",
    "caddy": "stackctl.local/caddy:2",
    "docker-socket-proxy": "stackctl.local/docker-socket-proxy:v0.4.2",
}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


@dataclass(frozen=True)
class Edged:
    """A running stack and the addresses at which its edge is published."""

    stack: ShippedStack
    edge: str
    ports: Mapping[int, tuple[str, int]] = field(default_factory=dict)

    @property
    def authority(self) -> Path:
        return self.stack.root / ".stackctl" / "ca" / "root.pem"

    def raw(self, port: int) -> socket.socket:
        return socket.create_connection(self.ports[port], timeout=20)

    def connect(self, host: str, *, tls: bool = False, authority: Path | None = None) -> socket.socket:
        raw = self.raw(443 if tls else 80)
        if not tls:
            return raw
        trust = ssl.create_default_context(cafile=str(authority or self.authority))
        return trust.wrap_socket(raw, server_hostname=host)

    def connect_trusting_others(self, host: str) -> None:
        """A handshake with only the machine's own authorities."""
        with self.raw(443) as raw:
            ssl.create_default_context().wrap_socket(raw, server_hostname=host)

    def ask(
        self,
        host: str,
        path: str = "/",
        *,
        method: str = "GET",
        tls: bool = False,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        authority: Path | None = None,
    ) -> Answer:
        """One request on a connection of its own, to the published address: no resolver is asked."""
        connection = http.client.HTTPConnection(host)
        connection.sock = self.connect(host, tls=tls, authority=authority)
        try:
            connection.request(method, path, body, {"Host": host, **(headers or {})})
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def looked_up(self) -> Edged:
        """With the ports that the Engine gave to the edge's container."""
        listed = self.stack.docker("port", self.stack.container(self.edge))
        found = {}
        for line in listed.splitlines():
            if match := re.match(r"(\d+)/(\w+) -> ([\d.]+):(\d+)", line):
                found[int(match[1])] = (match[3], int(match[4]))
        return replace(self, ports=found)


def write(
    root: Path, name: str, edge: str, routes: str, spokes: Mapping[str, Mapping[str, Any]], **more: Any
) -> ShippedStack:
    """A stack of these spokes, behind both edges of which `edge` is chosen."""
    (root / "spokes").mkdir(exist_ok=True)
    (root / "app").mkdir(exist_ok=True)
    shutil.copy(APPS, root / "app" / "everything.py")
    (root / "stack.yaml").write_text(
        json.dumps({"name": name, "edge": {"name": edge, "routes": routes}, **more})
    )
    ports = [f"127.0.0.1:{port}:{port}" for port in (80, 443, 5432)] + ["127.0.0.1:5353:5353/udp"]
    edges: dict[str, dict[str, Any]] = {
        "traefik": {
            "image": "traefik:v3.7.1",
            "kind": "edge",
            "networks": ["proxy", *(["socket"] if routes == "labels" else [])],
            "ports": ports,
            "route": [{"host": "board", "dashboard": True, "auth": {"basic": {"alice": HASH}}}],
        },
        "caddy": {
            "image": "caddy:2.10",
            "kind": "edge",
            "networks": ["proxy"],
            "ports": ports[:2],
            "cap_add": ["NET_BIND_SERVICE"],
        },
        "docker-socket-proxy": {
            "image": "tecnativa/docker-socket-proxy:v0.4.2",
            "networks": ["socket"],
            "volumes": ["/var/run/docker.sock:/var/run/docker.sock:ro"],
            "policy": {"consumers": ["traefik"]},
        },
    }
    for spoke, manifest in {**edges, **spokes}.items():
        if routes == "files" and spoke == "docker-socket-proxy":
            continue
        (root / "spokes" / f"{spoke}.yaml").write_text(json.dumps(manifest))
    free = {
        "traefik": ["127.0.0.1::80", "127.0.0.1::443", "127.0.0.1::5432", "127.0.0.1::5353/udp"],
        "caddy": ["127.0.0.1::80", "127.0.0.1::443"],
    }
    images = {name: IMAGES[name] for name in IMAGES if (root / "spokes" / f"{name}.yaml").exists()}
    local = {"images": images, "prober_image": "stackctl.local/python:3.13-alpine", "ports": free}
    local["images"] |= dict.fromkeys(spokes, "stackctl.local/python:3.13-alpine")
    (root / "stack.local.yaml").write_text(json.dumps(local))
    return ShippedStack(root, name)


def app(name: str, *routes: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The manifest of an app that tells what arrived."""
    return {
        "image": "python:3.13-alpine",
        "command": ["python3", "-u", "/app/everything.py"],
        "environment": {"NAME": name},
        "volumes": ["./app:/app:ro"],
        "networks": ["proxy"],
        "route": list(routes),
        "healthcheck": {
            # Not Python: asked every second in each container, it would be most of what this machine does.
            "test": ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"],
            "interval": "1s",
            "timeout": "5s",
            "start_period": "20s",
        },
        **more,
    }


STREAMS = (
    {"host": "slow", "port": 8080, "rate_limit": {"rate": "2/m", "burst": 3}},
    {"protocol": "tcp", "listen": 5432, "port": 5432},
    {"protocol": "udp", "listen": 5353, "port": 5353},
)
EVERY_ROUTE = {
    "hub": app(
        "hub",
        {"host": "hub", "port": 8080},
        {"host": ["one", "two.test"], "port": 8080},
        {"host": "locked", "port": 8080, "auth": {"basic": {"alice": HASH}}},
        {
            "host": "guarded",
            "port": 8080,
            "auth": {
                "forward": {
                    "spoke": "login",
                    "port": 8080,
                    "path": "/decide",
                    "headers": ["Remote-User", "Remote-Asked"],
                }
            },
        },
        {"host": "safe", "port": 8080, "secure_headers": True, "headers": {"X-Robots-Tag": "noindex"}},
        {"host": "small", "port": 8080, "max_body": "1k"},
        {"host": "packed", "port": 8080, "compress": True},
        {"host": "secret", "port": 8080, "tls": "internal", "secure_headers": True},
        {"host": "*.wild-secret", "port": 8080, "tls": "internal", "redirect": False},
        {"host": "vault", "port": 8080, "tls": "internal", "auth": {"basic": {"alice": HASH}}},
    ),
    "wild": app("wild", {"host": "*.apps", "port": 8080}),
    "exact": app("exact", {"host": "exact.apps.stack.localhost", "port": 8080}),
    "agent-1": app("agent-1", {"host": "hub", "port": 8080, "path": "/agent/1/", "strip": True}),
    "agent-10": app("agent-10", {"host": "hub", "port": 8080, "path": "/agent/10", "strip": False}),
    "login": app("login"),
    "many": app("many", {"host": "many", "port": 8080, "sticky": True, "health": "/"}, scale=2),
}
