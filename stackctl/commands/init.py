"""`stackctl init`: the folder of a first stack, with an edge and what it needs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from stackctl.commands.opened import find
from stackctl.commands.story import Ended, Story, WrittenAnswer
from stackctl.errors import UsageError
from stackctl.events import Found
from stackctl.files import write_atomically
from stackctl.read.partial import HOST_NAME
from stackctl.starter import SPOKES, first_stack

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")


def init(folder: Path, *, name: str, domain: str, edge: str = "traefik") -> Story:
    """Writes the files; what is there already is never written over.

    Raises:
        UsageError: One of the files exists, or the name is none, or there is no such edge.
    """
    name = name or _name_of(folder)
    if not _NAME.match(name):
        raise UsageError(
            f"`{name}` cannot be the name of a stack", "choose one with --name: a-z, 0-9, - and _"
        )
    if not HOST_NAME.match(domain) or ".." in domain:
        raise UsageError(f"`{domain}` is not a domain", "letters, digits, `-` and `.`")
    if edge not in SPOKES:
        raise UsageError(f"there is no edge `{edge}`", f"one of {', '.join(sorted(SPOKES))}")
    files = first_stack(name, domain, edge)
    there = [path for path in files if (folder / path).exists()]
    if there:
        raise UsageError(f"{folder} holds {', '.join(there)} already", "choose an empty folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileNotFoundError, FileExistsError, NotADirectoryError) as error:
        raise UsageError(f"the folder {folder} cannot be made: {error.strerror}", "choose another") from error
    for path, content in files.items():
        write_atomically(folder / path, content, 0o600 if path == ".env" else 0o644)
    _, findings = find(folder)
    yield from (Found(finding) for finding in findings)
    there_first = () if folder.samefile(Path.cwd()) else (f"cd {shlex.quote(str(folder))}",)
    commands = (*there_first, "stackctl new blog", "stackctl up --profile core")
    return Ended(WrittenAnswer(name, written=tuple(files), next=commands))


def _name_of(folder: Path) -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", folder.absolute().name.lower()).strip("-_") or "homelab"
