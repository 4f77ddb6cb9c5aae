"""The picture as SVG: one file with its own colours, for light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET

from stackctl.graph import Access, Graph, Node
from stackctl.graph.layout import LINE, PAD, SMALL, Box, Card, Label, Picture, laid_out
from stackctl.graph.text import width

_LIGHT = (
    "--paper:#fbfbfa;--ink:#1d232b;--dim:#5c6670;--card:#ffffff;--edge:#c4cad0;--red:#c0262d;--amber:#a35b00;"
    "--blue:#1f5fbf;--t0:#2f6fd0;--t1:#b7791f;--t2:#2f8f5b;--t3:#8a4fbf;--t4:#c2497e;--t5:#2b8c96;--t6:#7a7f1e;"
    "--t7:#8d6148"
)
_DARK = (
    "--paper:#14171b;--ink:#e8ebee;--dim:#9aa4ae;--card:#1e2329;--edge:#3c454e;--red:#ff7b72;--amber:#f0b429;"
    "--blue:#79b0ff;--t0:#6ea0ea;--t1:#d9a441;--t2:#62c08d;--t3:#bb8ce6;--t4:#e786b0;--t5:#5fc3cd;--t6:#b9bd52;"
    "--t7:#c39a80"
)
_RULES = """
svg.stack{background:var(--paper);font-family:system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.stack text{fill:var(--ink)}
.stack .kind,.stack .note,.stack .legend{fill:var(--dim)}
.stack .name,.stack .area,.stack .heading{font-weight:600}
.stack .route{fill:var(--blue)}
.stack .full,.stack .differs{fill:var(--red);font-weight:600}
.stack .filtered{fill:var(--amber)}
.stack .region rect{fill:var(--tone);fill-opacity:.09;stroke:var(--tone);stroke-opacity:.55;stroke-width:1.2}
.stack .region .area{fill:var(--tone)}
.stack .card rect,.stack .place rect{fill:var(--card);stroke:var(--edge);stroke-width:1}
.stack .card.reaches rect{stroke:var(--amber);stroke-width:1.6}
.stack .card.holds rect,.stack .place.docker rect{stroke:var(--red);stroke-width:2}
.stack .card.foreign rect{stroke-dasharray:5 3;stroke:var(--red)}
.stack .wire{fill:none;stroke:var(--dim);stroke-width:1.4}
.stack .wire.joins{stroke:var(--tone);stroke-dasharray:1 4;stroke-linecap:round;stroke-width:2.2}
.stack .wire.socket{stroke:var(--amber);stroke-width:2}
.stack .wire.full{stroke:var(--red);stroke-width:2.4}
.stack .end{fill:var(--dim)}
.stack .end.joins{fill:var(--tone)}
.stack .end.socket{fill:var(--amber)}
.stack .end.full{fill:var(--red)}
""".strip()
_TONES = "".join(f".stack .t{number}{{--tone:var(--t{number})}}\n" for number in range(8))
STYLE = (
    f"svg.stack{{{_LIGHT}}}\n@media (prefers-color-scheme:dark){{svg.stack:not(.light){{{_DARK}}}}}\n"
    f"svg.stack.dark{{{_DARK}}}\n{_TONES}{_RULES}\n"
)
_LEGEND = (
    ("full", "holds the Docker socket: root on this host"),
    ("socket", "filters Docker's API"),
    ("joins", "also on that network"),
    ("outside", "published port"),
)


def svg(graph: Graph) -> str:
    """A whole SVG document; equal graphs give equal bytes."""
    picture = laid_out(graph)
    root = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "class": "stack",
            "viewBox": f"0 0 {_n(picture.width)} {_n(picture.height)}",
            "width": _n(picture.width),
            "height": _n(picture.height),
            "role": "img",
        },
    )
    ET.SubElement(root, "title").text = f"The stack {picture.title}"
    ET.SubElement(root, "style").text = STYLE
    _text(root, Label(PAD, PAD + 16, picture.title, picture.title, "heading", 16))
    for region in picture.regions:
        group = _group(root, f"region t{region.tone}", {"data-area": region.name})
        _rect(group, region.box, 14)
        _texts(group, region.labels)
    for wire in picture.wires:
        tone = f" t{wire.tone}" if wire.style == "joins" else ""
        ends = {"data-ends": " ".join(wire.ends)}
        ET.SubElement(root, "path", {"class": f"wire {wire.style}{tone}", "d": _path(wire.points), **ends})
        x, y = wire.points[-1]
        dot = {"cx": _n(x), "cy": _n(y), "r": "3.4"}
        ET.SubElement(root, "circle", {"class": f"end {wire.style}{tone}", **dot, **ends})
    for name, box, labels in picture.places:
        group = _group(root, f"place {name}", {"data-place": name})
        _rect(group, box, 9)
        _texts(group, labels)
    for card in picture.cards:
        _card(root, graph, card)
    _legend(root, picture)
    ET.indent(root, " ")
    return ET.tostring(root, encoding="unicode") + "\n"


def _card(root: ET.Element, graph: Graph, card: Card) -> None:
    node = card.node
    style = "card"
    style += {Access.FULL: " holds", Access.NONE: ""}.get(node.access, " reaches")
    style += (" foreign" if node.foreign else "") + (" changed" if node.differs else "")
    known = {"data-node": node.name, "data-peers": " ".join(graph.peers(node)), "tabindex": "0"}
    group = _group(root, style, known)
    ET.SubElement(group, "title").text = "\n".join(_told(graph, node))
    _rect(group, card.box, 9)
    _texts(group, card.labels)


def _told(graph: Graph, node: Node) -> Iterable[str]:
    """All that is known of a spoke, as a person reads it."""
    yield f"{node.title} ({node.name}, {node.kind})"
    yield f"networks: {', '.join(node.networks)}"
    yield f"routes: {', '.join(node.hosts) or 'none'}"
    yield f"published: {', '.join(node.ports) or 'nothing'}"
    yield f"Docker: {_DOCKER[node.access]}"
    yield f"depends on: {', '.join(node.depends) or 'nothing'}"
    yield f"shares a network with: {', '.join(graph.peers(node)) or 'nobody'}"
    if node.differs:
        yield f"on the Engine: {', '.join(node.differs)}"


_DOCKER = {
    Access.NONE: "cannot be asked",
    Access.FILTERED: "through the socket proxy, what its policy opens",
    Access.PROXY: "holds the socket, and answers what its policy opens",
    Access.FULL: "holds the socket: root on this host",
}


def _legend(root: ET.Element, picture: Picture) -> None:
    group = _group(root, "key", {})
    x, y = float(PAD), picture.height - PAD
    for style, text in _LEGEND:
        shown = " t0" if style == "joins" else ""
        line = {"class": f"wire {style}{shown}", "d": f"M{_n(x)} {_n(y - 4)}H{_n(x + 26)}"}
        ET.SubElement(group, "path", line)
        _text(group, Label(x + 32, y, text, text, "legend"))
        x += 32 + width(text, SMALL) + 18
        if x > picture.width - 120:
            x, y = float(PAD), y - LINE


def _group(parent: ET.Element, style: str, more: dict[str, str]) -> ET.Element:
    return ET.SubElement(parent, "g", {"class": style, **more})


def _rect(parent: ET.Element, box: Box, radius: int) -> None:
    size = {"x": box.x, "y": box.y, "width": box.w, "height": box.h, "rx": radius}
    ET.SubElement(parent, "rect", {key: _n(value) for key, value in size.items()})


def _texts(parent: ET.Element, labels: Sequence[Label]) -> None:
    for label in labels:
        _text(parent, label)


def _text(parent: ET.Element, label: Label) -> None:
    at = {"x": _n(label.x), "y": _n(label.y), "font-size": _n(label.size), "class": label.style}
    ET.SubElement(parent, "text", at).text = label.text


def _path(points: Sequence[tuple[float, float]], radius: float = 6) -> str:
    """Straight lines with round corners."""
    parts = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        start, end = _toward(at, before, radius), _toward(at, after, radius)
        parts.append(f"L{_n(start[0])} {_n(start[1])}Q{_n(at[0])} {_n(at[1])} {_n(end[0])} {_n(end[1])}")
    return "".join((*parts, f"L{_n(points[-1][0])} {_n(points[-1][1])}"))


def _toward(at: tuple[float, float], other: tuple[float, float], far: float) -> tuple[float, float]:
    dx, dy = other[0] - at[0], other[1] - at[1]
    length = (dx * dx + dy * dy) ** 0.5
    share = min(far, length / 2) / length if length else 0
    return at[0] + dx * share, at[1] + dy * share


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
