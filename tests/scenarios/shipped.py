"""The stack that this repository ships, under a name of its own, driven through the command line."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.json_lines import valid

REPOSITORY = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class ShippedStack:
    """A copy of `stack.yaml` and `spokes/` whose containers are this run's alone."""

    root: Path
    name: str
    images: Mapping[str, str] = field(default_factory=dict)

    def run(
        self, *words: str, environ: Mapping[str, str] | None = None, at: str = "."
    ) -> subprocess.CompletedProcess[str]:
        """The command, run in the stack's folder, or in one inside of it."""
        done = subprocess.run(
            [sys.executable, "-m", "stackctl", *words],
            cwd=self.root / at,
            env={**os.environ, **(environ or {})},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=180,
        )
        if "--json" in words:
            valid(words[0], done.stdout)
        return done

    def json(self, *words: str, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The document that the command prints, whatever its exit code."""
        done = self.run(*words, "--json", environ=environ)
        document = json.loads(done.stdout.splitlines()[-1])
        assert document["exit"] == done.returncode, done.stderr
        return dict(document)

    def start(self, *words: str, environ: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """The command in a process group of its own, to be interrupted."""
        return subprocess.Popen(
            [sys.executable, "-m", "stackctl", *words],
            cwd=self.root,
            env={**os.environ, **(environ or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def at_a_terminal(self, typed: str, *words: str) -> subprocess.CompletedProcess[str]:
        """The command at a terminal at which somebody types."""
        ours, theirs = pty.openpty()
        os.write(ours, typed.encode())
        argv = [sys.executable, "-m", "stackctl", *words]
        with subprocess.Popen(
            argv, cwd=self.root, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as child:
            out, _ = child.communicate(timeout=120)
        os.close(ours)
        os.close(theirs)
        return subprocess.CompletedProcess(argv, child.returncode, out, "")

    def docker(self, *words: str) -> str:
        done = subprocess.run(["docker", *words], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def container_ids(self) -> dict[str, str]:
        """Spoke -> id of its container, running or not."""
        listed = self.docker(
            *("ps", "-a", "--no-trunc", "--filter", f"label=com.docker.compose.project={self.name}"),
            *("--format", '{{.Label "com.docker.compose.service"}} {{.ID}}'),
        )
        return dict(sorted((line.split()[0], line.split()[1]) for line in listed.splitlines()))

    def container(self, spoke: str) -> str:
        return self.container_ids()[spoke]


SETTINGS = """### Key Settings

**Environment:**
- `CONTAINERS=1` — list and inspect containers
- `POST=0` — refuse every write

### Fingerprint Inputs
"""
MANIFEST = """kind: socket-proxy
tmpfs: [/tmp, /run]
stop_signal: SIGTERM
healthcheck:
  test: [CMD, wget, -q, -O, /dev/null, "http://127.0.0.1:2375/_ping"]
  interval: 3s
  timeout: 3s
  start_period: 5s
"""


def ship(
    root: Path, name: str, *, switches: bool = False, whole: bool = False, edge: str = "traefik"
) -> ShippedStack:
    """Copies the core of the shipped stack; this host's stand-in images come along, its port 80 does not.

    With `switches`, its socket proxy filters with those of its image, as pages did before there were policies.
    A `whole` one has the spokes with a profile of their own too.
    """
    shutil.copytree(REPOSITORY / "spokes", root / "spokes")
    text = (REPOSITORY / "stack.yaml").read_text()
    text = text.replace("edge: traefik", f"edge: {edge}")
    (root / "stack.yaml").write_text(text.replace("name: homelab", f"name: {name}"))
    if switches:
        page = root / "spokes" / "docker-socket-proxy.md"
        page.write_text(page.read_text().replace("### Fingerprint Inputs\n", SETTINGS))
        (root / "spokes" / "docker-socket-proxy.yaml").write_text(MANIFEST)
    for shipped in (root / "spokes").glob("*.md"):
        text = shipped.read_text()
        if not whole and "**Profile:**" in text and "**Profile:** core" not in text:
            # What waits for a profile of its own has images that nobody fetched.
            shipped.with_suffix(".yaml").unlink()
            shipped.unlink()
            continue
        # What a page records is of the stack under its own name.
        kept = (line for line in text.splitlines(keepends=True) if "Last change fing" not in line)
        shipped.write_text("".join(kept).replace("homelab_", f"{name}_"))
    yaml = YAML(typ="safe", pure=True)
    there = REPOSITORY / "stack.local.yaml"
    local = (yaml.load(there) if there.exists() else None) or {}
    if "images" in local:
        # Of hosts whose stand-ins were named before there was a second edge.
        local["images"].setdefault("caddy", "stackctl.local/caddy:2")
    local["ports"] = {edge: ["127.0.0.1::80"] for edge in ("traefik", "caddy")}
    (root / "stack.local.yaml").write_text(json.dumps(local))
    return ShippedStack(root, name, local.get("images", {}))
