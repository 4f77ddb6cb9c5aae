"""Records a real terminal session with the shipped stack, and writes it as a picture.

The session runs in tmux, 80 columns wide, on a copy of the stack that has a name of its own and is taken down
afterwards. What tmux shows at the end is the picture; nothing is added and nothing is left out.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text
from ruamel.yaml import YAML

REPOSITORY = Path(__file__).resolve().parent.parent
NAME = "picture"
COLUMNS = 80
SESSION = (
    "stackctl plan --profile core",
    "stackctl up --profile core --no-verify",
    "stackctl verify docker-socket-proxy",
)
QUESTION = "[y/N]"

# Background, foreground, then the eight colours of a terminal, plain and bright.
THEME = TerminalTheme(
    (24, 26, 31),
    (216, 219, 226),
    [tuple(bytes.fromhex(c)) for c in "3c4048 e86868 7ec678 e2b85e 68a2ec c484de 5ebec6 d8dbe2".split()],
    [tuple(bytes.fromhex(c)) for c in "787e8a f48282 96d890 f0cc78 86b6f6 d49cec 7cd0d8 f5f6f8".split()],
)


class Terminal:
    """A shell in a tmux server of its own."""

    def __init__(self, directory: Path) -> None:
        self._socket = str(directory.parent / "tmux")
        self._marks = directory.parent / "prompts"
        environ = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PS1": "$ ",
            # Every prompt writes down how the command before it ended, without a word on the screen.
            "PROMPT_COMMAND": f"echo $? >>{self._marks}",
        }
        shell = ["env", *(f"{name}={value}" for name, value in environ.items())]
        shell += ["bash", "--norc", "--noprofile", "-i"]
        size = ["-x", str(COLUMNS), "-y", "24"]
        options = ["set-option", "-g", "history-limit", "5000", ";"]
        self._tmux("-f", "/dev/null", *options, "new-session", "-d", *size, "-c", str(directory), *shell)
        self._wait(lambda: len(self._ended()) == 1, 10)

    def type(self, line: str) -> None:
        """A command line; answers yes where it is asked; returns when the prompt is back."""
        before, asked = len(self._ended()), self.shown().count(QUESTION)
        self._tmux("send-keys", "-l", line)
        self._tmux("send-keys", "Enter")

        def over() -> bool:
            nonlocal asked
            if self.shown().count(QUESTION) > asked:
                asked += 1
                self._tmux("send-keys", "y", "Enter")
            return len(self._ended()) > before

        self._wait(over, 300)
        if self._ended()[-1] != "0":
            raise SystemExit(f"picture: {line}: exit {self._ended()[-1]}\n{self.shown()}")

    def shown(self) -> str:
        """All that it shows and has shown, with its colours."""
        return self._tmux("capture-pane", "-e", "-p", "-S", "-").rstrip()

    def close(self) -> None:
        self._tmux("kill-server")

    def _ended(self) -> list[str]:
        return self._marks.read_text().splitlines() if self._marks.exists() else []

    def _tmux(self, *words: str) -> str:
        argv = ["tmux", "-S", self._socket, *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    @staticmethod
    def _wait(condition: Callable[[], bool], seconds: float) -> None:
        ends = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > ends:
                raise SystemExit(f"picture: nothing came within {seconds:g} s")
            time.sleep(0.1)


@contextmanager
def stack() -> Iterator[Path]:
    """A copy of the shipped stack; it publishes a port that is free, and is taken down at the end."""
    with tempfile.TemporaryDirectory(prefix="stackctl-picture-") as parent:
        root = Path(parent) / NAME
        shutil.copytree(REPOSITORY / "spokes", root / "spokes")
        text = (REPOSITORY / "stack.yaml").read_text()
        (root / "stack.yaml").write_text(text.replace("name: homelab", f"name: {NAME}"))
        for page in root.glob("spokes/*.md"):
            page.write_text(page.read_text().replace("homelab_", f"{NAME}_"))
        here = REPOSITORY / "stack.local.yaml"
        local = (YAML(typ="safe", pure=True).load(here) if here.exists() else None) or {}
        local["ports"] = {"traefik": ["127.0.0.1::80"]}
        (root / "stack.local.yaml").write_text(json.dumps(local))
        try:
            yield root
        finally:
            down = [sys.executable, "-m", "stackctl", "down", "--yes"]
            subprocess.run(down, cwd=root, check=True, capture_output=True)


def recorded() -> str:
    with stack() as root:
        terminal = Terminal(root)
        try:
            for line in SESSION:
                terminal.type(line)
            return terminal.shown()
        finally:
            terminal.close()


def main(target: Path) -> None:
    lines = recorded().splitlines()
    while lines and Text.from_ansi(lines[-1]).plain.strip() in ("", "$"):
        lines.pop()
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    text = Text.from_ansi("\n".join(lines))
    # Some programs drop the spaces at the beginning of a piece of text; apart, spaces only take room.
    text.highlight_regex(" +", "not italic")
    console.print(text, soft_wrap=True)
    svg = console.export_svg(title="stackctl", theme=THEME, unique_id="session")
    # A picture loads no font from elsewhere; every machine has one of fixed width.
    target.write_text(re.sub(r"\n *@font-face \{.*?\n    \}", "", svg, flags=re.DOTALL))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
