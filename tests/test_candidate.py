"""Which images are tried in a copy, and which are not: a copy has the networks and secrets of the original."""

from __future__ import annotations

import pytest

from stackctl.read.stack import read_stack
from stackctl.verify.candidate import data_of_others


@pytest.mark.parametrize(
    ("database", "keeper"),
    [
        ("volumes: [data:/var/lib/postgresql/data]", "db"),
        ("volumes: [data:/var/lib/postgresql/data:ro]", ""),
        ("tmpfs: [/data]", ""),
    ],
)
def test_a_copy_is_not_let_at_the_data_that_another_spoke_keeps(database: str, keeper: str) -> None:
    texts = {
        "stack.yaml": b"name: home\n",
        "spokes/app.yaml": b"image: a:1\nnetworks: [proxy]\ndepends_on: [db]\n",
        "spokes/db.yaml": f"image: b:1\nnetworks: [proxy]\n{database}\n".encode(),
    }
    stack = read_stack(texts).stack
    assert stack is not None
    assert data_of_others(stack, "app") == keeper
    assert data_of_others(stack, "db") == ""


@pytest.mark.parametrize(
    ("app", "database", "keeper"),
    [
        ("networks: [proxy, data]", "networks: [data]", "db"),
        ("networks: [proxy, data]", "networks: [alias]", "db"),
        ("networks: [proxy]", "networks: [proxy]", ""),
        ("networks: [proxy, data]", "networks: [other]", ""),
        ("networks: [proxy]\ndepends_on: [worker]", "networks: [other]", "db"),
    ],
)
def test_a_database_counts_although_nobody_declared_that_it_is_needed(
    app: str, database: str, keeper: str
) -> None:
    texts = {
        "stack.yaml": b"name: home\nnetworks: {data: {name: d}, alias: {name: d}, other: {}}\n",
        "spokes/app.yaml": f"image: a:1\n{app}\nvolumes: [own:/own]\n".encode(),
        "spokes/worker.yaml": b"image: w:1\nnetworks: [other]\ndepends_on: [db]\n",
        "spokes/db.yaml": f"image: b:1\n{database}\nvolumes: [kept:/data]\n".encode(),
    }
    stack = read_stack(texts).stack
    assert stack is not None
    assert data_of_others(stack, "app") == keeper
