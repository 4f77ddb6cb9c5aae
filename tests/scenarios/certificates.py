"""Certificates that an edge should not serve, served for a while."""

from __future__ import annotations

import os
import shutil
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from stackctl import ca
from stackctl.edge.caddy import RELOAD
from tests.scenarios.edged import Edged
from tests.scenarios.engine_room import wait_for

DOMAIN = "stack.localhost"


@contextmanager
def wrong_certificates(edged: Edged, *, another: str, ending: str) -> Iterator[None]:
    """The edge serves one that another authority signed, and one of the stack's own that soon ends."""
    folder, now = edged.stack.root / ".stackctl" / "tls", datetime.now(UTC)
    other, old = edged.stack.root / "other", edged.stack.root / "old"
    other.mkdir()
    ca.serve(other, "other", DOMAIN, [another], now, "", owners=False)
    shutil.copytree(edged.stack.root / ".stackctl" / "ca", old / ".stackctl" / "ca")
    ca.serve(old, "old", DOMAIN, [ending], now - timedelta(days=87), "", owners=False)
    kept = {path: path.read_bytes() for path in folder.glob("*.*")}
    for host, signed in ((another, other), (ending, old)):
        for path in (folder / f"{host}.key", folder / f"{host}.pem"):
            path.write_bytes((signed / ".stackctl" / "tls" / path.name).read_bytes())
    try:
        read_again(edged)
        wait_for(lambda: refuses(edged, another))
        yield
    finally:
        for path, content in kept.items():
            path.write_bytes(content)
        read_again(edged)
        wait_for(lambda: not refuses(edged, another))


def read_again(edged: Edged) -> None:
    """Tells the edge that its certificates changed, as `up` does."""
    if edged.edge == "caddy":
        edged.stack.docker("exec", edged.stack.container("caddy"), *RELOAD)
    else:
        os.utime(edged.stack.root / "rendered" / "traefik" / "routes" / "routes.yml")


def refuses(edged: Edged, host: str) -> bool:
    try:
        edged.connect(host, tls=True).close()
    except ssl.SSLError:
        return True
    return False
