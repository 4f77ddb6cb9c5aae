"""`stackctl edit`: opens a spoke's page in the person's editor, and lints what was saved."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from shutil import which

from stackctl import process
from stackctl.commands.opened import find
from stackctl.commands.story import EditAnswer, Ended, Story
from stackctl.errors import Exit, StackctlError, UsageError
from stackctl.events import Found, Said
from stackctl.findings import Finding
from stackctl.names import names_in

_FALLBACKS = ("nano", "vim", "vi")
_AT_A_TERMINAL = (*_FALLBACKS, "nvim", "micro", "hx", "mcedit", "joe", "ne")


def edit(
    root: Path,
    spoke: str,
    *,
    manifest: bool,
    again: Callable[[tuple[Finding, ...]], bool],
    terminal: bool,
    environ: Mapping[str, str],
) -> Story:
    """Opens the page, or the manifest; where the spoke then has an error, `again` says whether to go on.

    Raises:
        UsageError: The spoke has no such file, or there is no editor, or none that works without a terminal.
    """
    path = _file(root, spoke, manifest)
    file = path.relative_to(root).as_posix()
    editor = _editor(environ, terminal=terminal)
    before = path.read_bytes()
    while True:
        if code := process.attached((*editor, str(path)), env=environ, cwd=root):
            raise StackctlError(f"the editor {editor[0]} ended with exit code {code}")
        if not path.exists():
            raise StackctlError(f"{file} is gone", f"`stackctl remove {spoke}` is the way to remove a spoke")
        _, findings = find(root)
        # An error of another spoke that this edit brought about shows too: it names both places.
        found = tuple(f for f in findings if f.spoke == spoke or f.at.file == file or f.blocks)
        blocked = any(finding.blocks for finding in found)
        if not blocked or not again(found):
            break
    changed = path.read_bytes() != before
    yield Said(f"{file} was {'changed' if changed else 'not changed'}")
    yield from (Found(finding) for finding in findings)
    answer = EditAnswer((file,) if changed else (), found)
    return Ended(answer, Exit.INVALID_FILES if blocked else Exit.DONE)


def _file(root: Path, spoke: str, manifest: bool) -> Path:
    known = names_in(root)
    page = root / "spokes" / f"{spoke}.md"
    manifests = [root / "spokes" / f"{spoke}{suffix}" for suffix in (".yaml", ".yml")]
    there = [path for path in (manifests if manifest else (page, *manifests)) if path.is_file()]
    if there and spoke in known:
        return there[0]
    if manifest and page.is_file():
        raise UsageError(f"{spoke} has no manifest", f"its page is enough; or write spokes/{spoke}.yaml")
    raise UsageError(f"there is no spoke named {spoke!r}", f"the spokes are: {', '.join(known)}")


def _editor(environ: Mapping[str, str], *, terminal: bool) -> tuple[str, ...]:
    stated = environ.get("VISUAL") or environ.get("EDITOR")
    try:
        words = tuple(shlex.split(stated or ""))
    except ValueError as error:
        raise UsageError(f"EDITOR is `{stated}`, which is no command: {error}") from error
    # Whoever states one may mean a script; an editor of ours would wait for keys that never come.
    if not terminal and (not words or Path(words[0]).name in _AT_A_TERMINAL):
        hint = "open the file yourself, and run `stackctl lint`; or set EDITOR to a script"
        raise UsageError("an editor needs a terminal, and there is none", hint)
    if words:
        return words
    for name in _FALLBACKS:
        if which(name):
            return (name,)
    raise UsageError("there is no editor", "set EDITOR to the one that you like")
