"""Every command that the README and the guide show runs, in the order in which it is shown.

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
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.shipped import REPOSITORY, ShippedStack
from tests.shown import Block, Shown, blocks, commands

# Two whole documents, command by command, take minutes.
pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(600)]

NEW_SPOKES = ("hello", "blog")
"""The names that the documents give to spokes which run whoami."""
ABOVE = "### Fingerprint Inputs\n"
"""Where the guide says to put in what it shows."""
ANSWERS = "app\ntraefik/whoami:v1.11.0\nblog\n80\n\n"  # kind, image, host name, port, no profile
ASK = {"up", "down", "rename", "remove", "rollback"}
ENDLESS = {"--watch", "-w", "--follow", "-f"}


@dataclass
class Reader:
    """Somebody who types what a document shows, block for block."""

    cwd: Path
    name: str
    room: EngineRoom
    tmp: Path

    def read(self, shown: list[Block]) -> None:
        for block, following in zip(shown, [*shown[1:], Block("", "")], strict=True):
            if block.language == "markdown" and block.text.startswith("# "):
                self._write_spoke(block.text)
            editing = following.text if following.language == "markdown" else ""
            for command in commands(block):
                self._type(command, editing)

    def _type(self, shown: Shown, editing: str) -> None:
        program, *words = shown.words
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
        elif program == "docker":
            done = self._run(program, *words)
        else:
            pytest.fail(f"nobody knows how to run this here: {shown.line}")
        said = f"{shown.line}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == shown.exits, said

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
        where = self.tmp / "installed"
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(where)]
        done = self._run(*pip, str(REPOSITORY))
        assert done.returncode == 0, done.stderr
        program = (
            "import sys, stackctl.cli\n"
            f"assert stackctl.__file__.startswith({str(where)!r})\n"
            f"sys.argv = ['stackctl', 'init', {str(self.tmp / 'fresh')!r}]\n"
            "stackctl.cli.main()"
        )
        return self._run(sys.executable, "-c", program, environ={"PYTHONPATH": str(where)})

    def _curl(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        option, header, url = words
        assert (option, url) == ("-H", "http://127.0.0.1/"), words
        published = self._run("docker", "compose", "--profile", "core", "port", "traefik", "80")
        name, _, value = header.partition(": ")
        request = urllib.request.Request(f"http://{published.stdout.strip()}/", headers={name: value})
        with urllib.request.urlopen(request, timeout=10) as answer:
            status, text = answer.status, answer.read().decode()
        return subprocess.CompletedProcess(words, 0 if status == 200 else 22, text, "")

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
        there.write_text(json.dumps({**local, "images": images, "ports": {"traefik": ["127.0.0.1::80"]}}))


def test_what_the_guide_shows_leads_from_an_empty_folder_to_a_proved_stack(
    room: EngineRoom, tmp_path: Path
) -> None:
    reader = Reader(tmp_path, room.project(), room, tmp_path)
    guide = blocks(REPOSITORY / "docs" / "guide.md")
    assert sum(len(list(commands(block))) for block in guide) > 20
    reader.read(guide)
    records = (tmp_path / "mystack" / ".stackctl" / "records.jsonl").read_text()
    assert "Verify It Greets" in records
    assert ShippedStack(tmp_path / "mystack", reader.name).container_ids() == {}


def test_what_the_readme_shows_runs(shipped_apart: ShippedStack, room: EngineRoom, tmp_path: Path) -> None:
    local = shipped_apart.root / "stack.local.yaml"
    document = json.loads(local.read_text())
    if images := document.get("images"):
        images.update(dict.fromkeys(NEW_SPOKES, images["whoami"]))
        local.write_text(json.dumps(document))
    reader = Reader(shipped_apart.root, shipped_apart.name, room, tmp_path)
    shown = blocks(REPOSITORY / "README.md")
    assert sum(len(list(commands(block))) for block in shown) > 20
    reader.read(shown)
    assert shipped_apart.container_ids() == {}
    names = {path.name for path in (shipped_apart.root / "spokes").glob("*.md")}
    assert "greeter.md" in names
    assert not names & {"hello.md", "blog.md"}


@pytest.mark.parametrize("line", ["stackctl frobnicate", "stackctl lint --explain XX1", "rm -rf x"])
def test_a_command_that_does_not_work_is_noticed(
    line: str, shipped_apart: ShippedStack, room: EngineRoom, tmp_path: Path
) -> None:
    reader = Reader(shipped_apart.root, shipped_apart.name, room, tmp_path)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        reader.read([Block("bash", line + "\n")])
