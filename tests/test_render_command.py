"""`render` and whoever else writes what an edge reads: nothing is opened that nobody was asked about."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from stackctl import state
from stackctl.apply.start import Site
from stackctl.commands.opened import look_at_host, open_stack
from stackctl.commands.render import write_closed
from stackctl.commands.up import finished
from stackctl.compose import Compose
from stackctl.errors import StackctlError
from stackctl.model import Observed
from tests.command_line import at_a_terminal, stackctl, written
from tests.planned import running

_HASH = "com.docker.compose.config-hash"


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    return written(tmp_path)


def test_a_watching_edge_is_told_of_a_route_without_a_login_only_after_a_yes(stack: Path) -> None:
    root, routes = stack, stack / "rendered" / "traefik" / "routes" / "routes.yml"
    settings = root / "stack.yaml"
    settings.write_text(settings.read_text().replace("edge: traefik", "edge: {name: traefik, routes: files}"))
    web = root / "spokes" / "web.yaml"

    def declare(route: str) -> None:
        web.write_text(f"image: nginx:1\nnetworks: [proxy]\nroute: [{{{route}, port: 80}}]\n")

    declare("host: web.stack.localhost")
    # Nothing was ever brought up here, so nothing reads it.
    assert stackctl(root, "render").returncode == 0
    state.remember_exposed(root, {"web": ["route web.stack.localhost"]})
    before = routes.read_bytes()
    declare("host: other.stack.localhost")
    refused = stackctl(root, "render")
    assert (refused.returncode, routes.read_bytes()) == (2, before)
    assert "web is reached through the edge without a login: other.stack.localhost" in refused.stderr
    declare("host: web.stack.localhost, path: /deep/")
    assert stackctl(root, "render").returncode == 2
    declare("host: other.stack.localhost")
    assert stackctl(root, "render", "--allow-exposure").returncode == 0
    assert b"other.stack.localhost" in routes.read_bytes()
    declare("host: web.stack.localhost")
    assert stackctl(root, "render").returncode == 0
    assert routes.read_bytes() == before
    # What was said yes to is lost, and still something runs here that reads it.
    state.remember_images(root, {"web": "sha256:1"})
    (root / ".stackctl" / "exposed.json").unlink()
    declare("host: third.stack.localhost")
    assert stackctl(root, "render").returncode == 2


def test_who_was_not_asked_for_routes_opens_none_of_another_spoke(stack: Path) -> None:
    routes = stack / "rendered" / "traefik" / "routes" / "routes.yml"
    settings = stack / "stack.yaml"
    settings.write_text(settings.read_text().replace("edge: traefik", "edge: {name: traefik, routes: files}"))

    def declare(name: str, host: str) -> None:
        (stack / "spokes" / f"{name}.yaml").write_text(
            f"image: nginx:1\nnetworks: [proxy]\nroute: [{{host: {host}.stack.localhost, port: 80}}]\n"
        )

    for name in ("web", "wiki", "blog"):
        declare(name, name)
    assert stackctl(stack, "render").returncode == 0
    state.remember_exposed(
        stack, {name: [f"route {name}.stack.localhost"] for name in ("web", "wiki", "blog")}
    )
    assert stackctl(stack, "remove", "blog", "--yes").returncode == 0
    before = routes.read_bytes()
    assert b"blog" not in before, "what opens nothing is written"
    declare("web", "other")
    done = stackctl(stack, "remove", "wiki", "--yes")
    assert done.returncode == 0
    assert routes.read_bytes() == before
    assert "wiki" not in (stack / "docker-compose.yml").read_text()
    said = " ".join(done.stderr.split())
    assert "web is reached through the edge without a login: other.stack.localhost; it is not told" in said
    # It only then looks for an Engine to pull with.
    opened = open_stack(stack)
    assert list(write_closed(opened, look_at_host(opened, {})))
    assert routes.read_bytes() == before


@pytest.mark.parametrize("alike", [False, True])
def test_who_ends_a_replacement_that_was_cut_short_opens_no_route_on_the_way(
    stack: Path, monkeypatch: pytest.MonkeyPatch, alike: bool
) -> None:
    settings = stack / "stack.yaml"
    settings.write_text(settings.read_text().replace("edge: traefik", "edge: {name: traefik, routes: files}"))
    web = stack / "spokes" / "web.yaml"
    declared = "image: nginx:1\nnetworks: [proxy]\nroute: [{host: web.stack.localhost, port: 80}]\n"
    web.write_text(declared)
    assert stackctl(stack, "render").returncode == 0
    state.remember_exposed(stack, {"web": ["route web.stack.localhost"]})
    web.write_text(declared.replace("web.stack", "other.stack"))
    opened = open_stack(stack)
    made_of = {"1": "old", "2": "old" if alike else "new"}
    two = tuple(running("web", id=id, labelled={_HASH: made_of[id]}) for id in made_of)
    twice = Observed("homelab", two)
    monkeypatch.setattr(Site, "containers", lambda *_: two)
    monkeypatch.setattr(Compose, "hashes", lambda _: {"web": "new"})
    monkeypatch.setattr("stackctl.commands.up.observe", lambda *_: twice)
    ends = finished(opened, look_at_host(opened, {}), cast(Any, None), twice, {}, cast(Any, None))
    if alike:
        assert list(ends) == [], "whoever scaled by hand loses nothing, and nothing is opened"
        return
    with pytest.raises(StackctlError, match=r"^web: more .* without a login: other\.stack\.localhost"):
        list(ends)


def test_a_picture_is_not_thrown_at_a_terminal(stack: Path) -> None:
    asked = at_a_terminal(stack, "graph")
    assert asked.returncode == 2
    assert "--out" in asked.stdout
    assert "<svg" not in asked.stdout
    assert stackctl(stack, "graph").stdout.startswith("<svg")
