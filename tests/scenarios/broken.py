"""What breaks a running stack in one way at a time, and what `doctor` then says of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.scenarios.engine_room import wait_for
from tests.scenarios.shipped import ShippedStack

SERVER = """
import http.server, os
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        page = ('<a href="%s">next</a>' % os.environ["LINK"]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", 8000), Page).serve_forever()
"""
"""Serves one page with one link, `LINK`."""


def compose(stack: ShippedStack, *words: str, more: str = "") -> None:
    files = ["docker-compose.yml", "docker-compose.override.yml", *([more] if more else [])]
    argv = ["docker", "compose", "--profile", "*", *(w for file in files for w in ("-f", file)), *words]
    done = subprocess.run(argv, cwd=stack.root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def recreate(stack: ShippedStack, spoke: str, more: str = "") -> None:
    compose(stack, "up", "-d", "--no-deps", "--force-recreate", "-t", "0", spoke, more=more)


@contextmanager
def changed(stack: ShippedStack, spoke: str, **keys: Any) -> Iterator[None]:
    """What runs differs from the files in some keys of its Compose service, for a while."""
    (stack.root / "broken.json").write_text(json.dumps({"services": {spoke: keys}}))
    try:
        recreate(stack, spoke, "broken.json")
        for other in stack.container_ids().keys() - {spoke}:
            # On a busy machine a healthcheck may have run out of time, which is none of what is broken here.
            well(stack, other)
        yield
    finally:
        recreate(stack, spoke)
        well(stack, spoke)


def health(stack: ShippedStack, spoke: str) -> str:
    """Empty where the container has no healthcheck."""
    form = "{{if .State.Health}}{{.State.Health.Status}}{{end}}"
    return stack.docker("inspect", "-f", form, stack.container(spoke))


def well(stack: ShippedStack, spoke: str) -> None:
    """Waits until nothing of what was broken is left, so that no test leans on the one before."""
    wait_for(lambda: health(stack, spoke) in ("healthy", ""), deadline=120.0, every=0.2)


def unhealthy(stack: ShippedStack, spoke: str) -> None:
    wait_for(lambda: health(stack, spoke) == "unhealthy", deadline=120.0, every=0.2)


def diagnosed(stack: ShippedStack, spoke: str) -> dict[str, Any]:
    document = stack.json("doctor", spoke)
    (diagnosis,) = document["diagnoses"]
    assert document["exit"] == (8 if diagnosis["broken"] else 0)
    assert bool(diagnosis["fix"]) == bool(diagnosis["broken"])
    return dict(diagnosis)


def is_found(stack: ShippedStack, code: str, says: str, spoke: str) -> None:
    found = diagnosed(stack, spoke)
    told = [(link["check"]["code"], link["outcome"], link["saw"]) for link in found["links"]]
    assert (found["broken"], says in found["saw"]) == (code, True), f"{found['saw']}\n{told}"
