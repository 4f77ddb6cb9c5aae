"""Pins, against a real registry on the loopback address: looked up, tried in a copy, and only then written."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.scenarios.engine_room import REPOSITORY, EngineRoom, wait_for
from tests.scenarios.written import WrittenStack, written

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PROGRAM = REPOSITORY / ".stackctl" / "setup" / "registry" / "usr" / "bin" / "docker-registry"
SERVE = """
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        said = os.environ.get("SAYS", "").encode()
        self.send_response(200 if said else 500)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
    def log_message(self, *_): pass
http.server.HTTPServer(("", 8080), Answer).serve_forever()
"""


@dataclass
class Registry:
    room: EngineRoom
    address: str
    folder: Path

    def push(self, tag: str, says: str, *, ends: bool = False) -> str:
        """An app that answers these words, or that ends at once; the digest that the registry gives it."""
        reference = f"{self.address}/{self.room.run}/app:{tag}"
        (self.folder / "serve.py").write_text("raise SystemExit('broken on purpose')" if ends else SERVE)
        (self.folder / "Dockerfile").write_text(
            f"FROM {self.room.image('python')}\nLABEL stackctl.test={self.room.run}\n"
            f'COPY serve.py /serve.py\nENV SAYS=\'{says}\'\nENTRYPOINT ["python3", "/serve.py"]\n'
        )
        self.room.docker("build", "--quiet", "--tag", reference, str(self.folder))
        told = self.room.docker("push", reference)
        self.room.docker("image", "rm", "--force", reference)
        found = re.search(r"sha256:[0-9a-f]{64}", told)
        assert found, told
        return found[0]

    def image(self, tag: str) -> str:
        return f"{self.address}/{self.room.run}/app:{tag}"


@pytest.fixture(scope="module")
def registry(room: EngineRoom, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    assert PROGRAM.exists(), "scripts/setup-registry brings it"
    folder = tmp_path_factory.mktemp("registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    (folder / "config.yml").write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: '{address}'}}\n"
    )
    with subprocess.Popen(
        [PROGRAM, "serve", str(folder / "config.yml")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        try:

            def answers() -> bool:
                with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{address}/v2/", timeout=5):
                    return True
                return False

            wait_for(answers)
            yield Registry(room, address, folder)
        finally:
            child.terminate()


@pytest.fixture
def stack(room: EngineRoom, registry: Registry, tmp_path: Path) -> Iterator[WrittenStack]:
    stack = written(tmp_path, room)
    yield stack
    stack.run("down", "--yes")


def manifest(stack: WrittenStack, image: str, more: str = "") -> Path:
    path = stack.root / "spokes" / "app.yaml"
    path.write_text(
        f"# kept\nimage: {image}   # and this\nnetworks: [proxy]\nstop_signal: SIGKILL\n"
        "checks:\n- {from: proxy, request: 'GET http://app:8080/', expect: {status: 200}}\n" + more
    )
    return path


def images(room: EngineRoom) -> set[str]:
    return set(room.docker("image", "ls", "--all", "--quiet", "--no-trunc").split())


def test_a_tag_is_pinned_where_it_stands_and_nothing_is_pulled(
    registry: Registry, stack: WrittenStack, room: EngineRoom
) -> None:
    digest = registry.push("v1", "one")
    path = manifest(stack, registry.image("v1"))
    before, text = images(room), path.read_text()
    document = stack.json("pin", "--check")
    assert (document["exit"], [p["state"] for p in document["pins"]]) == (7, ["unpinned"])
    assert path.read_text() == text
    done = stack.run("pin")
    assert done.returncode == 0, done.stdout + done.stderr
    pinned = f"{registry.image('v1')}@{digest}"
    assert path.read_text() == text.replace(registry.image("v1"), pinned)
    assert stack.json("pin", "--check")["exit"] == 0
    assert images(room) <= before


def test_a_page_is_pinned_among_its_fingerprint_inputs(registry: Registry, stack: WrittenStack) -> None:
    digest = registry.push("v2", "two")
    page = stack.root / "spokes" / "app.md"
    text = f"# App — Spoke\n\n**Image:** `{registry.image('v2')}`\n**Networks:** proxy\n\n### Fingerprint Inputs\n"
    page.write_text(text + "\n- Image digest: N/A (not pinned yet)\n")
    assert stack.run("pin").returncode == 0
    repository = registry.image("v2").rpartition(":")[0]
    assert page.read_text() == text + f"\n- Image digest: `{repository}@{digest}`\n"


def test_what_the_registry_does_not_know_fails_and_changes_nothing(
    registry: Registry, stack: WrittenStack
) -> None:
    path = manifest(stack, registry.image("never"))
    text = path.read_text()
    document = stack.json("pin")
    assert (document["exit"], document["pins"][0]["state"]) == (1, "unknown")
    assert path.read_text() == text


def on_the_engine(stack: WrittenStack, registry: Registry, room: EngineRoom) -> list[str]:
    """All of the stack's, and the registry's images, as the Engine has them."""
    own = ("--quiet", "--no-trunc", "--filter", f"label=com.docker.compose.project={stack.name}")
    return [
        room.docker("ps", "--all", *own),
        room.docker("network", "ls", *own),
        room.docker("volume", "ls", "--quiet", *own[2:]),
        room.docker("images", "--format", "{{.Digest}} {{.ID}}", registry.image("v3").rpartition(":")[0]),
    ]


def test_an_update_is_tried_in_a_copy_and_written_only_if_the_checks_hold(
    registry: Registry, stack: WrittenStack, room: EngineRoom
) -> None:
    first = registry.push("v3", "one")
    path = manifest(stack, f"{registry.image('v3')}@{first}")
    assert stack.run("up", "--yes", "--no-verify").returncode == 0
    runs = stack.container_ids()
    old = path.read_text()

    registry.push("v3", "")
    before = on_the_engine(stack, registry, room)
    document = stack.json("pin", "--check")
    assert (document["exit"], document["pins"][0]["state"]) == (7, "moved")
    document = stack.json("pin", "--update")
    assert document["exit"] == 1
    assert "500" in document["pins"][0]["why"]
    assert path.read_text() == old, "an image whose checks fail is not written"
    assert on_the_engine(stack, registry, room) == before, "nor kept"

    registry.push("v3", "", ends=True)
    document = stack.json("pin", "--update")
    assert document["exit"] == 1
    assert "broken on purpose" in document["pins"][0]["why"]
    assert path.read_text() == old
    assert on_the_engine(stack, registry, room) == before

    good = registry.push("v3", "two")
    document = stack.json("pin", "--update")
    assert document["exit"] == 0, document
    assert [result["outcome"] for result in document["results"]] == ["passed"]
    assert path.read_text() == old.replace(first, good)
    assert stack.container_ids() == runs, "what runs is not touched: `up` is what applies it"
    left = room.docker("ps", "--all", "--quiet", "--filter", f"label=stackctl.prober={stack.name}")
    assert left == ""
