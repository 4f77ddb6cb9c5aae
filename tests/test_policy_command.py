"""`stackctl policy` on a stack of two spokes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from stackctl.commands.image_answers import PolicyAnswer
from stackctl.commands.policy import policy
from stackctl.errors import Exit, UsageError
from stackctl.plain import plain


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


def shown(root: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "stackctl", "policy", "dsp", *words],
        cwd=root,
        env={**os.environ, "COLUMNS": "120"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return "\n".join(line.rstrip() for line in done.stdout.splitlines())


def test_a_person_sees_the_worst_first_and_the_count_last(root: Path) -> None:
    text = shown(root)
    assert text.startswith("dsp · switches (tecnativa, not measured) · for traefik (by its image)\n\nexec\n")
    titles = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert titles[1:-1] == ["exec", "logs", "file content", "secrets", "metadata", "nothing"]
    assert re.search(r"^  !  GET /containers/{id}/attach/ws +GET, yet writes stdin", text, re.M)
    assert re.search(r"^  ✓  GET /containers/{id}/json +Config.Env", text, re.M)
    assert "  ·  GET /_ping" in text
    assert text.splitlines()[-1] == "5 needed, 16 open, 10 in excess"


def test_what_is_missing_stands_before_the_count(root: Path) -> None:
    manifest = root / "spokes" / "dsp.yaml"
    manifest.write_text(manifest.read_text().replace("CONTAINERS: 1", "CONTAINERS: 0"))
    text = shown(root)
    assert "\nmissing\n  ✘  GET /containers/{id}/json" in text
    assert text.splitlines()[-1] == "5 needed, 4 open, 0 in excess, 2 missing"


def test_the_suggestion_can_be_copied_into_a_manifest(root: Path) -> None:
    manifest = root / "spokes" / "dsp.yaml"
    text = shown(root, "--suggest")
    _, _, suggested = text.partition("the smallest policy\n")
    policy, _, switches = suggested.partition("\nthe same with switches\n")
    assert "they open 16, 10 of which nobody needs:\n    ! GET /containers/{id}/archive" in switches
    kept = [line for line in manifest.read_text().splitlines() if "environment" not in line]
    manifest.write_text("\n".join(kept) + "\n" + dedent(policy))
    text = shown(root)
    assert text.startswith("dsp · strict · for traefik\n\nsecrets\n")
    assert text.splitlines()[-1] == "5 needed, 5 open, 0 in excess"


def test_only_a_socket_proxy_has_a_policy(root: Path) -> None:
    with pytest.raises(UsageError, match="no socket proxy"):
        next(policy(root, "traefik", suggest=False))
    with pytest.raises(UsageError, match="no spoke named"):
        next(policy(root, "nothing", suggest=False))
