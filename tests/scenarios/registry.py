"""A real registry on the loopback address, and images that are pushed to it."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.scenarios.engine_room import REPOSITORY, EngineRoom, wait_for

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
        (self.folder / "serve.py").write_text("raise SystemExit('broken on purpose')" if ends else SERVE)
        served = f'COPY serve.py /serve.py\nENV SAYS=\'{says}\'\nENTRYPOINT ["python3", "/serve.py"]\n'
        return self.made(tag, f"FROM {self.room.image('python')}\n{served}")

    def made(self, tag: str, recipe: str) -> str:
        """An image of this recipe, there and no longer here; its digest."""
        reference = self.image(tag)
        (self.folder / "Dockerfile").write_text(f"{recipe}LABEL stackctl.test={self.room.run}\n")
        self.room.docker("build", "--quiet", "--tag", reference, str(self.folder))
        told = self.room.docker("push", reference)
        self.room.docker("image", "rm", "--force", reference)
        found = re.search(r"sha256:[0-9a-f]{64}", told)
        assert found, told
        return found[0]

    def image(self, tag: str) -> str:
        return f"{self.address}/{self.room.run}/app:{tag}"


@contextlib.contextmanager
def registry_in(folder: Path, room: EngineRoom) -> Iterator[Registry]:
    assert PROGRAM.exists(), "scripts/setup-registry brings it"
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
