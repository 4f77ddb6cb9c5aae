"""Rules about images."""

from __future__ import annotations

from collections.abc import Iterator

from stackctl.codes import finding
from stackctl.findings import Finding
from stackctl.model import Spoke, Stack
from stackctl.read.images import Image, split_image


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
        if _is_settled(spoke) or not _names_version(image):
            continue
        hint = f"{image}@sha256:…"
        yield finding("SC202", spoke.at("image"), f"`{image}` has no digest", hint, spoke.name)


def names_a_version(stack: Stack) -> Iterator[Finding]:
    """SC211: a page can only describe a version that is named."""
    for spoke in stack.spokes:
        image = split_image(spoke.image)
        if not _is_settled(spoke) and not _names_version(image):
            message = f"`{image}` means whatever version is the newest when it is pulled"
            hint = f"{image.repository}:VERSION@sha256:…"
            yield finding("SC211", spoke.at("image"), message, hint, spoke.name)


def _is_settled(spoke: Spoke) -> bool:
    """A variable may hold a digest, and what is built here is pinned by its build context."""
    image = spoke.image
    return not image or bool(split_image(image).digest) or "$" in image or "build" in spoke.service


def _names_version(image: Image) -> bool:
    return image.tag not in ("", "latest")


RULES = (has_image, is_pinned, names_a_version)
