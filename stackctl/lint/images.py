"""Rules about images."""

from __future__ import annotations

from collections.abc import Iterator

from stackctl.codes import finding
from stackctl.findings import Finding
from stackctl.model import Stack
from stackctl.read.images import split_image


def has_image(stack: Stack) -> Iterator[Finding]:
    """SC201: there is something to start."""
    for spoke in stack.spokes:
        if not spoke.states("image") and not spoke.states("build"):
            hint = "state an `Image:` on the page, or `image:` in the manifest"
            yield finding("SC201", spoke.at("image"), f"{spoke.name} has no image", hint, spoke.name)


def is_pinned(stack: Stack) -> Iterator[Finding]:
    """SC202: what runs is what was looked at."""
    for spoke in stack.spokes:
        image = split_image(spoke.image)
        # A variable may hold a digest, and what is built here is pinned by its build context.
        if not spoke.image or image.digest or "$" in spoke.image or "build" in spoke.service:
            continue
        hint = f"{image}@sha256:…"
        yield finding("SC202", spoke.at("image"), f"`{image}` has no digest", hint, spoke.name)


RULES = (has_image, is_pinned)
