"""The labels of what a run of checks makes and takes away again. Imports next to nothing."""

from __future__ import annotations

from collections.abc import Mapping

STACK_LABEL = "stackctl.prober"
OWNER_LABEL = "stackctl.prober.owner"
RUN_LABEL = "stackctl.prober.run"
_BY_COMPOSE = frozenset({"com.docker.compose.container-number", "com.docker.compose.network"})
"""On what Compose made. Its project stands on an image that it built too, and so on every copy of that."""


def is_throw_away(labels: Mapping[str, str]) -> bool:
    """Whether a run made this; one label alone may be stated, or inherited, by anything."""
    own = {STACK_LABEL, OWNER_LABEL, RUN_LABEL} <= labels.keys()
    return own and _BY_COMPOSE.isdisjoint(labels)
