"""Where everything stands in the picture, in pixels; no two texts share a place.

Above, what is outside: the host's ports, and Docker with the network of its proxy. Below, each network as an
area with the spokes that are at home in it. A spoke on more than one network has a line to the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil, sqrt

from stackctl.graph import Access, Graph, Node
from stackctl.graph.text import BOLD, fitted, width
from stackctl.model import SOCKET_NETWORK

CARD = 232
"""Width of a spoke's card."""
LINE = 17
PAD = 14
GAP = 26
"""Between cards, and between areas: room for lines."""
TITLE = 34
TEXT = 12.5
SMALL = 11.0
_MOST = 3
"""Host names or ports that a card lists; then it counts."""


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    w: float
    h: float

    @property
    def right(self) -> float:
        return self.x + self.w

    @property
    def bottom(self) -> float:
        return self.y + self.h


@dataclass(frozen=True)
class Label:
    """A text that begins at `x` with its baseline at `y`."""

    x: float
    y: float
    text: str
    whole: str
    """What it would be with room enough."""
    style: str
    size: float = SMALL


@dataclass(frozen=True)
class Card:
    node: Node
    box: Box
    labels: tuple[Label, ...]
    row_bottom: float
    """Where the tallest card of its row ends; lines run below that."""


@dataclass(frozen=True)
class Region:
    """A network's area."""

    name: str
    tone: int
    """Which of the colours it has."""
    box: Box
    labels: tuple[Label, ...]


@dataclass(frozen=True)
class Wire:
    """A line from a card to another network's area, to Docker, or from outside."""

    style: str
    """`joins`, `socket`, `full`, `filtered` or `outside`."""
    points: tuple[tuple[float, float], ...]
    ends: tuple[str, str]
    tone: int = 0


@dataclass(frozen=True)
class Picture:
    width: float
    height: float
    title: str
    regions: tuple[Region, ...]
    cards: tuple[Card, ...]
    wires: tuple[Wire, ...]
    places: tuple[tuple[str, Box, tuple[Label, ...]], ...] = ()
    """What is no spoke: `outside` and `docker`, each with its box."""
    graph: Graph = field(default_factory=lambda: Graph("", (), ()), repr=False)


def laid_out(graph: Graph) -> Picture:
    """The whole picture; the same graph gives the same picture."""
    homes = {area.name: [n for n in graph.nodes if n.networks[:1] == (area.name,)] for area in graph.areas}
    upper = [SOCKET_NETWORK] if SOCKET_NETWORK in homes else []
    lower = [area.name for area in graph.areas if area.name not in upper]
    order = _in_order(graph, homes, lower)
    tones = {area.name: number % 8 for number, area in enumerate(graph.areas)}
    notes = {area.name: area.note for area in graph.areas}
    columns = _columns(homes, lower)
    blocks = {name: _block(order.get(name, homes[name]), columns.get(name, 2)) for name in homes}
    outside = _outside(graph)
    header = max([outside[1], *(blocks[name][1] for name in upper), 90.0])
    boxes: dict[str, Box] = {}
    y = PAD + TITLE
    if upper:
        width_, height = blocks[SOCKET_NETWORK]
        boxes[SOCKET_NETWORK] = Box(PAD + CARD + 2 * PAD + 3 * GAP, y, width_, height)
    top = y + header + 2 * GAP
    _pack(lower, blocks, boxes, top)
    cards = tuple(
        card
        for name in homes
        for card in _cards(order.get(name, homes[name]), boxes[name], columns.get(name, 2))
    )
    regions = tuple(
        _region(area.name, tones[area.name], notes[area.name], boxes[area.name]) for area in graph.areas
    )
    out_box = Box(PAD, y, CARD + 2 * PAD, outside[1])
    after = boxes[SOCKET_NETWORK].right if upper else out_box.right
    docker = Box(after + 3 * GAP, y, 150, 76)
    places = (
        ("outside", out_box, _outside_labels(outside[0], out_box)),
        ("docker", docker, _docker_labels(docker)),
    )
    wires = tuple(_wires(graph, cards, boxes, out_box, docker, tones, top))
    right = max([docker.right, out_box.right, *(box.right for box in boxes.values())])
    bottom = max([box.bottom for box in boxes.values()] + [docker.bottom, out_box.bottom])
    title = f"{graph.stack}: as observed" if graph.observed else graph.stack
    return Picture(right + PAD + GAP, bottom + PAD + 3 * LINE, title, regions, cards, wires, places, graph)


# ---- cards


