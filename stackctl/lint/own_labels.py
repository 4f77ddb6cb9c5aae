"""Rules about the labels by which stackctl knows its own containers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stackctl.codes import finding
from stackctl.findings import Finding
from stackctl.fingerprint import OWN_LABELS
from stackctl.model import Stack


def own_labels_are_stated_by_nobody(stack: Stack) -> Iterator[Finding]:
    """SC113: by them a container would be taken for one of stackctl's own; an image hands its on."""
    for spoke in stack.spokes:
        for path in (("labels",), ("build", "labels")):
            stated: Any = spoke.service
            for key in path:
                stated = stated.get(key) if isinstance(stated, Mapping) else None
            for label in stated if isinstance(stated, Mapping) else ():
                if label.startswith(OWN_LABELS):
                    message = f"`{label}` is a label of stackctl's own, and {spoke.name} states it"
                    yield finding("SC113", spoke.at(*path, label), message, spoke=spoke.name)


RULES = (own_labels_are_stated_by_nobody,)
