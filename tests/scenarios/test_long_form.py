"""The long form that reading makes of a manifest means to Compose what the manifest itself means."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stackctl.read.manifest import read_manifest
from stackctl.read.text import Source

pytestmark = pytest.mark.engine

MANIFEST = """\
image: x:1
command: sh -c 'echo $$A'
entrypoint: /bin/sh
environment: [A=1, B=x=y, "C="]
labels: {a: 1, b: true}
ports: [8080:80, "127.0.0.1::90", "81-82:80-81/udp", {target: 5, published: "6"}]
volumes: ["data:/d", "/srv:/y:ro", "/only", {type: tmpfs, target: /t, tmpfs: {size: 64m, mode: 0700}}]
networks: [proxy]
depends_on: [b]
secrets: [token, {source: token, target: other, mode: 0440}]
healthcheck: {test: curl x, interval: 90s}
tmpfs: /run
dns: 1.1.1.1
ulimits: {nofile: 5, nproc: {soft: 1, hard: 2}}
cap_drop: [ALL]
sysctls: {net.core.somaxconn: 1024}
extra_hosts: ["a:1.2.3.4"]
expose: [80, "90"]
group_add: [1, "2"]
init: true
stop_grace_period: 5s
logging: {driver: json-file, options: {max-size: 10m}}
deploy: {resources: {limits: {cpus: "0.5", memory: 64m}}}
annotations: [k=v]
build: {context: ., args: [A=1], labels: {x: 1}}
env_file: a.env
user: "1000"
read_only: true
"""
REST = """
  b: {image: y}
volumes: {data: {}}
networks: {proxy: {}}
secrets: {token: {file: ./token}}
"""


def read_by_compose(folder: Path, services: str) -> Any:
    (folder / "docker-compose.yml").write_text(f"services:\n{services}{REST}")
    command = ["docker", "compose", "config", "--format", "json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["services"]["a"]


def without_defaults(service: dict[str, Any]) -> dict[str, Any]:
    """Compose's own defaults, and the one option in which stackctl differs on purpose, left out."""
    for mount in service["volumes"]:
        for key in ("bind", "volume"):
            mount.pop(key, None)
    service["networks"] = sorted(service["networks"])
    return service


def test_both_forms_are_the_same_to_compose(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x")
    (tmp_path / "a.env").write_text("")
    partial = read_manifest(Source("spokes/a.yaml", MANIFEST))
    assert partial.findings == ()
    short = "  a:\n" + "".join(f"    {line}\n" for line in MANIFEST.splitlines())
    long = f"  a: {json.dumps(dict(partial.service))}"
    assert without_defaults(read_by_compose(tmp_path, long)) == without_defaults(
        read_by_compose(tmp_path, short)
    )
