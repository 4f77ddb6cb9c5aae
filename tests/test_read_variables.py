"""Variables mean what they mean to Compose, except that an undefined one is never empty."""

from __future__ import annotations

import pytest

from stackctl.read.variables import (
    InvalidVariable,
    Undefined,
    Unresolved,
    interpolate,
    interpolate_data,
    names,
    needed,
    parse_env,
)

DEFINED = {"A": "a", "EMPTY": "", "B": "b"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$A-${A}_x", "a-a_x"),
        ("$$A $${A}", "$A ${A}"),
        ("${EMPTY}", ""),
        ("${EMPTY:-d} ${EMPTY-d}", "d "),
        ("${NONE:-d} ${NONE-d} ${NONE:-}", "d d "),
        ("${A:-d} ${A:?e} ${A?e}", "a a a"),
        ("${A:+r} ${EMPTY:+r} ${EMPTY+r} ${NONE+r}", "r  r "),
        ("${NONE:-${ALSO:-${B}}}", "b"),
        ("${NONE:-{x}}", "{x}"),
        ("${NONE:-a:b/c?d}", "a:b/c?d"),
    ],
)
def test_every_form_of_compose(text: str, value: str) -> None:
    assert interpolate(text, DEFINED) == value


@pytest.mark.parametrize("text", ["$NONE", "${NONE}", "${NONE?why}", "${EMPTY:?why}", "${NONE:-${ALSO}}"])
def test_an_undefined_variable_is_an_error(text: str) -> None:
    with pytest.raises(Undefined):
        interpolate(text, DEFINED)


def test_the_message_of_the_file_is_passed_on() -> None:
    with pytest.raises(Undefined) as caught:
        interpolate("${NONE:?set it to $A}", DEFINED)
    assert (caught.value.name, caught.value.message) == ("NONE", "set it to a")


@pytest.mark.parametrize("text", ["$", "a$", "$%", "${}", "${A", "${1}", "${A!x}", "${" * 50])
def test_what_compose_refuses_is_refused(text: str) -> None:
    with pytest.raises(InvalidVariable):
        interpolate(text, DEFINED)


def test_names_are_found_in_defaults_too_but_not_behind_two_dollars() -> None:
    assert names("$A ${B:-${C}} $$D") == {"A", "B", "C"}


def test_needed_are_those_without_which_there_is_no_value() -> None:
    assert needed("${A:-${B}} ${C:+${D}} $E") == {"B", "E"}


def test_data_is_resolved_and_all_that_is_missing_is_collected() -> None:
    data = {"a": ["$A", "$NONE", 1], "b": {"c": "${ALSO:?why}"}, "$A": None}
    value, missing = interpolate_data(data, DEFINED)
    assert value["a"] == ["a", "$NONE", 1]
    assert value["$A"] is None
    assert missing == (Unresolved(("a", "1"), "NONE"), Unresolved(("b", "c"), "ALSO", "why"))


def test_an_env_file_is_read_as_compose_reads_it() -> None:
    text = """\ufeff# comment
PLAIN=a b  # comment
export EXPORTED=x#y
SINGLE='$A "q" \\n'
DOUBLE="$PLAIN\\n${A}" # comment
LINES="one
two"
EMPTY=
COLON: c
DEFAULT=${NOPE:-d}
A
NOTHING
"""
    values, wrong = parse_env(text, {"A": "outer"})
    assert values == {
        "PLAIN": "a b",
        "EXPORTED": "x#y",
        "SINGLE": '$A "q" \\n',
        "DOUBLE": "a b\nouter",
        "LINES": "one\ntwo",
        "EMPTY": "",
        "COLON": "c",
        "DEFAULT": "d",
        "A": "outer",
    }
    assert wrong == ()


def test_lines_of_an_env_file_that_are_not_understood_are_told() -> None:
    values, wrong = parse_env("A=1\nno assignment\nB='open\nC=${\nD=2\n")
    assert values == {"A": "1", "D": "2"}
    assert wrong == (2, 3, 4)
