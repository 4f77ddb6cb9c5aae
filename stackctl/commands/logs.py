"""`stackctl logs`: what the containers of spokes write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stackctl.apply.trouble import clearer
from stackctl.commands.opened import compose_for, look_at_host, named, open_stack
from stackctl.commands.story import Ended, LinesAnswer, Story
from stackctl.errors import StackctlError
from stackctl.events import Line


def logs(
    root: Path, spokes: tuple[str, ...], *, follow: bool, tail: int, environ: Mapping[str, str]
) -> Story:
    opened = open_stack(root)
    view = look_at_host(opened, environ)
    compose = compose_for(opened, view, environ)
    try:
        for line in compose.logs(named(opened, spokes), follow=follow, tail=tail):
            yield Line(*line)
    except StackctlError as error:
        raise clearer(error) from error
    return Ended(LinesAnswer())
