"""Edges that read their routes again while they run: what each has read, and telling it to."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

from stackctl import state
from stackctl.apply.trouble import explained
from stackctl.compose import Compose
from stackctl.edge import caddy, written
from stackctl.engine import Engine
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
        there = _files(root, stack, spoke)
        if running is None or not there:
            continue
        if stack.edge is Edge.TRAEFIK:
            found[spoke] = written.digest(_contents(root, spoke, there))
        elif told := state.reloaded(root).get(_run(running)):
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
    read = state.reloaded(root)
    for container in containers_of(engine, compose.project, spokes):
        name = container.spoke
        yield Started(Verb.RELOAD, name)
        if stack.edge is Edge.TRAEFIK:
            # It reads certificates only together with its routes, and those when something happens to them.
            for path in _files(root, stack, name):
                os.utime(path)
        else:
            done = compose.exec(container.id, caddy.RELOAD)
            if done.exit_code:
                yield Finished(Verb.RELOAD, name, ok=False)
                raise explained(done, "reading the routes again", name)
            read = {key: value for key, value in read.items() if not key.startswith(f"{name} ")}
            read[_run(container)] = bundle.reloads[name]
            state.remember_reloaded(root, read)
        yield Finished(Verb.RELOAD, name)


def _files(root: Path, stack: Stack, spoke: str) -> list[Path]:
    paths = (root / RENDERED_DIR / spoke / name for name in written.reloaded(stack))
    return [path for path in paths if path.is_file()]


def _contents(root: Path, spoke: str, paths: list[Path]) -> dict[str, bytes]:
    folder = root / RENDERED_DIR / spoke
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _run(container: Container) -> str:
    return f"{container.spoke} {container.id} {container.inspect['State'].get('StartedAt', '')}"


def _started(container: Container) -> float:
    # The Engine tells nanoseconds, of which Python understands six digits.
    said = str(container.inspect["State"].get("StartedAt", ""))[:26].rstrip("Z")
    return datetime.fromisoformat(f"{said}+00:00").timestamp()
