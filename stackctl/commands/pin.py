"""`stackctl pin`: what each image's tag means in its registry, written into the files as a digest."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from stackctl import files
from stackctl.checks import checks
from stackctl.commands.image_answers import Pin, PinAnswer
from stackctl.commands.opened import HostView, Opened, look_at_host, named, open_stack
from stackctl.commands.story import Ended, Story
from stackctl.edit import write
from stackctl.edit.image import with_digest
from stackctl.engine import Engine
from stackctl.errors import EngineUnavailable, Exit, StackctlError
from stackctl.events import Event, Finished, Started
from stackctl.model import Result, Spoke
from stackctl.observe import in_full, observe
from stackctl.read.images import split_image
from stackctl.read.stack import read_stack
from stackctl.verify.candidate import Tried, try_image


@dataclass
class _Done:
    changed: list[str] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)


def pin(
    root: Path, spokes: tuple[str, ...], *, check: bool, update: bool, environ: Mapping[str, str]
) -> Story:
    """Without `update`, what is pinned stays; with it, a tag that moved is tried before it is written."""
    opened = open_stack(root)
    chosen = [opened.stack.spoke(name) for name in named(opened.stack, spokes)] or list(opened.stack.spokes)
    done = _Done()
    with Engine.connect(environ) as engine:
        pins = yield from _looked_up(chosen, engine)
        if not check:
            view = look_at_host(opened, environ)
            for number, found in enumerate(pins):
                spoke = opened.stack.spoke(found.spoke)
                if found.state == "unpinned" or (found.state == "moved" and update):
                    good = found if not update else (yield from _tried(found, opened, view, engine, done))
                    pins[number] = good
                    if not good.why:
                        done.changed += _write(root, opened, spoke, good.digest)
                        pins[number] = replace(good, written=True)
    pending = any(p.state in ("unpinned", "moved") for p in pins) if check else False
    failed = any(p.state == "unknown" or (p.why and p.state in ("unpinned", "moved")) for p in pins)
    code = Exit.FAILED if failed else Exit.PENDING if pending else Exit.DONE
    return Ended(PinAnswer(tuple(pins), tuple(done.changed), tuple(done.results)), code)


def _looked_up(spokes: list[Spoke], engine: Engine) -> Generator[Event, None, list[Pin]]:
    known: dict[str, str] = {}
    pins: list[Pin] = []
    # One step for all: what came of each image is told by the answer.
    step = "ask the registries"
    yield Started(step)
    for spoke in spokes:
        image = split_image(spoke.image)
        if why := _not_asked(spoke):
            pins.append(Pin(spoke.name, spoke.image, "", "skipped", why))
            continue
        tagged = spoke.image.partition("@")[0]
        try:
            if tagged not in known:
                known[tagged] = engine.digest(tagged)
        except EngineUnavailable:
            raise
        except StackctlError as error:
            why = f"{error.message}: {error.detail}" if error.detail else error.message
            pins.append(Pin(spoke.name, spoke.image, "", "unknown", why))
            continue
        digest = known[tagged]
        if not image.digest:
            pins.append(Pin(spoke.name, spoke.image, digest, "unpinned"))
        else:
            pins.append(Pin(spoke.name, spoke.image, digest, "pinned" if image.digest == digest else "moved"))
    yield Finished(step, ok=all(pin.state != "unknown" for pin in pins))
    return pins


def _not_asked(spoke: Spoke) -> str:
    image = split_image(spoke.image)
    if spoke.service.get("build") or not spoke.image:
        return "its image is built here"
    if "$" in spoke.image:
        return "its image depends on a variable"
    if image.digest and not image.tag:
        return "it states a digest and no tag, so there is nothing newer to ask for"
    return ""


def _tried(
    found: Pin, opened: Opened, view: HostView, engine: Engine, done: _Done
) -> Generator[Event, None, Pin]:
    """The pin with the reason for which it is not written; without one where the candidate is good."""
    reference = f"{split_image(found.image).repository}@{found.digest}"
    here = engine.has_image(reference)
    tried = yield from _in_a_copy(found, reference, opened, view, engine, done)
    if tried.why and not here:
        # Nobody will want it; where it cannot go, it is no reason to end.
        with suppress(StackctlError):
            engine.remove_image(reference)
    return tried


def _in_a_copy(
    found: Pin, reference: str, opened: Opened, view: HostView, engine: Engine, done: _Done
) -> Generator[Event, None, Pin]:
    name = found.spoke
    step = f"pull {reference.partition('@')[0]}"
    yield Started(step, name)
    try:
        engine.pull(reference)
    except StackctlError as error:
        yield Finished(step, name, ok=False)
        return replace(found, why=f"{error.message}: {error.detail}")
    yield Finished(step, name)
    observed = in_full(engine, observe(engine, opened.stack.name))
    running = {container.spoke for container in observed.containers}
    asked = checks(opened.stack, opened.bundle, running | {name})
    prober = view.host.prober_image or opened.stack.prober_image
    tried = Tried((), "nothing was tried")
    told = try_image(reference, name, asked, opened.stack, opened.bundle, observed, engine, prober)
    for event in told:
        if isinstance(event, Tried):
            tried = event
        else:
            yield event
    done.results += tried.results
    return replace(found, why=tried.why)


def _write(root: Path, opened: Opened, spoke: Spoke, digest: str) -> Iterator[str]:
    """Pins the spoke in its files, once it is seen that they then say exactly that."""
    texts = files.load(root)
    after = with_digest(texts, spoke, digest)
    reading = read_stack({**texts, **after})
    wanted = f"{spoke.image.partition('@')[0]}@{digest}"
    again = reading.stack.spoke(spoke.name) if reading.stack else None
    if (
        again is None
        or again.image != wanted
        or any(f.blocks and f.spoke == spoke.name for f in reading.findings)
    ):
        raise StackctlError(
            f"the digest of {spoke.name} has no place that can be edited; its files are as they were",
            f"write it by hand: `{wanted}`",
        )
    for file, data in after.items():
        write(root, file, texts[file], data)
        yield file
