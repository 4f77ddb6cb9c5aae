"""Bytes are read as they were meant, and places refer to the file as it stands."""

from __future__ import annotations

import pytest

from stackctl.findings import Location
from stackctl.read.text import read_text


def misread(text: str) -> bytes:
    """What a program makes of UTF-8 that it takes for Windows-1252 and saves again."""
    wrong = "".join(
        bytes([byte]).decode("cp1252") if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else chr(byte)
        for byte in text.encode()
    )
    return wrong.encode()


@pytest.mark.parametrize(
    "text", ["Whoami — Spoke", "🟡 In Progress", "naïve café", "“quoted” …", "Łódź — ✅"]
)
def test_misread_text_is_read_as_it_was_meant(text: str) -> None:
    source, findings = read_text("a.md", misread(text))
    assert source.text == text
    assert [finding.code for finding in findings] == ["SC105"]


@pytest.mark.parametrize("text", ["café — 5 €", "Ã", "TRADUCCIÓ–", "plain", "Â la carte", "日本語", "Москва"])
def test_honest_text_stays_as_it_is(text: str) -> None:
    source, findings = read_text("a.md", text.encode())
    assert (source.text, findings) == (text, ())


def test_one_warning_names_the_first_place_only() -> None:
    _, findings = read_text("a.md", misread("plain\nab — c\n— d"))
    assert [str(finding.at) for finding in findings] == ["a.md:2:4"]


def test_places_refer_to_the_file_as_it_stands() -> None:
    source, _ = read_text("a.md", misread("— x — y"))
    assert source.at(0, source.text.index("x")) == Location("a.md", 1, 5)
    assert source.at(0, source.text.index("y")) == Location("a.md", 1, 11)
    assert source.at(0, 0) == Location("a.md", 1, 1)


def test_a_byte_order_mark_and_windows_line_ends_vanish() -> None:
    source, findings = read_text("a.md", b"\xef\xbb\xbfa\r\nb\rc")
    assert (source.text, findings) == ("a\nb\nc", ())


def test_bytes_that_are_not_utf8_are_a_finding_with_its_place() -> None:
    source, findings = read_text("a.md", b"a\r\nbc\xe9d")
    assert source.text == "a\nbcéd"
    assert [(finding.code, str(finding.at)) for finding in findings] == [("SC105", "a.md:2:3")]


def test_utf16_is_read() -> None:
    source, findings = read_text("a.md", "é".encode("utf-16"))
    assert (source.text, len(findings)) == ("é", 1)
