"""The picture as a Mermaid flowchart, for pages that a forge shows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stackctl.graph import Access, Graph, Node


def mermaid(graph: Graph) -> str:
    """The text of a flowchart; areas are subgraphs, and a spoke on more networks has lines to them."""
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    yield "flowchart LR"
    ids = {node.name: f"s{number}" for number, node in enumerate(graph.nodes)}
    places = {area.name: f"n{number}" for number, area in enumerate(graph.areas)}
    for area in graph.areas:
        note = f" ({area.note})" if area.note else ""
        yield f'  subgraph {places[area.name]}["{_safe(area.name + note)}"]'
        for node in graph.nodes:
            if node.networks[:1] == (area.name,):
                yield f'    {ids[node.name]}["{_label(node)}"]'
        yield "  end"
    published = [node for node in graph.nodes if node.ports]
    if published:
        yield '  outside(["this host\'s ports"])'
    for node in published:
        yield f'  outside -->|"{_safe(", ".join(node.ports))}"| {ids[node.name]}'
    for node in graph.nodes:
        for network in node.networks[1:]:
            yield f"  {ids[node.name]} -.- {places[network]}"
    holders = [node for node in graph.nodes if node.access in (Access.PROXY, Access.FULL)]
    if holders:
        yield '  docker[("Docker Engine")]'
    for node in holders:
        arrow = "==>" if node.access is Access.FULL else "-->"
        told = "raw socket" if node.access is Access.FULL else "filtered"
        yield f'  {ids[node.name]} {arrow}|"{told}"| docker'
    marked = [ids[node.name] for node in graph.nodes if node.differs or node.access is Access.FULL]
    if marked:
        yield "  classDef red stroke:#c0262d,stroke-width:2px"
        yield f"  class {','.join(marked)} red"


def _label(node: Node) -> str:
    told = [node.title, *node.hosts[:3], *node.differs]
    return "<br/>".join(map(_safe, told))


def _safe(text: str) -> str:
    """What would end a label is written as Mermaid's own character codes."""
    return re.sub(r"""["#;<>&`\[\]{}|\\]""", lambda m: f"#{ord(m[0])};", text)
