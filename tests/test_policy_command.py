"""`stackctl policy` on a stack of two spokes."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from stackctl.commands.policy import policy
from stackctl.commands.story import PolicyAnswer
from stackctl.errors import Exit, UsageError
from stackctl.json_output import plain


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "spokes").mkdir()
    (tmp_path / "stack.yaml").write_text("version: 1\nname: lab\nedge: traefik\n")
    (tmp_path / "spokes" / "traefik.yaml").write_text(
        "kind: edge\nimage: traefik:v3.7\nnetworks: [proxy, socket]\n"
    )
    (tmp_path / "spokes" / "dsp.yaml").write_text(
        "kind: socket-proxy\nimage: tecnativa/docker-socket-proxy:v0.4.2\nnetworks: [socket]\n"
        "environment: {CONTAINERS: 1, POST: 0}\n"
    )
    return tmp_path


def told(story: Generator[Any, None, Any]) -> tuple[list[Any], PolicyAnswer]:
    ended = []

    def telling() -> Generator[Any, None, None]:
        ended.append((yield from story))

    events = list(telling())
    assert ended[0].exit_code is Exit.DONE
    return events, ended[0].answer


def test_it_tells_what_is_open_by_exposure_and_what_each_is_to_the_consumers(root: Path) -> None:
    events, answer = told(policy(root, "dsp", suggest=False))
    assert [event.message for event in events] == [
        "assumed, not measured for this image: `stackctl verify dsp` compares it"
    ]
    assert (answer.consumers, answer.declared, answer.needs, len(answer.opens)) == (
        ("traefik",),
        False,
        5,
        16,
    )
    assert (answer.opens[0].operation, answer.opens[0].exposes) == ("GET /containers/{id}/attach/ws", "exec")
    roles = [row.role for row in answer.opens]
    assert [roles.count(role) for role in ("needed", "optional", "excess")] == [5, 1, 10]
    assert answer.suggestion is None
    assert len(plain(answer)["opens"]) == 16


def test_it_suggests_the_smallest_policy_in_both_ways_of_writing_it(root: Path) -> None:
    _, answer = told(policy(root, "dsp", suggest=True))
    assert answer.suggestion
    assert (answer.suggestion.consumers, answer.suggestion.operations) == (("traefik",), ())
    assert answer.suggestion.environment == {"CONTAINERS": "1"}
    assert len(answer.suggestion.left_open) == 10


def test_only_a_socket_proxy_has_a_policy(root: Path) -> None:
    with pytest.raises(UsageError, match="no socket proxy"):
        next(policy(root, "traefik", suggest=False))
    with pytest.raises(UsageError, match="no spoke named"):
        next(policy(root, "nothing", suggest=False))
