"""What is swept away is what a run left behind, and nothing that only calls itself that."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from stackctl.throwaway_labels import OWNER_LABEL, RUN_LABEL, STACK_LABEL
from stackctl.verify.throwaway import here, owner, sweep

DEAD = {STACK_LABEL: "home", OWNER_LABEL: f"{here()}:1:never", RUN_LABEL: "0a1b"}
LIVING = {**DEAD, OWNER_LABEL: owner()}
PROJECT = "com.docker.compose.project"


def swept(labels: dict[str, str]) -> list[str]:
    """What is removed of a container and a network that have these labels."""
    gone: list[str] = []

    def listed(kind: str) -> list[dict[str, Any]]:
        return [{"Id": kind, "Labels": labels}]

    api = SimpleNamespace(
        containers=lambda **_: listed("container"),
        networks=lambda **_: listed("network"),
        remove_container=lambda id, **_: gone.append(id),
        remove_network=gone.append,
    )
    sdk: Any = SimpleNamespace(api=api)
    sweep(sdk, "home")
    return gone


def test_what_a_run_left_whose_process_is_gone_goes() -> None:
    assert swept(DEAD) == ["container", "network"]
    assert swept({**DEAD, OWNER_LABEL: ""}) == ["container", "network"]
    assert swept({**DEAD, PROJECT: "app"}) == ["container", "network"], (
        "a copy of an image that Compose built"
    )


@pytest.mark.parametrize(
    "labels",
    [
        LIVING,
        {STACK_LABEL: "home"},
        {key: value for key, value in DEAD.items() if key != OWNER_LABEL},
        {key: value for key, value in DEAD.items() if key != RUN_LABEL},
        {**DEAD, PROJECT: "app", "com.docker.compose.container-number": "1"},
        {**DEAD, PROJECT: "app", "com.docker.compose.network": "socket"},
    ],
)
def test_nothing_else_goes_whatever_it_calls_itself(labels: dict[str, str]) -> None:
    assert swept(labels) == []
