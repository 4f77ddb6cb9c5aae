"""From one edge to the other: said in one line of `stack.yaml`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.scenarios.shipped import ShippedStack

pytestmark = pytest.mark.slow


@pytest.fixture
def moved(shipped_apart: ShippedStack) -> Iterator[ShippedStack]:
    yield shipped_apart
    shipped_apart.run("down", "--yes")


def test_the_stack_moves_from_one_edge_to_the_other_and_back_as_rollback_does(moved: ShippedStack) -> None:
    def up(edge: str) -> list[tuple[str, str, str]]:
        file = moved.root / "stack.yaml"
        file.write_text(re.sub(r"^edge: .*$", f"edge: {edge}", file.read_text(), flags=re.MULTILINE))
        other = {"traefik", "caddy"} & moved.container_ids().keys() - {edge}
        seen = moved.json("status")
        assert (seen["resting"], seen["strays"]) == ([f"{moved.name}-{name}-1" for name in other], [])
        done = moved.json("up", "--profile", "core", "--yes", "--allow-exposure")
        assert done["exit"] == 0, done
        assert moved.container_ids().keys() == {"docker-socket-proxy", "whoami", edge}
        seen = [(r["check"]["code"], r["check"]["spoke"], r["outcome"]) for r in done["results"]]
        return [result for result in seen if result[1] in ("whoami", edge)]

    for edge in ("traefik", "caddy", "traefik"):
        results = up(edge)
        assert {outcome for _, _, outcome in results} == {"passed"}
        assert {("CK301", "whoami"), ("CK302", edge)} <= {(code, spoke) for code, spoke, _ in results}

    done = moved.run("rollback", "--to", "2", "--yes", "--no-verify", "--allow-exposure")
    assert done.returncode == 0, done.stdout + done.stderr
    assert moved.container_ids().keys() == {"docker-socket-proxy", "whoami", "caddy"}
