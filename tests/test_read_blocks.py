"""A page comes apart into headings, lines and code, each at its place in the file."""

from __future__ import annotations

from stackctl.read.blocks import Fence, Heading, Line, read_blocks


def test_each_line_of_a_paragraph_has_its_own_place() -> None:
    assert read_blocks("one\n  two **bold** `code`\n") == (
        Line("one", 0, 0),
        Line("two **bold** `code`", 1, 2),
    )


def test_an_item_is_told_from_the_lines_that_go_on_under_it() -> None:
    assert read_blocks("- one\n  goes on\n- - two\n\n  three\n") == (
        Line("one", 0, 2, bullet=True),
        Line("goes on", 1, 2),
        Line("two", 2, 4, bullet=True),
        Line("three", 4, 2),
    )


def test_a_nested_list_ends_the_text_of_its_item() -> None:
    assert read_blocks("1. one\n   - two\n") == (
        Line("one", 0, 3, bullet=True),
        Line("two", 1, 5, bullet=True),
    )


def test_a_heading_keeps_what_is_written_in_it() -> None:
    assert read_blocks("## Verify `x` **now** ##\n\nOld\nstyle\n---\n#\n") == (
        Heading(2, "Verify `x` **now**", 0),
        Heading(2, "Old\nstyle", 2),
        Heading(1, "", 5),
    )


def test_bytes_are_not_characters() -> None:
    assert read_blocks("é — 🟢\n\n## é\nü\n") == (
        Line("é — 🟢", 0, 0),
        Heading(2, "é", 2),
        Line("ü", 3, 0),
    )


def test_code_is_at_its_first_line_without_what_it_is_indented_by() -> None:
    assert read_blocks("- x\n\n  ```Bash title\n  List\n\n  Heading\n  ```\n") == (
        Line("x", 0, 2, bullet=True),
        Fence("bash", "List\n\nHeading\n", 3, 2),
    )


def test_code_that_nothing_ends_goes_on_to_the_end() -> None:
    assert read_blocks("```\na\n# b") == (Fence("", "a\n# b", 1, 0),)


def test_html_indented_code_and_rules_are_left_out() -> None:
    text = "<!-- **Image:** `a`\n\n**Image:** `b` -->\n\n    **Image:** `c`\n\n---\n\nsaid\n***\n> quoted\n"
    assert read_blocks(text) == (Line("said", 8, 0), Line("quoted", 10, 2))


def test_words_that_name_parts_of_a_page_are_words() -> None:
    assert read_blocks("Paragraph\n\nItem\n\n- List\n") == (
        Line("Paragraph", 0, 0),
        Line("Item", 2, 0),
        Line("List", 4, 2, bullet=True),
    )
