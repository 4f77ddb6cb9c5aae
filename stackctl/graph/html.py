"""The picture in one page that needs nothing else: search, whom a spoke can reach, light and dark."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from importlib.resources import files
from string import Template

from stackctl.graph import Graph
from stackctl.graph.svg import svg


def page(graph: Graph) -> str:
    """A whole HTML document that loads nothing from anywhere."""
    script = files("stackctl.graph").joinpath("page.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    title = f"{graph.stack} · as observed" if graph.observed else graph.stack
    whole = Template(files("stackctl.graph").joinpath("page.html").read_text("utf-8"))
    # Only this very script may run, whatever a spoke is called.
    return whole.substitute(title=escape(title), hash=f"sha256-{digest}", svg=svg(graph), script=script)
