"""Certificates for public names, asked for by a running edge of an ACME server that stands in for the public one."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from stackctl import ca
from tests.scenarios.edged import Edged, app, write
from tests.scenarios.engine_room import EngineRoom, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

HOST = "shop.example.test"
SERVER = "pebble.test"


@pytest.fixture(scope="module")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server and its certificate, in a folder; unpacked from Debian's package, not installed."""
    folder = tmp_path_factory.mktemp("pebble")
    subprocess.run(["apt-get", "download", "pebble"], cwd=folder, check=True, capture_output=True)
    [package] = folder.glob("*.deb")
    subprocess.run(["dpkg", "-x", package.name, "unpacked"], cwd=folder, check=True)
    there = folder / "pebble"
    there.mkdir()
    shutil.copy(folder / "unpacked" / "usr" / "bin" / "pebble", there)
    ca.serve(folder, "pebble", "test", (SERVER,), datetime.now(UTC), "0", owners=True)
    shutil.copy(folder / ".stackctl" / "ca" / "root.pem", there / "root.pem")
    for ending in ("pem", "key"):
        shutil.copy(folder / ".stackctl" / "tls" / f"{SERVER}.{ending}", there / f"own.{ending}")
    settings = {
        "listenAddress": "0.0.0.0:14000",
        "managementListenAddress": "0.0.0.0:15000",
        "certificate": "/pebble/own.pem",
        "privateKey": "/pebble/own.key",
        "httpPort": 80,
        "tlsPort": 443,
    }
    (there / "config.json").write_text(json.dumps({"pebble": settings}))
    return there


@pytest.fixture(
    params=[("traefik", "http"), ("traefik", "tls"), ("caddy", "http"), ("caddy", "tls")], ids="-".join
)
def edged(request: pytest.FixtureRequest, room: EngineRoom, tmp_path: Path, pebble: Path) -> Iterator[Edged]:
    edge, challenge = request.param
    shutil.copytree(pebble, tmp_path / "pebble")
    spokes = {
        "shop": app("shop", {"host": HOST, "port": 8080, "tls": "acme"}),
        "pebble": {
            "image": "python:3.13-alpine",
            "command": ["/pebble/pebble", "-config", "/pebble/config.json"],
            "environment": {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"},
            "volumes": ["./pebble:/pebble:ro"],
            "networks": {"proxy": {"aliases": [SERVER]}},
        },
    }
    settings = {
        "email": "me@example.test",
        "challenge": challenge,
        "server": f"https://{SERVER}:14000/dir",
        "authority": "/pebble/root.pem",
    }
    stack = write(tmp_path, room.project(), edge, "files", spokes)
    document = json.loads((tmp_path / "stack.yaml").read_text())
    document["edge"]["acme"] = settings
    (tmp_path / "stack.yaml").write_text(json.dumps(document))
    file = tmp_path / "spokes" / f"{edge}.yaml"
    manifest = json.loads(file.read_text())
    # The server looks for the name where the public one would find the edge.
    manifest["networks"] = {"proxy": {"aliases": [HOST]}}
    manifest["volumes"] = [f"kept:{'/acme' if edge == 'traefik' else '/data'}", "./pebble:/pebble:ro"]
    manifest["depends_on"] = ["pebble"]
    file.write_text(json.dumps(manifest))
    done = stack.run("up", "--yes", "--allow-exposure", "--no-verify")
    assert done.returncode == 0, done.stdout + done.stderr
    yield Edged(stack, edge).looked_up()
    stack.run("down", "--yes")
    stack.docker("volume", "rm", "--force", f"{stack.name}_kept")


def served(edged: Edged) -> x509.Certificate | None:
    """The certificate of the public name; none while the edge has none to show."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    try:
        with edged.raw(443) as raw, trusting.wrap_socket(raw, server_hostname=HOST) as sock:
            return x509.load_der_x509_certificate(sock.getpeercert(binary_form=True) or b"")
    except (ssl.SSLError, OSError):
        return None


def test_a_public_name_gets_its_certificate_and_keeps_it(edged: Edged) -> None:
    def signed() -> x509.Certificate | None:
        found = served(edged)
        return found if found and "Pebble" in found.issuer.rfc4514_string() else None

    found = wait_for(signed, deadline=120, every=0.5)
    assert found is not None
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [HOST]
    kept = "/acme" if edged.edge == "traefik" else "/data/caddy"
    container = edged.stack.container(edged.edge)
    modes = edged.stack.docker("exec", container, "find", kept, "-type", "f", "-name", "*.[jk][se]*")
    keys = [path for path in modes.splitlines() if path.endswith((".key", "acme.json"))]
    assert keys
    for path in keys:
        assert edged.stack.docker("exec", container, "stat", "-c", "%a", path) == "600"
    # A new container goes on with what the old one was given.
    edged.stack.docker("compose", "--project-directory", str(edged.stack.root), "up", "-d", "--no-deps",
                       "--force-recreate", edged.edge)  # fmt: skip
    anew = edged.looked_up()
    # Traefik answers with a certificate of its own until it has read its files.
    wait_for(lambda: (c := served(anew)) and c.serial_number == found.serial_number, deadline=60, every=0.5)
