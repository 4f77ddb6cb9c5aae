"""Generated stacks: 200 spokes to render, 30 spokes to run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

WHOAMI = "traefik/whoami:v1.11.0"

_PAGE = """# Service {n} — Spoke

**Status:** 🟢 In use
**Phase:** {phase} — Everyday
**Profile:** {profile}
**Hostname:** service-{n}.stack.localhost
**Port:** {port}
**Dependencies:** {needs}

## Purpose

Keeps what the household writes down, and answers on its own name behind the edge. Nothing here is asked from
outside, so the page says where it may be reached from, and the checks below ask from there.

## Configuration

**Image:** `example/service-{n}:1.{n}.0`
**Volumes:**
- `service-{n}-data:/data` — what people write
**Networks:** proxy
**Ports:** None (reached through the edge)

### Key Settings

- `LOG_LEVEL=info` — quiet enough for every day
- `WORKERS={workers}`

### Fingerprint Inputs

- Image digest: `example/service-{n}@sha256:{n:064x}`
- Secrets: None

## Runbook

### Logs

```bash
stackctl logs service-{n}
```

### Common Issues

**Symptom:** the first page takes long
**Cause:** the index is built at the first start
**Fix:** wait for `ready` in the log

## Related

- **Upstream docs:** https://example.org/service-{n}

---

**Last updated:** 2026-11-21
"""

_MANIFEST = """# What the page does not say of service {n}.
kind: app
mem_limit: 256m
cpus: 0.5
environment:
  TZ: Europe/Berlin
  BASE_URL: http://service-{n}.stack.localhost/
  DATABASE_FILE: /data/service-{n}.db
  CACHE_SECONDS: {cache}
  FEATURES: "search,export,calendar"
labels:
  org.example.owner: household
  org.example.tier: "{phase}"
healthcheck:
  test: [CMD, wget, -q, -O, /dev/null, "http://127.0.0.1:{port}/health"]
  interval: 30s
  timeout: 5s
  retries: 3
tmpfs:
  - /tmp
  - /run
volumes:
  - service-{n}-data:/data
ulimits:
  nofile: {{soft: 4096, hard: 8192}}
stop_grace_period: 20s
checks:
  - title: the start page answers
    from: host
    request: GET http://service-{n}.stack.localhost/
    expect: {{status: 200}}
"""

_IN_PLACE_OF_A_PAGE = """image: example/service-{n}:1.{n}.0@sha256:{n:064x}
profiles: [{profile}]
networks: [proxy]
depends_on: [{needs}]
route:
  - host: service-{n}.stack.localhost
    port: {port}
"""

_EDGE = "image: traefik:v3.7@sha256:{digest:064x}\nkind: edge\nnetworks: [proxy]\n"

_STAND_IN = """kind: app
image: {image}
networks: [proxy]
environment:
  WHOAMI_NAME: web-{n}
mem_limit: 32m
"""

_SLEEPER = """kind: app
image: {image}
init: true
command: [sleep, infinity]
networks: [proxy]
mem_limit: 32m
healthcheck: {{test: [CMD, "true"], timeout: 5s, {often}}}
depends_on: {{{needs}}}
"""


def to_render(root: Path, spokes: int, *, pages: bool) -> None:
    """Spokes behind an edge: manifests that say all there is, or pages beside them with half of it."""
    _begin(root, "name: bench\nedge: traefik\n")
    (root / "spokes" / "edge.yaml").write_text(_EDGE.format(digest=7))
    for n in range(spokes):
        values = {
            "n": n,
            "phase": n % 4,
            "profile": ("core", "media", "home")[n % 3],
            "port": 8000 + n,
            "needs": f"service-{n - 3}" if n % 5 == 4 else "edge",
            "workers": n % 8 + 1,
            "cache": 60 * (n % 10),
        }
        manifest = _MANIFEST.format(**values)
        if pages:
            (root / "spokes" / f"service-{n}.md").write_text(_PAGE.format(**values))
        else:
            manifest += _IN_PLACE_OF_A_PAGE.format(**values)
        (root / "spokes" / f"service-{n}.yaml").write_text(manifest)


_LINK = """kind: app
image: {image}
networks: [proxy]
entrypoint: [python3, -c, "import signal; signal.pause()"]
stop_signal: SIGKILL
healthcheck: {{test: [CMD, python3, -c, pass], interval: 1s, timeout: 5s, start_period: 5s}}
mem_limit: 64m
"""


def chain(root: Path, name: str, spokes: int, image: str) -> None:
    """Spokes of which each waits for the health of the one before."""
    _begin(root, f"name: {name}\n")
    for n in range(spokes):
        needs = f"depends_on: {{link-{n - 1}: {{condition: service_healthy}}}}\n" if n else ""
        (root / "spokes" / f"link-{n}.yaml").write_text(_LINK.format(image=image) + needs)


def to_run(root: Path, name: str, spokes: int, image: str) -> None:
    """Spokes without a healthcheck or dependencies, so that all of it is the tool's own time."""
    _begin(root, f"name: {name}\n")
    for n in range(spokes):
        (root / "spokes" / f"web-{n}.yaml").write_text(_STAND_IN.format(n=n, image=image))


def to_start(root: Path, name: str, needs: Mapping[str, Sequence[str]], image: str, often: str) -> None:
    """Spokes that are healthy as soon as they are probed, each waiting for what it needs to be so."""
    _begin(root, f"name: {name}\n")
    for spoke, of in needs.items():
        waiting = ", ".join(f"{need}: {{condition: service_healthy}}" for need in of)
        manifest = _SLEEPER.format(image=image, needs=waiting, often=often)
        (root / "spokes" / f"{spoke}.yaml").write_text(manifest)


def to_route(root: Path, name: str, images: Mapping[str, str]) -> None:
    """The shipped stack under a name of its own, published where a port is free."""
    here = Path(__file__).parent.parent
    shutil.copytree(here / "spokes", root / "spokes")
    text = (here / "stack.yaml").read_text()
    (root / "stack.yaml").write_text(text.replace("name: homelab", f"name: {name}"))
    for page in (root / "spokes").glob("*.md"):
        # What a page records is of the stack under its own name.
        lines = page.read_text().replace("homelab_", f"{name}_").splitlines(keepends=True)
        page.write_text("".join(line for line in lines if "Last change fing" not in line))
    edge = root / "stack.local.yaml"
    spokes = {spoke: image for spoke, image in images.items() if (root / "spokes" / f"{spoke}.md").exists()}
    local = {"images": spokes, "prober_image": images["python"], "ports": {"traefik": ["127.0.0.1::80"]}}
    edge.write_text(json.dumps(local))


def _begin(root: Path, stack: str) -> None:
    (root / "spokes").mkdir(parents=True)
    (root / "stack.yaml").write_text(stack)
