"""`stackctl restart` and `stackctl stop`: containers that are there, as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stackctl.apply.trouble import explained
from stackctl.commands.opened import compose_for, look_at_host, named, open_stack
from stackctl.commands.story import ActedAnswer, Ended, Story
from stackctl.engine import Engine
from stackctl.errors import StackctlError
from stackctl.events import Finished, Said, Started
from stackctl.lock import Lock
from stackctl.observe import containers_of

RESTART, STOP = "restart", "stop"


def act(root: Path, verb: str, spokes: tuple[str, ...], *, environ: Mapping[str, str], held: Lock) -> Story:
    """Restarts or stops the containers of these spokes and of no others.

    Raises:
        StackctlError: One of them has no container.
    """
    opened = open_stack(root)
    view = look_at_host(opened, environ)
    engine = Engine.connect(environ)
    present = {c.spoke for c in containers_of(engine, opened.stack.name, named(opened, spokes))}
    for name in spokes:
        if name not in present:
            raise StackctlError(f"{name} has no container", f"create it: `stackctl up {name}`")
    if verb == STOP:
        for name in spokes:
            leaning = [
                s.name
                for s in opened.stack.spokes
                if name in [dependency.spoke for dependency in s.dependencies]
            ]
            if leaning := [other for other in leaning if other not in spokes]:
                verbs = "leans on {} and goes" if len(leaning) == 1 else "lean on {} and go"
                yield Said(f"{', '.join(leaning)} {verbs.format(name)} on without it", warning=True)
    compose = compose_for(opened, view, environ, held)
    for name in spokes:
        yield Started(verb, name)
        done = compose.restart((name,)) if verb == RESTART else compose.stop((name,))
        if done.exit_code:
            yield Finished(verb, name, ok=False)
            raise explained(done, f"the {verb}", name)
        yield Finished(verb, name)
    return Ended(ActedAnswer(verb, spokes))
