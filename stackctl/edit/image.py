"""A digest into the file that states a spoke's image, and into no other."""

from __future__ import annotations

from collections.abc import Mapping

from stackctl.edit import Raw
from stackctl.edit.manifest import rewrite
from stackctl.edit.page import set_digest, set_field
from stackctl.errors import StackctlError
from stackctl.model import Spoke
from stackctl.read.images import split_image
from stackctl.read.page import read_page
from stackctl.read.text import read_text


def with_digest(texts: Mapping[str, bytes], spoke: Spoke, digest: str) -> dict[str, bytes]:
    """The files that change so that the spoke's image is pinned to this digest; its tag stays.

    Where page and manifest both state the image, the digest stands where one stood before; else in the
    manifest. Raises StackctlError where neither states it in a way that can be edited.
    """
    tagged = spoke.image.partition("@")[0]
    changed: dict[str, bytes] = {}
    page_states = page_pins = False
    if spoke.page:
        source, _ = read_text(spoke.page, texts[spoke.page])
        page = read_page(source)
        written = str((page.service or {}).get("image", ""))
        page_states, page_pins = bool(written), bool(page.digest) or "@" in written
    if spoke.manifest:
        raw = Raw(spoke.manifest, texts[spoke.manifest])
        edits = tuple(
            rewrite(
                raw, lambda path, text, key: _pinned(text, digest) if path == ("image",) and not key else text
            )
        )
        stated = any(edits) or f"@{digest}" in spoke.image
        if edits and ("@" in edits[0].old or not page_pins):
            changed[spoke.manifest] = raw.edited(edits)
        elif not page_states and not stated:
            raise StackctlError(f"{spoke.manifest} does not state the image of {spoke.name}")
    if page_states and (page_pins or spoke.manifest not in changed):
        raw = Raw(spoke.page, texts[spoke.page])
        edits = (
            set_field(raw, "Image", f"{tagged}@{digest}")
            if "@" in written
            else set_digest(raw, f"{split_image(tagged).repository}@{digest}")
        )
        changed[spoke.page] = raw.edited(edits)
    return {file: data for file, data in changed.items() if data != texts[file]}


def _pinned(text: str, digest: str) -> str:
    return f"{text.partition('@')[0]}@{digest}"
