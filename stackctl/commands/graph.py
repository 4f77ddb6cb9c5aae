"""`stackctl graph`: the stack as a picture, from the files or as the Engine has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from stackctl import files
from stackctl.commands.opened import look_at_host, open_stack
from stackctl.commands.story import Ended, GraphAnswer, Story
from stackctl.engine import Engine
from stackctl.errors import UsageError
from stackctl.graph import Graph
from stackctl.graph.drawn import from_files, with_observed
from stackctl.graph.html import page
from stackctl.graph.mermaid import mermaid
from stackctl.graph.svg import svg
from stackctl.observe import observe

FORMATS: Mapping[str, Callable[[Graph], str]] = {"svg": svg, "html": page, "mermaid": mermaid}
_SUFFIXES = {".svg": "svg", ".html": "html", ".htm": "html", ".mmd": "mermaid", ".mermaid": "mermaid"}


def graph(root: Path, *, shape: str, out: Path | None, observed: bool, environ: Mapping[str, str]) -> Story:
    """Without `observed`, the same picture on every machine; without `shape`, what the file's name says.

    Raises:
        UsageError: Neither the option nor the file's name says what it should be.
    """
    shape = shape or (_SUFFIXES.get(out.suffix.lower(), "") if out else "svg")
    if shape not in FORMATS:
        raise UsageError(
            f"{out} does not say what to draw", "name it *.svg, *.html or *.mmd, or add --format"
        )
    opened = open_stack(root)
    picture = from_files(opened.stack, opened.bundle)
    if observed:
        view = look_at_host(opened, environ)
        picture = from_files(opened.stack, opened.bundle, view.host.ports)
        with Engine.connect(environ) as engine:
            picture = with_observed(picture, opened.stack, observe(engine, opened.stack.name))
    text = FORMATS[shape](picture)
    if out is not None:
        files.write_atomically(Path.cwd() / out, text.encode())
    yield from ()
    return Ended(GraphAnswer(picture, shape, str(out or ""), text))
