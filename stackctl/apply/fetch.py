"""Getting the images that a plan needs and this Engine does not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stackctl.apply.trouble import blamed, explained
from stackctl.compose import Compose
from stackctl.errors import StackctlError
from stackctl.events import Event, Finished, Started
from stackctl.model import Plan, Verb, Wanted

STAND_INS = "stackctl.local/"
"""Images under this name are built on the host; no registry has them."""


def fetch(plan: Plan, wanted: Mapping[str, Wanted], compose: Compose) -> Iterator[Event]:
    """Build what is built here and pull what is missing; images that are there are left as they are."""
    made = tuple(a.spoke for a in plan.actions if a.verb in (Verb.CREATE, Verb.RECREATE))
    built = tuple(name for name in made if wanted[name].stanza.get("build"))
    missing = tuple(name for name in made if name not in built and not wanted[name].image_id)
    for name in missing:
        image = str(wanted[name].stanza.get("image", ""))
        if image.startswith(STAND_INS):
            raise StackctlError(
                f"{name}: the stand-in image {image} is not on this Engine",
                "build the stand-ins again, or take it out of stack.local.yaml to use the declared image",
            )
    yield from _each("build", built, compose)
    yield from _each("pull", missing, compose)


def _each(step: str, services: tuple[str, ...], compose: Compose) -> Iterator[Event]:
    if not services:
        return
    for name in services:
        yield Started(step, name)
    done = compose.build(services) if step == "build" else compose.pull(services)
    if done.exit_code:
        culprit = blamed(done, compose.project, services)
        error = explained(done, f"the {step}", culprit)
        for name in services:
            yield Finished(step, name, ok=False, detail=error.message if name == culprit else "")
        raise error
    for name in services:
        yield Finished(step, name)