def lines_of(node: Node) -> list[tuple[str, str]]:
    """What a card says below its title: style and text."""
    told = [("kind", node.kind + (f" · also on {', '.join(node.networks[1:])}" if node.networks[1:] else ""))]
    told += [("route", host) for host in node.hosts[:_MOST]]
    if len(node.hosts) > _MOST:
        told.append(("route", f"and {len(node.hosts) - _MOST} more routes"))
    told += [("port", f"publishes {', '.join(node.ports[:_MOST])}")] if node.ports else []
    if node.access is Access.FULL:
        told.append(("full", "holds the Docker socket"))
    elif node.access is Access.FILTERED:
        told.append(("filtered", "asks Docker, filtered"))
    elif node.access is Access.PROXY:
        told.append(("filtered", "filters Docker"))
    return told + [("differs", text) for text in node.differs if text != "holds the Docker socket"]


def _height(node: Node) -> float:
    return 2 * 9 + LINE * (1 + len(lines_of(node)))


def _block(nodes: list[Node], columns: int) -> tuple[float, float]:
    """Width and height of an area with these spokes in so many columns."""
    if not nodes:
        return CARD + 2 * PAD, TITLE + PAD + LINE
    wide = min(columns, len(nodes))
    heights = sum(row + GAP for row in _rows(nodes, wide)) - GAP
    return 2 * PAD + wide * CARD + (wide - 1) * GAP, TITLE + heights + PAD


def _rows(nodes: list[Node], columns: int) -> list[float]:
    return [max(map(_height, nodes[at : at + columns])) for at in range(0, len(nodes), columns)]


def _cards(nodes: list[Node], area: Box, columns: int) -> Iterable[Card]:
    wide = min(columns, len(nodes)) or 1
    y = area.y + TITLE
    for number, row in enumerate(_rows(nodes, wide)):
        for column, node in enumerate(nodes[number * wide : (number + 1) * wide]):
            box = Box(area.x + PAD + column * (CARD + GAP), y, CARD, _height(node))
            yield Card(node, box, tuple(_labels(node, box)), y + row)
        y += row + GAP


def _labels(node: Node, box: Box) -> Iterable[Label]:
    room = box.w - 2 * 12
    x, y = box.x + 12, box.y + 9 + 12
    yield Label(x, y, fitted(node.title, room / BOLD, TEXT + 1), node.title, "name", TEXT + 1)
    for style, text in lines_of(node):
        y += LINE
        bold = BOLD if style in ("full", "differs") else 1
        yield Label(x, y, fitted(text, room / bold, SMALL), text, style)


# ---- areas


def _columns(homes: Mapping[str, list[Node]], lower: list[str]) -> dict[str, int]:
    """The largest area is about half as high as wide; the others are narrow."""
    largest = max(lower, key=lambda name: len(homes[name]), default="")
    return {
        name: max(3, ceil(sqrt(len(homes[name]) * 0.75)))
        if name == largest
        else 1
        if len(homes[name]) < 5
        else 2
        for name in lower
    }


def _in_order(graph: Graph, homes: Mapping[str, list[Node]], lower: list[str]) -> dict[str, list[Node]]:
    """In each area first what is reached from outside or asks Docker, then who has lines to other areas."""
    place = {name: number for number, name in enumerate(lower)}

    def key(node: Node) -> tuple[bool, bool, int, str]:
        others = [place[name] for name in node.networks[1:] if name in place]
        return (
            node.foreign,
            not (node.ports or node.access is not Access.NONE),
            min(others, default=999),
            node.name,
        )

    return {name: sorted(homes[name], key=key) for name in homes}


def _pack(
    lower: list[str], blocks: Mapping[str, tuple[float, float]], boxes: dict[str, Box], top: float
) -> None:
    """The first area to the left; the others in columns to its right, none higher than it where that goes."""
    if not lower:
        return
    first, *others = sorted(lower, key=lambda name: -blocks[name][0] * blocks[name][1])
    boxes[first] = Box(PAD, top, *blocks[first])
    limit = max(blocks[first][1], 640.0)
    x, y, widest = boxes[first].right + 3 * GAP, top, 0.0
    for name in (name for name in lower if name in others):
        w, h = blocks[name]
        if y > top and y + h > top + limit:
            x, y, widest = x + widest + 2 * GAP, top, 0.0
        boxes[name] = Box(x, y, w, h)
        y += h + GAP
        widest = max(widest, w)


def _region(name: str, tone: int, note: str, box: Box) -> Region:
    room = box.w - 2 * PAD
    title = fitted(name, room / BOLD, TEXT)
    labels = [Label(box.x + PAD, box.y + 22, title, name, "area", TEXT)]
    left = room - width(title, TEXT) * BOLD - 12
    if note and left > width("external", SMALL):
        labels.append(Label(box.right - PAD - left, box.y + 22, fitted(note, left, SMALL), note, "note"))
    return Region(name, tone, box, tuple(labels))


