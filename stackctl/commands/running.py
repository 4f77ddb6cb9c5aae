"""`stackctl restart` and `stackctl stop`: containers that are there, as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from stackctl.apply.trouble import explained
from stackctl.commands.acting import Acting, act_on
from stackctl.commands.story import ActedAnswer, Ended, Story
from stackctl.errors import StackctlError
from stackctl.events import Finished, Said, Started
from stackctl.lock import Lock
from stackctl.observe import containers_of

RESTART, STOP = "restart", "stop"


def act(root: Path, verb: str, spokes: tuple[str, ...], *, environ: Mapping[str, str], held: Lock) -> Story:
    """Restarts or stops the containers of these spokes; of others, restarts only what lives inside them.

    Raises:
        StackctlError: One of them has no container.
    """
    acting = act_on(root, environ, spokes, held)
    yield from acting.warned()
    present = {c.spoke for c in containers_of(acting.engine, acting.stack.name, spokes)}
    for name in spokes:
        if name not in present:
            raise StackctlError(f"{name} has no container", f"create it: `stackctl up {name}`")
    if verb == STOP:
        for name in spokes:
            leaning = [
                s.name
                for s in acting.stack.spokes
                if name in [dependency.spoke for dependency in s.dependencies]
            ]
            if leaning := [other for other in leaning if other not in spokes]:
                verbs = "leans on {} and goes" if len(leaning) == 1 else "lean on {} and go"
                yield Said(f"{', '.join(leaning)} {verbs.format(name)} on without it", warning=True)
    else:
        inside = tuple(_inside(acting, spokes))
        for name in inside:
            yield Said(f"{name} lives in a namespace of another one, so it restarts too")
        spokes = (*spokes, *inside)
    compose = acting.compose
    for name in spokes:
        yield Started(verb, name)
        done = compose.restart((name,)) if verb == RESTART else compose.stop((name,))
        if done.exit_code:
            yield Finished(verb, name, ok=False)
            raise explained(done, f"the {verb}", name)
        yield Finished(verb, name)
    return Ended(ActedAnswer(verb, spokes))


def _inside(acting: Acting, spokes: tuple[str, ...]) -> Iterator[str]:
    """Others that run in a namespace which ends with that of these spokes."""
    lives_in = {spoke.name: {*spoke.lives_in.values()} for spoke in acting.stack.spokes}
    names = [c.spoke for c in containers_of(acting.engine, acting.stack.name, lives_in) if c.running]
    found = set(spokes)
    # In the order in which each finds its own again.
    while more := sorted(name for name in {*names} - found if lives_in[name] & found):
        yield from more
        found |= {*more}
