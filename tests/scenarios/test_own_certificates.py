"""Certificates that somebody brings along, and containers that the edge leaves out, behind either edge."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stackctl import ca
from tests.scenarios.edged import Edged, app, write
from tests.scenarios.engine_room import EngineRoom, wait_for

pytestmark = [pytest.mark.engine, pytest.mark.slow]

HOST, MANY = "own.test", "many.stack.localhost"
SPOKES = {
    "own": app("own", {"host": HOST, "port": 8080, "tls": {"certificate": "own_cert", "key": "own_key"}}),
    "many": app(
        "many",
        {"host": "many", "port": 8080, "health": {"path": "/health", "interval": "1s"}},
        scale=2,
        tmpfs=["/tmp"],
    ),
}


@pytest.fixture(
    scope="module", params=[("traefik", "labels"), ("traefik", "files"), ("caddy", "files")], ids="-".join
)
def edged(
    request: pytest.FixtureRequest, room: EngineRoom, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Edged]:
    edge, routes = request.param
    root = tmp_path_factory.mktemp(f"{edge}-{routes}")
    issue(root, "first")
    secrets = {"own_cert": {"file": "./own.pem"}, "own_key": {"file": "./own.key"}}
    stack = write(root, room.project(), edge, routes, SPOKES, secrets=secrets)
    manifest = root / "spokes" / f"{edge}.yaml"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"secrets": ["own_cert", "own_key"]}))
    done = stack.run("up", "--yes", "--allow-exposure", "--no-verify")
    assert done.returncode == 0, done.stdout + done.stderr
    yield Edged(stack, edge).looked_up()
    stack.run("down", "--yes")


def issue(root: Path, authority: str) -> None:
    """A certificate of an authority that the stack does not know, in the files of its secrets."""
    folder = root / authority
    (folder / ".stackctl").mkdir(parents=True)
    ca.serve(folder, authority, "test", [HOST], datetime.now(UTC), "", owners=False)
    for ending in ("pem", "key"):
        (root / f"own.{ending}").write_bytes((folder / ".stackctl" / "tls" / f"{HOST}.{ending}").read_bytes())


def served(edged: Edged, authority: str) -> str:
    """The name of the app that answers behind a certificate of this authority; empty where it is another's."""
    root = edged.stack.root / authority / ".stackctl" / "ca" / "root.pem"
    try:
        answer = edged.ask(HOST, tls=True, authority=root)
    except (ssl.SSLError, OSError):
        return ""
    return str(answer.json["name"]) if answer.status == 200 else ""


def test_a_certificate_from_secret_files_is_served_and_so_is_the_next_one(edged: Edged) -> None:
    assert wait_for(lambda: served(edged, "first"), deadline=60.0) == "own"
    issue(edged.stack.root, "second")
    done = edged.stack.run("up", "--yes", "--allow-exposure", "--no-verify")
    assert done.returncode == 0, done.stdout + done.stderr
    edged = edged.looked_up()
    assert wait_for(lambda: served(edged, "second"), deadline=60.0) == "own"
    assert served(edged, "first") == ""


def test_a_container_whose_health_fails_is_left_out_until_it_is_well(edged: Edged) -> None:
    edged = edged.looked_up()

    def spread() -> set[str]:
        answers = [edged.ask(MANY) for _ in range(12)]
        return {a.json["container"] if a.status == 200 else str(a.status) for a in answers}

    both = wait_for(lambda: found if len(found := spread()) == 2 else None, deadline=60.0)
    sick = min(both)
    edged.stack.docker("exec", sick, "touch", "/tmp/sick")
    wait_for(lambda: spread() == both - {sick}, deadline=60.0)
    # The app itself would still answer, so only the edge's own question keeps requests away.
    edged.stack.docker("exec", sick, "rm", "/tmp/sick")
    wait_for(lambda: spread() == both, deadline=60.0)
