"""Every command that the README, the guide and the spokes' pages show runs: with each edge, but for the guide.

They run in the order in which they are shown. The pages are read together, before the README's `down`: what several
of them show alike runs once, and what stops something comes last.

What only makes sense by hand runs as something that proves the same:

| shown | run here |
|---|---|
| `scripts/…` | it is there, may be run, and bash can read it |
| `pipx install .` | pip installs the repository into an empty folder, and stackctl works from there |
| `stackctl init NAME` | with `--name`, so that the containers are this run's own, and with this machine's stand-ins |
| what asks | at a terminal at which somebody says yes, or what is asked for |
| `edit` | with an editor that puts in the markdown block which follows, or changes nothing |
| `status --watch`, `logs -f` | until something was shown, then Ctrl-C |
| `curl` | the same request from Python, to the port that the stack got here |
| `docker run … curl` | the same request from Python, in a container on the same network |
| `traefik`, in the README | `caddy`, where that is the edge |
| n8n, Kasm | a web server under their manifests: their images cannot be had everywhere |
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from ruamel.yaml import YAML

from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.shipped import REPOSITORY, ShippedStack, ship
from tests.shown import Block, Shown, before_the_first_start, blocks, commands

# Two whole documents, command by command, take minutes.
pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(600)]

NEW_SPOKES = ("hello", "blog")
"""The names that the documents give to spokes which run whoami."""
ABOVE = "### Fingerprint Inputs\n"
"""Where the guide says to put in what it shows."""
ANSWERS = "app\ntraefik/whoami:v1.11.0\nblog\n80\n\n"  # kind, image, host name, port, no profile
ASK = {"up", "down", "rename", "remove", "rollback", "restore"}
ENDLESS = {"--watch", "-w", "--follow", "-f"}
EDGES = ("traefik", "caddy")
SERVES: Mapping[str, Mapping[str, object]] = {
    "n8n": {
        "command": ["sh", "-c", "touch /tmp/healthz && exec python3 -m http.server -d /tmp 5678"],
        "stop_signal": "SIGINT",
        "healthcheck": {
            "test": ["CMD", "wget", "-qO", "/dev/null", "http://127.0.0.1:5678/healthz"],
            "interval": "1s",
        },
    },
    "kasm": {"stop_signal": "SIGINT", "entrypoint": ["python3", "-m", "http.server", "6901"]},
}


@dataclass
class Reader:
    """Somebody who types what a document shows, block for block."""

    cwd: Path
    name: str
    room: EngineRoom
    tmp: Path
    installed: Path
    edge: str = "traefik"

    def read_together(self, pages: list[Path]) -> None:
        for line in dict.fromkeys(line for page in pages for line in before_the_first_start(page)):
            assert self._run("bash", "-c", line).returncode == 0, line
        shown = dict.fromkeys(
            command for page in pages for block in blocks(page) for command in commands(block)
        )
        for command in sorted(shown, key=lambda command: "stop" in command.words):
            self._type(command, "")

    def read(self, shown: list[Block]) -> None:
        for block, following in zip(shown, [*shown[1:], Block("", "")], strict=True):
            if block.language == "markdown" and block.text.startswith("# "):
                self._write_spoke(block.text)
            editing = following.text if following.language == "markdown" else ""
            for command in commands(block):
                self._type(command, editing)

    def _type(self, shown: Shown, editing: str) -> None:
        program, *words = (self.edge if word == "traefik" else word for word in shown.words)
        if program == "stackctl":
            done = self._stackctl(words, editing)
        elif program == "cd":
            self.cwd = self.cwd / words[0]
            assert self.cwd.is_dir(), shown.line
            return
        elif program.startswith("scripts/"):
            assert os.access(REPOSITORY / program, os.X_OK), shown.line
            done = self._run("bash", "-n", str(REPOSITORY / program))
        elif (program, *words) == ("pipx", "install", "."):
            done = self._install()
        elif program == "curl":
            done = self._curl(words)
        elif (program, *words[:3]) == ("docker", "run", "--rm", "--network"):
            done = self._curl_inside(*words[3:])
            assert shown.expected, shown.line
        elif program == "docker":
            done = self._run(program, *words)
        else:
            pytest.fail(f"nobody knows how to run this here: {shown.line}")
        said = f"{shown.line}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == shown.exits, said
        assert shown.expected in done.stdout, said

    # ---- what the program does

    def _stackctl(self, words: list[str], editing: str) -> subprocess.CompletedProcess[str]:
        stack, command = ShippedStack(self.cwd, self.name), words[0]
        if command == "init":
            done = stack.run(*words, "--name", self.name)
            self._stand_in(self.cwd / words[1])
            return done
        if command == "new" and "--image" not in words:
            return stack.at_a_terminal(ANSWERS, *words)
        if command == "edit":
            return stack.run(*words, environ={"VISUAL": self._editor(editing)})
        if command in ASK and "--yes" not in words:
            # Once to the plan, and once where it opens something.
            done = stack.at_a_terminal("y\ny\n", *words)
            if command == "remove":
                self._stand_in(self.cwd, without=words[1])
            return done
        if ENDLESS & set(words):
            return self._until_something_is_shown(stack, words)
        return stack.run(*words)

    @staticmethod
    def _until_something_is_shown(stack: ShippedStack, words: list[str]) -> subprocess.CompletedProcess[str]:
        child = stack.start(*words)
        try:
            assert child.stdout is not None
            first = child.stdout.readline()
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=30)
        finally:
            child.kill()
        assert first.strip()
        return subprocess.CompletedProcess(words, child.returncode, first + out, err)

    def _editor(self, text: str) -> str:
        """An editor that puts the text where the guide says to put it; `true` where it shows none."""
        if not text:
            return "true"
        editor = self.tmp / "editor.py"
        editor.write_text(
            "import pathlib, sys\n"
            "page = pathlib.Path(sys.argv[-1]); text = page.read_text()\n"
            f"assert text.count({ABOVE!r}) == 1\n"
            f"page.write_text(text.replace({ABOVE!r}, {text + ABOVE!r}))\n"
        )
        return f"{sys.executable} {editor}"

    # ---- what others do

    def _run(self, *words: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=self.cwd,
            env={**os.environ, **(environ or {})},
            capture_output=True,
            text=True,
            timeout=180,
        )

    def _install(self) -> subprocess.CompletedProcess[str]:
        program = (
            "import sys, stackctl.cli\n"
            f"assert stackctl.__file__.startswith({str(self.installed)!r})\n"
            f"sys.argv = ['stackctl', 'init', {str(self.tmp / 'fresh')!r}]\n"
            "stackctl.cli.main()"
        )
        return self._run(sys.executable, "-c", program, environ={"PYTHONPATH": str(self.installed)})

    def _curl(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        option, header, url = words
        assert (option, url) == ("-H", "http://127.0.0.1/"), words
        published = self._run("docker", "compose", "--profile", "core", "port", "traefik", "80")
        name, _, value = header.partition(": ")
        request = urllib.request.Request(f"http://{published.stdout.strip()}/", headers={name: value})
        with urllib.request.urlopen(request, timeout=10) as answer:
            status, text = answer.status, answer.read().decode()
        return subprocess.CompletedProcess(words, 0 if status == 200 else 22, text, "")

    def _curl_inside(self, network: str, image: str, *words: str) -> subprocess.CompletedProcess[str]:
        assert image.startswith("curlimages/curl:")
        program, *options, url = words
        assert program == "curl"
        asked = ArgumentParser()
        asked.add_argument("-i", action="store_true", required=True)
        asked.add_argument("-X", default="GET")
        asked.add_argument("-H", default="")
        how = asked.parse_args(options)
        name, _, value = how.H.partition(": ")
        there = urlsplit(url)
        ask = (
            "import http.client, sys\n"
            "host, method, path, name, value = sys.argv[1:]\n"
            "connection = http.client.HTTPConnection(host, timeout=10)\n"
            "connection.request(method, path, headers={name: value} if name else {})\n"
            "answer = connection.getresponse()\n"
            "print(answer.status, answer.reason)\n"
        )
        container = ("docker", "run", "--rm", "--network", network, self.room.image("python"))
        return self._run(*container, "python3", "-c", ask, there.netloc, how.X, there.path, name, value)

    # ---- the stack's files

    def _write_spoke(self, page: str) -> None:
        name = page.split()[1].lower()
        assert name in NEW_SPOKES
        (self.cwd / "spokes" / f"{name}.md").write_text(page)

    def _stand_in(self, root: Path, without: str = "") -> None:
        """This machine's images, and a port that is free; a removed spoke must not be named any more."""
        there = root / "stack.local.yaml"
        here = there if there.exists() else REPOSITORY / "stack.local.yaml"
        local = (YAML(typ="safe", pure=True).load(here) if here.exists() else None) or {}
        images = dict(local.get("images", {}))
        if not there.exists() and images:
            whoami = images.pop("whoami")
            images.update(dict.fromkeys(NEW_SPOKES[:1], whoami))
            spokes = {file.stem for file in (root / "spokes").iterdir()} | {*NEW_SPOKES[:1]}
            images = {spoke: image for spoke, image in images.items() if spoke in spokes}
        images.pop(without, None)
        ports = {"traefik": ["127.0.0.1::80"], **(local.get("ports", {}) if there.exists() else {})}
        there.write_text(json.dumps({**local, "images": images, "ports": ports}))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository as pip installs it, once for all documents."""
    where = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(where), str(REPOSITORY)]
    subprocess.run(pip, check=True, timeout=180)
    return where


def test_what_the_guide_shows_leads_from_an_empty_folder_to_a_proved_stack(
    room: EngineRoom, tmp_path: Path, installed: Path
) -> None:
    reader = Reader(tmp_path, room.project(), room, tmp_path, installed)
    guide = blocks(REPOSITORY / "docs" / "guide.md")
    assert sum(len(list(commands(block))) for block in guide) > 20
    reader.read(guide)
    records = (tmp_path / "mystack" / ".stackctl" / "records.jsonl").read_text()
    assert "Verify It Greets" in records
    assert ShippedStack(tmp_path / "mystack", reader.name).container_ids() == {}


@pytest.mark.parametrize("edge", EDGES)
def test_what_the_readme_and_the_pages_show_runs_with_each_edge(
    edge: str, room: EngineRoom, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, installed: Path
) -> None:
    stack = ship(tmp_path, room.project(), whole=True, edge=edge)
    serve(stack, room)
    reader = Reader(stack.root, stack.name, room, tmp_path_factory.mktemp("reader"), installed, edge)
    resting = {*EDGES} - {edge}
    pages = [page for page in (stack.root / "spokes").glob("*.md") if page.stem not in {"README", *resting}]
    assert len(pages) == 6
    readme = blocks(REPOSITORY / "README.md")
    assert sum(len(list(commands(block))) for block in readme) > 20
    *before, last = [block for block in readme if block.language]
    every_day, down, end = last.text.partition("stackctl down")
    reader.read([*before, replace(last, text=every_day)])
    reader.read_together(sorted(pages))
    reader.read([replace(last, text=down + end)])
    names = {path.name for path in (stack.root / "spokes").glob("*.md")}
    assert "greeter.md" in names
    assert not names & {"hello.md", "blog.md"}
    assert stack.container_ids() == {}


def serve(stack: ShippedStack, room: EngineRoom) -> None:
    """Gives each spoke an image that this machine has, and ports that are free."""
    local = stack.root / "stack.local.yaml"
    document = json.loads(local.read_text())
    images = document.setdefault("images", {})
    if images:
        images |= {**dict.fromkeys(NEW_SPOKES, images["whoami"]), "redis": "stackctl.local/redis:8"}
    for name, serves in SERVES.items():
        manifest = stack.root / "spokes" / f"{name}.yaml"
        manifest.write_text(json.dumps({**YAML(typ="safe", pure=True).load(manifest), **serves}))
        images[name] = room.image("python")
    document["ports"]["kasm"] = ["127.0.0.1::6901"]
    local.write_text(json.dumps(document))


@pytest.mark.parametrize("line", ["stackctl frobnicate", "stackctl lint --explain XX1", "rm -rf x"])
def test_a_command_that_does_not_work_is_noticed(
    line: str, shipped_apart: ShippedStack, room: EngineRoom, tmp_path: Path
) -> None:
    reader = Reader(shipped_apart.root, shipped_apart.name, room, tmp_path, tmp_path)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        reader.read([Block("bash", line + "\n")])
