"""How wide a text is drawn, at least: enough that nothing runs into its neighbour in any common font."""

from __future__ import annotations

import unicodedata

_EM = {
    **dict.fromkeys("iIjl.,:;'|!", 0.37),
    **dict.fromkeys("tfr()[]{}/\\- ", 0.44),
    **dict.fromkeys("sczkxyv", 0.6),
    **dict.fromkeys("mwMW@%", 1.02),
}
BOLD = 1.13
"""How much wider a text in semibold is."""


def width(text: str, size: float) -> float:
    """Pixels, for a font of `size` pixels; DejaVu Sans, the widest of the usual ones, is the measure."""
    return size * sum(map(_em, text))


def _em(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    return _EM.get(character, 0.76 if character.isupper() else 0.65)


def fitted(text: str, room: float, size: float) -> str:
    """The text, or as much of its beginning as fits, with `…` behind it."""
    if width(text, size) <= room:
        return text
    while text and width(text + "…", size) > room:
        text = text[:-1]
    return text.rstrip() + "…"
