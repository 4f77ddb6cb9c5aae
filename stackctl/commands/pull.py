"""`stackctl pull`: the images of spokes, newly asked from their registries; nothing is restarted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stackctl.apply.fetch import STAND_INS
from stackctl.apply.trouble import explained
from stackctl.commands.image_answers import PullAnswer, PulledImage
from stackctl.commands.opened import compose_for, look_at_host, named, open_stack
from stackctl.commands.plan import image_id
from stackctl.commands.render import write_closed
from stackctl.commands.story import Ended, Story
from stackctl.engine import Engine
from stackctl.events import Finished, Started
from stackctl.lock import Lock
from stackctl.observe import observe
from stackctl.plan import selected


def pull(
    root: Path,
    spokes: tuple[str, ...],
    *,
    profiles: frozenset[str],
    environ: Mapping[str, str],
    held: Lock,
) -> Story:
    opened = open_stack(root)
    view = look_at_host(opened, environ)
    engine = Engine.connect(environ)
    chosen = named(opened.stack, spokes) or tuple(sorted(selected(opened.stack, profiles)))
    yield from write_closed(opened, view)
    before = observe(engine, opened.stack.name)
    compose = compose_for(opened, view, environ, held)
    skipped: dict[str, str] = {}
    pulled: list[str] = []
    for name in chosen:
        stanza = view.on_host.stanzas[name]
        if stanza.get("build"):
            skipped[name] = "its image is built here"
        elif str(stanza.get("image", "")).startswith(STAND_INS):
            skipped[name] = "a stand-in runs here, which no registry has"
        else:
            yield Started("pull", name)
            done = compose.pull((name,))
            if done.exit_code:
                yield Finished("pull", name, ok=False)
                raise explained(done, "the pull", name)
            yield Finished("pull", name)
            pulled.append(name)
    after = observe(engine, opened.stack.name)
    images = tuple(
        PulledImage(
            name,
            str(view.on_host.stanzas[name].get("image", "")),
            image_id(before, view, name),
            image_id(after, view, name),
        )
        for name in pulled
    )
    return Ended(PullAnswer(images, skipped))
