"""YAML becomes plain data with places; what a file says never raises."""

from __future__ import annotations

from typing import Any

import pytest

from stackctl.findings import Location
from stackctl.read.text import Source
from stackctl.read.yaml_nodes import Document, load_yaml


def load(text: str) -> Document:
    return load_yaml(Source("f.yaml", text))


def codes(text: str) -> list[tuple[str, str]]:
    return [(finding.code, str(finding.at)) for finding in load(text).findings]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-0", 0),
        ("0o17", 15),
        ("0x1F", 31),
        ("012", 12),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("yes", "yes"),
        ("off", "off"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2001-01-01", "2001-01-01"),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: Any) -> None:
    assert load(f"a: {text}").value == {"a": value}


def test_numbers_are_kept_as_they_were_written() -> None:
    document = load("version: 1.10\nmode: [0440]")
    assert document.written == {("version",): "1.10", ("mode", "0"): "0440"}


def test_every_key_and_item_has_its_place() -> None:
    places = load("a:\n  b: [x, y]\n80: z\n").places
    assert places["a",] == Location("f.yaml", 1, 1)
    assert places["a", "b"] == Location("f.yaml", 2, 3)
    assert places["a", "b", "1"] == Location("f.yaml", 2, 10)
    assert places["80",] == Location("f.yaml", 3, 1)


def test_a_colon_inside_brackets_is_text_as_in_compose() -> None:
    assert load("ports: [8080:80]").value == {"ports": ["8080:80"]}


def test_merge_keys_give_way_to_own_keys_and_keep_their_places() -> None:
    document = load("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\n")
    assert document.value["y"] == {"a": 1, "b": 3}
    assert document.places["y", "a"] == Location("f.yaml", 1, 8)
    assert document.places["y", "b"] == Location("f.yaml", 4, 3)


def test_a_list_of_merged_maps_prefers_the_first() -> None:
    assert load("x: &x {a: 1}\ny: &y {a: 2, b: 2}\nz: {<<: [*x, *y]}").value["z"] == {"a": 1, "b": 2}


def test_a_key_that_stands_twice_is_told_and_the_first_one_holds() -> None:
    assert codes("a: 1\nb: 2\na: 3\n") == [("SC104", "f.yaml:3:1")]
    assert load("a: 1\na: 3").value == {"a": 1}


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("a: [1\n", "SC101", "f.yaml:1:4"),
        ("a: 1\nb: c: d\n", "SC101", "f.yaml:2:5"),
        ("a: *nobody\n", "SC101", "f.yaml:1:4"),
        ("a: 1\n---\nb: 2\n", "SC101", "f.yaml:2:1"),
        ("a: \x00\n", "SC101", "f.yaml:1:1"),
        ("? [a]\n: 1\n", "SC103", "f.yaml:1:3"),
        ("a: !reset 1\n", "SC103", "f.yaml:1:4"),
        ("a: {<<: 1}\n", "SC103", "f.yaml:1:9"),
    ],
)
def test_what_cannot_be_read_is_a_finding_with_its_place(text: str, code: str, place: str) -> None:
    assert codes(text) == [(code, place)]


_BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "{a: " * 50_000,
        "- " * 200_000,
        "? " * 200_000,
        "a: &a [*a]",
        "&a {b: 1, <<: *a}",
        _BOMB,
    ],
    ids=["brackets", "braces", "dashes", "questions", "self", "merged self", "bomb"],
)
def test_a_file_built_to_break_the_reader_is_one_finding(text: str) -> None:
    assert [finding.code for finding in load(text).findings] == ["SC101"]


def test_many_brackets_beside_each_other_are_not_deep() -> None:
    assert load(f"a: [{', '.join(['[]'] * 500)}]").value == {"a": [[]] * 500}


@pytest.mark.parametrize(
    ("text", "said", "way_out"),
    [
        ("a:\n\tb: 1\n", "a tab", "spaces, not with tabs"),
        ("a:\n  b: 1\n\tc: 2\n", "a tab", "spaces, not with tabs"),
        ("a:\n  b: 1\n c: 2\n", "out of place", "indent it as far as"),
        ("a:\n  - 1\n  b: 2\n", "out of place", "indent it as far as"),
        ("a: [1\n", "a `[` that is not closed", "`]`"),
        ("a: {b: 1\n", "a `{` that is not closed", "`}`"),
        ("a: b: c\n", "a `:` where", "into quotes"),
        ("a: 1\nb\n", "a line without the `:`", "write `key: value`"),
        ('a: "b\n', "a quote that is never closed", "close it"),
        ('a: "\\q"\n', "unknown escape character", "into quotes"),
        ("a: *b\n", "undefined alias 'b'", "into quotes"),
    ],
)
def test_what_the_parser_stumbled_over_is_told_in_plain_words_with_a_way_out(
    text: str, said: str, way_out: str
) -> None:
    (told,) = load(text).findings
    assert said in told.message
    assert way_out in told.hint
