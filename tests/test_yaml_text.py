"""Rendered YAML must mean to Compose what the data meant, whatever library reads it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from stackctl.yaml_text import Override, dump, scalar

SCALARS = st.none() | st.booleans() | st.integers() | st.text()
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), DATA, max_size=5))
def test_what_was_written_reads_back_as_it_was(document: dict[str, Any]) -> None:
    assert (YAML(typ="safe", pure=True).load(dump(document)) or {}) == document


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "No",
        "on",
        "null",
        "~",
        "1_000",
        "0x1f",
        "1e3",
        "12:30",
        "2024-01-01",
        "",
        " a",
        "a: b",
        "- a",
        "#",
        "!x",
        "*a",
        "&a",
    ],
)
def test_a_string_that_some_reader_takes_for_something_else_is_quoted(text: str) -> None:
    assert scalar(text).startswith('"')


def test_a_comment_stands_above_its_key_and_changes_no_data() -> None:
    text = dump({"services": {"web": {"image": "nginx"}}}, {("services", "web"): "spokes/web.md"})
    assert text == "services:\n  # spokes/web.md\n  web:\n    image: nginx\n"


def test_a_list_that_replaces_another_says_so() -> None:
    assert dump({"ports": Override([{"target": 80}])}) == "ports: !override\n  - target: 80\n"
    assert dump({"ports": Override([])}) == "ports: !override []\n"
