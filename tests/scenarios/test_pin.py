"""Pins, against a real registry on the loopback address: looked up, tried in a copy, and only then written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.registry import Registry, registry_in
from tests.scenarios.written import WrittenStack, written

pytestmark = [pytest.mark.engine, pytest.mark.slow]


@pytest.fixture(scope="module")
def registry(room: EngineRoom, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registry_in(tmp_path_factory.mktemp("registry"), room) as registry:
        yield registry


@pytest.fixture
def stack(room: EngineRoom, registry: Registry, tmp_path: Path) -> Iterator[WrittenStack]:
    stack = written(tmp_path, room)
    yield stack
    stack.run("down", "--yes")


def manifest(stack: WrittenStack, image: str, more: str = "") -> Path:
    path = stack.root / "spokes" / "app.yaml"
    path.write_text(
        f"# kept\nimage: {image}   # and this\nnetworks: [proxy]\nstop_signal: SIGKILL\n"
        "checks:\n- {from: proxy, request: 'GET http://app:8080/', expect: {status: 200}}\n" + more
    )
    return path


def images(room: EngineRoom) -> set[str]:
    return set(room.docker("image", "ls", "--all", "--quiet", "--no-trunc").split())


def test_a_tag_is_pinned_where_it_stands_and_nothing_is_pulled(
    registry: Registry, stack: WrittenStack, room: EngineRoom
) -> None:
    digest = registry.push("v1", "one")
    path = manifest(stack, registry.image("v1"))
    before, text = images(room), path.read_text()
    document = stack.json("pin", "--check")
    assert (document["exit"], [p["state"] for p in document["pins"]]) == (7, ["unpinned"])
    assert path.read_text() == text
    done = stack.run("pin")
    assert done.returncode == 0, done.stdout + done.stderr
    pinned = f"{registry.image('v1')}@{digest}"
    assert path.read_text() == text.replace(registry.image("v1"), pinned)
    assert stack.json("pin", "--check")["exit"] == 0
    assert images(room) <= before


def test_a_page_is_pinned_among_its_fingerprint_inputs(registry: Registry, stack: WrittenStack) -> None:
    digest = registry.push("v2", "two")
    page = stack.root / "spokes" / "app.md"
    text = f"# App — Spoke\n\n**Image:** `{registry.image('v2')}`\n**Networks:** proxy\n\n### Fingerprint Inputs\n"
    page.write_text(text + "\n- Image digest: N/A (not pinned yet)\n")
    assert stack.run("pin").returncode == 0
    repository = registry.image("v2").rpartition(":")[0]
    assert page.read_text() == text + f"\n- Image digest: `{repository}@{digest}`\n"


def test_what_the_registry_does_not_know_fails_and_changes_nothing(
    registry: Registry, stack: WrittenStack
) -> None:
    path = manifest(stack, registry.image("never"))
    text = path.read_text()
    document = stack.json("pin")
    assert (document["exit"], document["pins"][0]["state"]) == (1, "unknown")
    assert path.read_text() == text


def on_the_engine(stack: WrittenStack, registry: Registry, room: EngineRoom) -> list[str]:
    """All of the stack's, and the registry's images, as the Engine has them."""
    own = ("--quiet", "--no-trunc", "--filter", f"label=com.docker.compose.project={stack.name}")
    return [
        room.docker("ps", "--all", *own),
        room.docker("network", "ls", *own),
        room.docker("volume", "ls", "--quiet", *own[2:]),
        room.docker("images", "--format", "{{.Digest}} {{.ID}}", registry.image("v3").rpartition(":")[0]),
    ]


def test_an_update_is_tried_in_a_copy_and_written_only_if_the_checks_hold(
    registry: Registry, stack: WrittenStack, room: EngineRoom
) -> None:
    first = registry.push("v3", "one")
    path = manifest(stack, f"{registry.image('v3')}@{first}")
    assert stack.run("up", "--yes", "--no-verify").returncode == 0
    runs = stack.container_ids()
    old = path.read_text()

    registry.push("v3", "")
    before = on_the_engine(stack, registry, room)
    document = stack.json("pin", "--check")
    assert (document["exit"], document["pins"][0]["state"]) == (7, "moved")
    document = stack.json("pin", "--update")
    assert document["exit"] == 1
    assert "500" in document["pins"][0]["why"]
    assert path.read_text() == old, "an image whose checks fail is not written"
    assert on_the_engine(stack, registry, room) == before, "nor kept"

    registry.push("v3", "", ends=True)
    document = stack.json("pin", "--update")
    assert document["exit"] == 1
    assert "broken on purpose" in document["pins"][0]["why"]
    assert path.read_text() == old
    assert on_the_engine(stack, registry, room) == before

    good = registry.push("v3", "two")
    document = stack.json("pin", "--update")
    assert document["exit"] == 0, document
    assert [result["outcome"] for result in document["results"]] == ["passed"]
    assert path.read_text() == old.replace(first, good)
    assert stack.container_ids() == runs, "what runs is not touched: `up` is what applies it"
    left = room.docker("ps", "--all", "--quiet", "--filter", f"label=stackctl.prober={stack.name}")
    assert left == ""
