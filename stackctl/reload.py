"""Edges that read their routes again while they run: what each has read, and telling it to."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

from stackctl import state
from stackctl.apply.route_files import files_of, run_of, tell
from stackctl.compose import Compose
from stackctl.edge import written
from stackctl.engine import Engine
from stackctl.errors import StackctlError
from stackctl.events import Event, Finished, Started
from stackctl.model import Bundle, Container, Edge, Observed, Stack, Verb
from stackctl.observe import containers_of
from stackctl.render import RENDERED_DIR


def loaded(root: Path, stack: Stack, bundle: Bundle, observed: Observed) -> dict[str, str]:
    """Running edge -> digest of the routes that it has read; an edge is missing where that is not known.

    Traefik watches its files, so it has read what lies there. Caddy read what lay there when it started, or
    what it was told to since.
    """
    found = {}
    for spoke in bundle.reloads:
        running = observed.running(spoke)
        there = files_of(root, stack, spoke)
        if running is None or not there:
            continue
        if stack.edge is Edge.TRAEFIK:
            found[spoke] = written.digest(_contents(root, spoke, there))
        elif told := state.reloaded(root).get(run_of(running)):
            found[spoke] = told
        elif max(path.stat().st_mtime for path in there) <= _started(running):
            found[spoke] = written.digest(_contents(root, spoke, there))
        else:
            found[spoke] = "unknown"
    return found


def reload(
    spokes: Collection[str], stack: Stack, bundle: Bundle, root: Path, engine: Engine, compose: Compose
) -> Iterator[Event]:
    """Lets these edges read what is written; the requests that they serve go on.

    Raises:
        StackctlError: An edge refuses it; it goes on with what it had.
    """
    for container in containers_of(engine, compose.project, spokes):
        name = container.spoke
        yield Started(Verb.RELOAD, name)
        try:
            tell(container, stack, root, bundle.reloads[name], compose)
        except StackctlError:
            yield Finished(Verb.RELOAD, name, ok=False)
            raise
        yield Finished(Verb.RELOAD, name)


def _contents(root: Path, spoke: str, paths: list[Path]) -> dict[str, bytes]:
    folder = root / RENDERED_DIR / spoke
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _started(container: Container) -> float:
    # The Engine tells nanoseconds, of which Python understands six digits.
    said = str(container.inspect["State"].get("StartedAt", ""))[:26].rstrip("Z")
    return datetime.fromisoformat(f"{said}+00:00").timestamp()
