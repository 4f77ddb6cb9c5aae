"""docs/rights.md says of every command what it asks of the Engine; scenarios compare it with what they record."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from stackctl.api import consumer, consumers, operation
from stackctl.haproxy import config
from stackctl.model import Kind, Mode, Policy, Spoke, Stack
from stackctl.policy import Strict, enforced
from stackctl.policy_problems import problems
from tests.command_line import stackctl
from tests.relay import relay
from tests.rights_page import PAGE, Row, rows
from tests.test_cli_help import COMMANDS

PROXY = "tecnativa/docker-socket-proxy:v0.4.2"
NOTHING = ("render", "graph", "fingerprint", "policy proxy", "records", "docs sync")
ROWS = {row.commands: row for row in rows()}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_stands_on_the_page(name: str) -> None:
    assert re.search(rf"`{name}[ `]", PAGE.read_text())


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_row_is_a_policy_that_is_rendered(row: Row) -> None:
    policy = Policy(operations=tuple(sorted(row.own | row.docker)), mode=Mode.STRICT)
    proxy = Spoke("reader", Kind.SOCKET_PROXY, {"image": PROXY}, policy=policy)
    assert problems(Stack("x", (proxy,)), proxy) == ()
    holds = enforced(proxy)
    assert isinstance(holds, Strict)
    text = config(holds.operations)
    for known in map(operation, policy.operations):
        assert known is not None
        assert known.pattern in text


@pytest.mark.parametrize("row", [row for row in rows() if row.consumer], ids=lambda row: row.consumer)
def test_what_only_looks_is_a_consumer_that_needs_just_that(row: Row) -> None:
    known = consumer(row.consumer)
    assert known is not None
    assert {str(operation) for operation in known.required} == row.own | row.docker
    assert not any(operation.mutating for operation in known.required)


def test_every_consumer_of_stackctl_stands_on_the_page() -> None:
    ours = {known.name for known in consumers() if known.name.startswith("stackctl")}
    assert ours == {row.consumer for row in rows()} - {""}


def test_what_asks_nothing_opens_no_connection(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text("name: quiet\n")
    (tmp_path / "spokes").mkdir()
    policy = {
        "kind": "socket-proxy",
        "image": PROXY,
        "networks": ["socket"],
        "policy": {"consumers": ["traefik"]},
    }
    (tmp_path / "spokes" / "proxy.yaml").write_text(json.dumps(policy))
    with relay() as asked:
        for command in NOTHING:
            ran = stackctl(tmp_path, *command.split(), DOCKER_HOST=asked.url)
            assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"
    assert asked.connections == []
