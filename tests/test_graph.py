"""The picture of a stack: what it shows follows from the files, and no two texts share a place."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackctl.commands.opened import open_stack
from stackctl.graph import HOST_NETWORK, NO_NETWORK, Access, Area, Graph, Node
from stackctl.graph.drawn import from_files, with_observed
from stackctl.graph.html import page
from stackctl.graph.layout import Label, laid_out
from stackctl.graph.mermaid import mermaid
from stackctl.graph.svg import svg
from stackctl.graph.text import BOLD, fitted, width
from stackctl.model import Container, Mount, Observed, Port

MANIFESTS = {
    "docker-socket-proxy": "kind: socket-proxy\nimage: tecnativa/docker-socket-proxy:v0.4.2\n"
    "networks: [socket]\npolicy: {consumers: [traefik]}\nvolumes: ['/var/run/docker.sock:/var/run/docker.sock:ro']\n",
    "traefik": "kind: edge\nimage: traefik:v3\nnetworks: [proxy, socket]\nports: ['127.0.0.1:80:80']\n"
    "depends_on: [docker-socket-proxy]\n",
    "notes": "image: n:1\nnetworks: [proxy, db]\nroute: [{host: notes.stack.localhost, port: 80, path: /n/}]\n",
    "store": "image: s:1\nnetworks: [db]\n",
    "agent": "image: a:1\nhardening: as-is\nnetwork_mode: host\nvolumes: ['/var/run/docker.sock:/d.sock']\n",
    "side": "image: b:1\nnetwork_mode: 'service:store'\n",
    "lonely": "image: c:1\nkind: job\nnetwork_mode: none\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "spokes").mkdir()
    networks = "networks: {db: {internal: true}}\n"
    (tmp_path / "stack.yaml").write_text(f"name: s\nedge: traefik\n{networks}")
    for name, text in MANIFESTS.items():
        (tmp_path / "spokes" / f"{name}.yaml").write_text(text)
    return tmp_path


def drawn(root: Path) -> Graph:
    (root / "spokes" / "agent.yaml").write_text(
        MANIFESTS["agent"] + "accept: [{code: SC401, reason: it is the point}]\n"
    )
    opened = open_stack(root)
    return from_files(opened.stack, opened.bundle)


def test_the_picture_says_who_sits_where_and_who_reaches_docker(root: Path) -> None:
    graph = drawn(root)
    assert {node.name: node.networks for node in graph.nodes} == {
        "agent": (HOST_NETWORK,),
        "docker-socket-proxy": ("socket",),
        "lonely": (NO_NETWORK,),
        "notes": ("proxy", "db"),
        "side": ("db",),
        "store": ("db",),
        "traefik": ("proxy", "socket"),
    }
    access = {node.name: node.access for node in graph.nodes if node.access is not Access.NONE}
    assert access == {
        "agent": Access.FULL,
        "docker-socket-proxy": Access.PROXY,
        "traefik": Access.FILTERED,
    }
    assert graph.node("traefik").ports == ("127.0.0.1:80",)
    assert graph.node("notes").hosts == ("notes.stack.localhost/n",)
    assert graph.peers(graph.node("store")) == ("notes", "side")
    assert graph.peers(graph.node("lonely")) == ()


def container(name: str, **more: object) -> Container:
    known: dict[str, object] = {
        "id": name,
        "name": f"s-{name}-1",
        "image_id": "",
        "image": "",
        "state": "running",
        "health": "",
        "exit_code": 0,
        "restarts": 0,
        "labels": {"stackctl.spoke": name},
        "networks": {"s_db": "10.0.0.2"},
        "mounts": (),
        "ports": (),
    }
    return Container(**{**known, **more})  # type: ignore[arg-type]


def test_what_the_engine_has_otherwise_is_marked_and_strangers_are_drawn(root: Path) -> None:
    graph = drawn(root)
    stack = open_stack(root).stack
    socket = Mount("bind", "/var/run/docker.sock", "/d.sock")
    stranger = replace(container("x", labels={}, networks={"s_socket": "10.0.0.9"}), name="rogue")
    observed = Observed(
        "s",
        (
            container("store", networks={"s_db": "", "s_socket": ""}, ports=(Port(5432, "5432", "0.0.0.0"),)),
            container("notes", networks={"s_proxy": ""}, state="exited", mounts=(socket,)),
        ),
        others=(stranger, container("far", labels={}, networks={"bridge": ""})),
    )
    now = with_observed(graph, stack, observed)
    assert now.node("store").differs == ("also on socket", "also publishes 5432")
    assert now.node("notes").differs == ("is exited", "not on db", "holds the Docker socket")
    assert now.node("traefik").differs == ("is not there",)
    assert now.node("rogue") == Node(
        "rogue",
        "rogue",
        "container",
        ("socket",),
        access=Access.FILTERED,
        foreign=True,
        differs=("not of this stack",),
    )
    assert "far" not in now.by_name


def generated(count: int, seed: int = 1) -> Graph:
    chance = random.Random(seed)
    nodes = [
        Node("docker-socket-proxy", "Docker Socket Proxy", "socket-proxy", ("socket",), access=Access.PROXY),
        Node("traefik", "Traefik", "edge", ("proxy", "socket"), ports=("80", "443"), access=Access.FILTERED),
    ]
    areas = ["proxy", "socket", HOST_NETWORK]
    while len(nodes) < count:
        name = f"app-{len(nodes)}"
        hosts = tuple(
            f"{name}-{n}.{'long.' * chance.randint(0, 9)}localhost" for n in range(chance.randint(0, 6))
        )
        title = chance.choice(
            ["Wiki", "Photos of the whole family WWWWWWWWWWW", "照片服务器的名字很长很长很长很长"]
        )
        marks = ("also on socket", "is exited") if chance.random() < 0.2 else ()
        networks: tuple[str, ...] = ("proxy",)
        if chance.random() < 0.3:
            areas.append(f"{name}-internal-network-with-a-long-name")
            networks = ("proxy", areas[-1])
            nodes.append(Node(f"{name}-db", "Postgres", "app", (areas[-1],)))
        nodes.append(Node(name, title, "app", networks, hosts, differs=marks))
    nodes.append(Node("agent", "Agent", "app", (HOST_NETWORK,), access=Access.FULL))
    notes = {"socket": "internal"}
    return Graph(
        "stack", tuple(nodes), tuple(Area(name, notes.get(name, "external")) for name in areas), True
    )


def labels(graph: Graph) -> list[Label]:
    picture = laid_out(graph)
    found = [label for part in (*picture.cards, *picture.regions) for label in part.labels]
    return found + [label for _, _, more in picture.places for label in more]


def overlapping(found: list[Label]) -> list[tuple[str, str]]:
    bold = ("name", "area", "full", "differs")
    boxes = [
        (
            label.x,
            label.x + width(label.text, label.size) * (BOLD if label.style in bold else 1),
            label.y - label.size,
            label.y + 0.25 * label.size,
            label.text,
        )
        for label in found
    ]
    boxes.sort()
    pairs = []
    for number, (left, right, top, bottom, text) in enumerate(boxes):
        for other in boxes[number + 1 :]:
            if other[0] >= right:
                break
            if other[2] < bottom and other[3] > top and other[1] > left:
                pairs.append((text, other[4]))
    return pairs


@given(st.integers(2, 90), st.integers(0, 10**6))
@settings(max_examples=40)
def test_no_two_texts_overlap_in_any_stack(count: int, seed: int) -> None:
    assert overlapping(labels(generated(count, seed))) == []


def test_texts_that_lie_on_each_other_are_found() -> None:
    one = labels(generated(5))[0]
    assert overlapping([one, replace(one, x=one.x + 5)]) != []


def test_every_spoke_stands_inside_its_area_and_beside_the_others() -> None:
    picture = laid_out(generated(60))
    areas = {region.name: region.box for region in picture.regions}
    boxes = []
    for card in picture.cards:
        area = areas[card.node.networks[0]]
        assert area.x < card.box.x
        assert card.box.right < area.right
        assert area.y < card.box.y
        assert card.box.bottom < area.bottom
        boxes.append(card.box)
    for shapes in (boxes, list(areas.values())):
        for number, one in enumerate(shapes):
            for other in shapes[number + 1 :]:
                apart = one.right <= other.x or other.right <= one.x
                assert apart or one.bottom <= other.y or other.bottom <= one.y
    assert {card.node.name for card in picture.cards} == {node.name for node in generated(60).nodes}


def test_a_name_becomes_neither_markup_nor_script() -> None:
    title = "</script><img src=x onerror=alert(1)>\"'&"
    graph = replace(generated(4), nodes=(Node("x", title, "app", ("proxy",), (title,)),), stack="s</title>")
    drawing = svg(graph)
    assert "<img" not in drawing
    assert ET.fromstring(drawing).tag.endswith("svg")
    whole = page(graph)
    assert whole.count("<script") == whole.count("</script") == 1
    assert "<img" not in whole
    assert "s</title>" not in whole
    assert "x onerror" not in mermaid(graph).replace("#60;img src=x onerror", "")


def test_the_page_loads_nothing_from_anywhere() -> None:
    whole = page(generated(4)).replace("http://www.w3.org/2000/svg", "")
    assert "default-src 'none'" in whole
    assert "http" not in whole.replace("http-equiv", "")
    assert "url(" not in whole


def test_the_same_stack_gives_the_same_bytes(root: Path) -> None:
    graph = drawn(root)
    assert svg(graph) == svg(drawn(root))
    assert page(graph) == page(drawn(root))


def test_a_flowchart_has_an_area_for_each_network_and_a_line_to_docker(root: Path) -> None:
    lines = mermaid(drawn(root)).splitlines()
    assert lines[0] == "flowchart LR"
    assert '  subgraph n2["db (internal)"]' in lines
    assert '  s1 -->|"filtered"| docker' in lines
    assert '  s0 ==>|"raw socket"| docker' in lines
    assert "  s3 -.- n2" in lines
    assert lines.count("  end") == 5


def test_a_text_that_does_not_fit_ends_with_an_ellipsis() -> None:
    assert fitted("whoami", 200, 12) == "whoami"
    cut = fitted("a host name of great length", 60, 12)
    assert cut.endswith("…")
    assert width(cut, 12) <= 60
