"""Links between the documents of a stack: each leads to a file, or a heading, that is there."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import unquote

from stackctl.codes import finding
from stackctl.findings import Finding
from stackctl.read.blocks import Heading, Line, read_blocks
from stackctl.read.text import Source, read_text

_LINK = re.compile(r"(?<!\\)\[(?:[^\[\]\\]|\\.|\[[^\]]*\])*\]\(\s*(?P<target><[^>]*>|[^)\s]+)[^)]*\)")
_CODE = re.compile(r"(`+)(?:(?!\1).)*\1")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)


def broken(texts: Mapping[str, bytes], exists: Callable[[str], bool]) -> Iterator[Finding]:
    """A finding for each link of these documents that leads nowhere; sites are never asked.

    `exists` answers for a path relative to the stack's folder.
    """
    read = {file: read_text(file, data)[0] for file, data in texts.items() if file.endswith(".md")}
    for file, source in read.items():
        for line, column, target in _links(source):
            path, _, heading = unquote(target).partition("#")
            if _ELSEWHERE.match(target):
                continue
            at = source.at(line, column)
            place = posixpath.normpath(posixpath.join(posixpath.dirname(file), path)) if path else file
            if path.startswith("/") or place.startswith(".."):
                yield finding("SC821", at, f"`{target}` leads out of the stack's folder")
            elif place not in read and not exists(place):
                yield finding("SC820", at, f"`{target}` leads nowhere: there is no {place}")
            elif heading and place in read and heading.lower() not in _slugs(read[place]):
                yield finding("SC820", at, f"`{target}` leads nowhere: {place} has no heading `{heading}`")


def _links(source: Source) -> Iterator[tuple[int, int, str]]:
    for block in read_blocks(source.text):
        if isinstance(block, Line):
            # A link inside a code span is an example.
            text = _CODE.sub(lambda span: " " * len(span[0]), block.text)
            for link in _LINK.finditer(text):
                yield block.line, block.column + link.start("target"), link["target"].strip("<>")


def _slugs(source: Source) -> set[str]:
    """The names by which forges link to headings; equal headings are numbered."""
    found: dict[str, int] = {}
    for block in read_blocks(source.text):
        if isinstance(block, Heading):
            slug = re.sub(r"[^\w\- ]", "", block.text.lower()).replace(" ", "-")
            found[slug] = found.get(slug, -1) + 1
    return {
        slug if not number else f"{slug}-{number}"
        for slug, last in found.items()
        for number in range(last + 1)
    }
