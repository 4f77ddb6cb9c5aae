"""What does not fit on a line goes on below it, under itself."""

from __future__ import annotations

from io import StringIO

from rich.console import Console as Terminal
from rich.text import Text

from stackctl.commands.story import Value
from stackctl.console.lines import hung
from stackctl.console.spoke import Values

LONG = "lets through GET /containers/{id}/logs; lets through GET /containers/{id}/archive"


def printed(line: str, hang: int | None = None, *, soft_wrap: bool = False) -> list[str]:
    out = StringIO()
    hung(Terminal(file=out, width=40, soft_wrap=soft_wrap), Text(line), hang)
    return out.getvalue().splitlines()


def test_it_goes_on_as_far_in_as_it_began() -> None:
    lines = printed(f"      {LONG}")
    assert len(lines) > 2
    assert all(line.startswith("      ") and line[6] != " " and len(line) <= 40 for line in lines)
    assert " ".join(line.strip() for line in lines) == LONG


def test_it_goes_on_where_it_is_told_to() -> None:
    first, *others = printed(f"  x CK210 {LONG}", 10)
    assert first.startswith("  x CK210 lets")
    assert all(line.startswith(" " * 10) and len(line) <= 40 for line in others)


def test_a_program_gets_whole_lines() -> None:
    assert printed(f"      {LONG}", soft_wrap=True) == [f"      {LONG}"]


def test_a_word_that_is_longer_than_the_screen_is_not_lost() -> None:
    assert "".join(line.strip() for line in printed("    " + "a" * 90)) == "a" * 90


def shown(*rows: Value, width: int = 60) -> list[str]:
    out = StringIO()
    Terminal(file=out, width=width, force_terminal=True, color_system=None).print(Values(rows))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_no_name_is_broken_and_values_stand_below_each_other() -> None:
    label = "labels.traefik.http.services.a.loadbalancer.server.port"
    lines = shown(Value("image", "a:1", "a.yaml:1:1"), Value(label, "80", "a.yaml:2:1"))
    assert lines == [
        "  image                       a:1  a.yaml:1:1",
        f"  {label}",
        "                              80  a.yaml:2:1",
    ]


def test_an_origin_that_has_no_room_is_a_line_of_its_own() -> None:
    lines = shown(Value("image", "x" * 50, "spokes/a.yaml:1:1"))
    assert lines == [f"  image  {'x' * 50}", "         spokes/a.yaml:1:1"]
