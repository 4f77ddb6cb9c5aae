"""Codes of adopting: what of an existing Compose project a stack does not say, or cannot."""

from __future__ import annotations

from stackctl.findings import Code, Severity

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING

CODES = (
    Code(
        "SC801",
        _ERROR,
        "a service that no spoke can carry",
        "`adopt` writes nothing rather than leave something out. What stands there has a name or a form that "
        "stackctl does not read.",
        bad="services: {My.App: {image: app:1}}",
        good="services: {my-app: {image: app:1}}",
        hint="write it in another way that Compose understands as well",
    ),
    Code(
        "SC802",
        _ERROR,
        "what Compose makes of it would change",
        "The file that is rendered from the spokes is compared with the original by `docker compose config`. "
        "Where they differ, containers would be replaced, so nothing is written.",
        bad='ports: ["${RANGE}:${RANGE}"]   # and RANGE=8000-8010',
        good='ports: ["8000-8010:8000-8010"]',
        hint="write the value out, or in the long form",
    ),
    Code(
        "SC803",
        _WARNING,
        "page and Compose file disagree",
        "Compose is what runs, so the manifest says what it says. The page's copy keeps its own words under "
        "a key that is not read, until somebody decides which of the two is right.",
        bad="**Image:** app:1.0   # and image: app:1.1 in the Compose file",
        good="**Image:** app:1.1",
        hint="take the line out of the page, or change the manifest and see `stackctl plan`",
    ),
    Code(
        "SC804",
        _WARNING,
        "a page without a service",
        "Nothing of that name runs, so the page would start something new. It is kept beside the spokes.",
        bad="notes/blog.md   # and no service blog",
        good="services: {blog: {image: ghost:5}}",
        hint="move it into spokes/ to run it, or name its service: `**Service:** blog`",
    ),
    Code(
        "SC805",
        _WARNING,
        "a service without a page",
        "Nobody wrote down what it is for. A page with what the Compose file says was made.",
        bad="services: {blog: {image: ghost:5}}   # and no notes/blog.md",
        good="notes/blog.md",
        hint="say there what it does, and how one sees that it works",
    ),
)
