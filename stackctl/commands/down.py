"""`stackctl down`: removes the stack's containers and networks, of all profiles; never a volume."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from stackctl import secrets
from stackctl.apply.trouble import explained
from stackctl.commands.opened import compose_for, look_at_host, open_stack
from stackctl.commands.render import write
from stackctl.commands.story import DownAnswer, Ended, Story
from stackctl.engine import Engine
from stackctl.errors import StackctlError
from stackctl.events import Finished, Said, Started
from stackctl.lock import Lock
from stackctl.observe import observe


def down(
    root: Path, *, confirm: Callable[[tuple[str, ...]], bool], environ: Mapping[str, str], held: Lock
) -> Story:
    opened = open_stack(root)
    view = look_at_host(opened, environ)
    engine = Engine.connect(environ)
    containers = observe(engine, opened.stack.name).containers
    names = tuple(container.name for container in containers)
    if not names:
        yield Said("nothing to do: the stack has no container")
        return Ended(DownAnswer(()))
    if not confirm(names):
        raise StackctlError("declined; nothing was changed")
    if not (root / "docker-compose.yml").exists():
        write(opened, view, {})
    yield Started("down")
    compose = compose_for(opened, view, environ, held)
    compose.check()
    done = compose.down()
    if done.exit_code:
        raise explained(done, "docker compose down")
    secrets.remove_all(root)
    yield Finished("down")
    return Ended(DownAnswer(names))
