"""What commands on running containers begin with: the stack's names, the Engine, and Compose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stackctl import files, secrets
from stackctl.commands.opened import find, named
from stackctl.compose import Compose
from stackctl.engine import Engine
from stackctl.events import Said
from stackctl.findings import InvalidFiles
from stackctl.lock import Lock
from stackctl.model import Stack, secret_of
from stackctl.observe import containers_of


@dataclass(frozen=True)
class Acting:
    """What it takes to act on what runs; no file has to be sound for that, so that a mistake in one never
    keeps a person from stopping a container or reading its logs."""

    stack: Stack
    engine: Engine
    compose: Compose
    blocked: int
    """How many errors the files hold."""

    def warned(self) -> Iterator[Said]:
        if self.blocked:
            count = f"{self.blocked} error{'s' if self.blocked != 1 else ''}"
            yield Said(f"the stack's files hold {count}: see `stackctl lint`", warning=True)


def act_on(
    root: Path, environ: Mapping[str, str], spokes: tuple[str, ...], held: Lock | None = None
) -> Acting:
    """For commands on the containers of these spokes.

    Raises:
        InvalidFiles: stack.yaml cannot be read at all.
        UsageError: One of the spokes is none.
        EngineUnavailable: No Engine answers.
    """
    stack, findings = find(root)
    if stack is None:
        raise InvalidFiles(findings)
    named(stack, spokes)
    host, wrong = files.read_host(root, environ)
    engine = Engine.connect(environ)
    known = (
        *secrets.at_hand(stack, root, host.variables),
        *secrets.of_variables(stack, [spoke.service for spoke in stack.spokes], host.variables),
    )
    if any(secret_of(value) for name in spokes for value in stack.spoke(name).environment.values()):
        # A source that is a program is not asked for this: the container tells what it was given.
        known = (*known, *secrets.in_containers(stack, containers_of(engine, stack.name, spokes)))
    keep_open = (held.descriptor,) if held else ()
    compose = Compose(stack.name, root, {**environ, **host.variables}, known, keep_open)
    return Acting(stack, engine, compose, sum(found.blocks for found in (*findings, *wrong)))
