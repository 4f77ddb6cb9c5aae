"""`stackctl logs`: what the containers of spokes write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stackctl.apply.trouble import clearer
from stackctl.commands.acting import act_on
from stackctl.commands.story import Ended, LinesAnswer, Story
from stackctl.errors import StackctlError
from stackctl.events import Line
from stackctl.observe import containers_of


def logs(
    root: Path, spokes: tuple[str, ...], *, follow: bool, tail: int, environ: Mapping[str, str]
) -> Story:
    acting = act_on(root, environ, spokes)
    present = {c.spoke for c in containers_of(acting.engine, acting.stack.name, spokes)}
    for name in spokes:
        if name not in present:
            raise StackctlError(f"{name} has no container", f"create it: `stackctl up {name}`")
    try:
        for line in acting.compose.logs(spokes, follow=follow, tail=tail):
            yield Line(*line)
    except StackctlError as error:
        raise clearer(error) from error
    return Ended(LinesAnswer())