# ---- what is no spoke


def _outside(graph: Graph) -> tuple[list[str], float]:
    ports = [f"{port} → {node.title}" for node in graph.nodes for port in node.ports]
    told = ports[:6] + ([f"and {len(ports) - 6} more ports"] if len(ports) > 6 else [])
    told = told or ["no port is published"]
    return told, 2 * 9 + LINE * (1 + len(told))


def _outside_labels(told: list[str], box: Box) -> tuple[Label, ...]:
    room = box.w - 24
    texts = [("This host's ports", "name", TEXT + 1), *((text, "port", SMALL) for text in told)]
    return tuple(
        Label(box.x + 12, box.y + 21 + number * LINE, fitted(text, room, size), text, style, size)
        for number, (text, style, size) in enumerate(texts)
    )


def _docker_labels(box: Box) -> tuple[Label, ...]:
    return (
        Label(box.x + 12, box.y + 21, "Docker Engine", "Docker Engine", "name", TEXT + 1),
        Label(box.x + 12, box.y + 21 + LINE, "root on this host", "root on this host", "kind"),
    )


# ---- lines


def _wires(
    graph: Graph,
    cards: tuple[Card, ...],
    boxes: Mapping[str, Box],
    outside: Box,
    docker: Box,
    tones: Mapping[str, int],
    top: float,
) -> Iterable[Wire]:
    lanes = 0
    for card in cards:
        node, box = card.node, card.box
        for network in node.networks[1:]:
            lanes += 1
            yield Wire(
                "joins", _to_area(card, boxes[network], lanes, top), (node.name, network), tones[network]
            )
        if node.ports:
            yield Wire("outside", _from_outside(outside, box, lanes, top), ("outside", node.name))
            lanes += 1
        if node.access in (Access.PROXY, Access.FULL):
            yield Wire(
                "full" if node.access is Access.FULL else "socket",
                _to_docker(box, docker, lanes, top),
                (node.name, "docker"),
            )
            lanes += 1


def _from_outside(outside: Box, box: Box, lane: int, top: float) -> tuple[tuple[float, float], ...]:
    """From the host's ports to a card; past the cards above it, through the gap beside them."""
    x, height = outside.right - 40 - (lane % 8) * 6, top - GAP * 1.4 - (lane % 5) * 4
    if box.y > top + TITLE + 1:
        beside, at = box.x - GAP / 2 + (lane % 5) * 2 - 4, box.y + 20
        return (x, outside.bottom), (x, height), (beside, height), (beside, at), (box.x, at)
    if box.x + 90 < x < box.right - 8:
        return (x, outside.bottom), (x, box.y)
    landing = box.right - 40 - (lane % 4) * 6
    return (x, outside.bottom), (x, height), (landing, height), (landing, box.y)


def _to_area(card: Card, area: Box, lane: int, top: float) -> tuple[tuple[float, float], ...]:
    """From a card to the border of an area, through the gaps between the cards."""
    box = card.box
    shift = (lane % 6) * 3.0
    if area.y < top:
        # Up to an area in the head of the picture.
        beside = box.right + GAP / 2 - 6 + shift / 2
        height = top - GAP * 0.5 - shift
        landing = min(max(beside, area.x + 16 + shift), area.right - 16)
        return (
            (box.right, box.y + 16),
            (beside, box.y + 16),
            (beside, height),
            (landing, height),
            (landing, area.bottom),
        )
    below = card.row_bottom + GAP / 2 - 8 + shift / 1.5
    start = box.x + box.w - 24 - shift * 2
    into = area.y + 12 + shift
    if area.x >= box.right:
        trunk = area.x - GAP + shift
        return (start, box.bottom), (start, below), (trunk, below), (trunk, into), (area.x, into)
    trunk = area.right + GAP - shift
    return (start, box.bottom), (start, below), (trunk, below), (trunk, into), (area.right, into)


def _to_docker(box: Box, docker: Box, lane: int, top: float) -> tuple[tuple[float, float], ...]:
    shift = (lane % 6) * 4.0
    middle = docker.y + 30
    if box.y < top and box.right < docker.x:
        beside = box.right + GAP
        return (box.right, box.y + 30), (beside, box.y + 30), (beside, middle), (docker.x, middle)
    beside = box.right + GAP / 2 - 6 + shift / 3
    height = top - GAP * 0.9 - shift / 2
    landing = docker.x + 20 + shift
    return (
        (box.right, box.y + 26),
        (beside, box.y + 26),
        (beside, height),
        (landing, height),
        (landing, docker.bottom),
    )
