"""Where requests go while a container is replaced, as the edge's files say it."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stackctl.apply import route_files
from stackctl.apply.route_files import RouteFiles
from stackctl.apply.start import Site
from stackctl.compose import Compose
from stackctl.edge import written
from stackctl.errors import StackctlError
from stackctl.model import Container, Edge, Kind, Route, RoutesBy, Routing, Spoke, Stack
from stackctl.observe import container
from stackctl.process import Completed

SEEN: dict[str, Any] = json.loads((Path(__file__).parent / "observed" / "full.json").read_text())
FILE = "rendered/edge/routes/routes.yml"


def one(spoke: str, name: str) -> Container:
    labels = {"com.docker.compose.service": spoke, "com.docker.compose.project": "s"}
    seen = container(SEEN["inspect"])
    return replace(seen, id=name, name=name, labels=labels, state="running", networks={"p": "127.0.0.1"})


class FakeSite(Site):
    """The containers are given; nothing is asked of an Engine."""

    there: tuple[Container, ...] = ()

    def containers(self, spokes: Any) -> tuple[Container, ...]:
        return tuple(c for c in type(self).there if c.spoke in spokes)


class FakeCompose(Compose):
    def exec(self, container: str, command: Any) -> Completed:
        raise AssertionError("nothing runs in a container")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(route_files, "taken_in", lambda *_: True)
    monkeypatch.setattr(route_files, "ANSWERS_WITHIN", 0.3)
    monkeypatch.setattr(FakeSite, "there", (one("edge", "s-edge-1"), one("app", "s-app-1")))
    app = Spoke("app", Kind.APP, {"image": "a"}, routes=(Route(("a.localhost",), 1),))
    stack = Stack(
        "s",
        (Spoke("edge", Kind.EDGE, {"image": "e"}), app),
        edge=Edge.TRAEFIK,
        routing=Routing(by=RoutesBy.FILES),
    )
    return FakeSite(stack, {}, None, FakeCompose("s", tmp_path))  # type: ignore[arg-type]


def routes(site: Site) -> str:
    return (site.compose.directory / FILE).read_text()


@contextmanager
def answering() -> Iterator[int]:
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def with_port(site: Site, port: int) -> Site:
    edge, app = site.stack.spokes
    app = replace(app, routes=(replace(app.routes[0], port=port),))
    return replace(site, stack=replace(site.stack, spokes=(edge, app)))


def test_requests_stay_with_the_old_one_then_go_to_the_new_one_then_to_the_spoke(site: Site) -> None:
    with answering() as port:
        site = with_port(site, port)
        files = RouteFiles(site)
        files.hold(["app"])
        assert f"s-app-1:{port}" in routes(site)
        assert files.move({"app": [one("app", "s-app-2")]}) == {}
        assert f"s-app-2:{port}" in routes(site)
        assert "s-app-1" not in routes(site)
        files.release()
    plain = written.reloaded(site.stack)
    assert routes(site).encode() == next(iter(plain.values()))


def test_what_is_healthy_and_refuses_its_route_gets_no_requests(site: Site) -> None:
    with answering() as port:
        pass
    site = with_port(site, port)
    files = RouteFiles(site)
    files.hold(["app"])
    failed = files.move({"app": [one("app", "s-app-2")]})
    assert failed == {"app": f"is healthy and does not answer on port {port}, where its route leads"}
    assert "s-app-1" in routes(site)


def test_an_edge_that_does_not_read_its_routes_leaves_the_old_container_where_it_is(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering() as port:
        site = with_port(site, port)
        files = RouteFiles(site)
        files.hold(["app"])
        monkeypatch.setattr(route_files, "taken_in", lambda *_: False)
        failed = files.move({"app": [one("app", "s-app-2")]})
        assert failed["app"].startswith("is not routed to: ")
        fresh = RouteFiles(site)
        with pytest.raises(StackctlError):
            fresh.hold(["app"])
        fresh.release()
        assert "s-app-1" not in routes(site)


def test_while_the_edge_itself_is_replaced_nothing_is_written_for_the_time_in_between(site: Site) -> None:
    files = RouteFiles(site)
    files.hold(["app"], busy=["edge"])
    files.release()
    assert not (site.compose.directory / FILE).exists()


LED = "rendered/edge/led"


def behind_caddy(site: Site, port: int) -> Site:
    return with_port(replace(site, stack=replace(site.stack, edge=Edge.CADDY)), port)


def led_to(site: Site) -> list[str]:
    return sorted(path.name for path in (site.compose.directory / LED / "app").glob("*"))


def test_a_caddy_is_led_by_the_names_of_files_and_reads_nothing_again(site: Site) -> None:
    with answering() as port:
        site = behind_caddy(site, port)
        files = RouteFiles(site)
        files.hold(["app"])
        files.hold(["app"])
        assert led_to(site) == ["99-s-app-1"]
        assert files.move({"app": [one("app", "s-app-2")]}) == {}
        # The first counts; the other is there for who has just listed it.
        assert led_to(site) == ["98-s-app-2", "99-s-app-1"]
        files.release()
    assert [path.name for path in (site.compose.directory / "rendered").rglob("*")] == ["edge"]


def test_who_caddy_is_can_look_for_those_files(site: Site) -> None:
    before = os.umask(0o077)
    try:
        RouteFiles(behind_caddy(site, 1)).hold(["app"])
    finally:
        os.umask(before)
    for path in ("", "app", "app/99-s-app-1"):
        assert (site.compose.directory / LED / path).stat().st_mode & 0o044 == 0o044


def test_behind_caddy_too_what_is_healthy_and_refuses_its_route_gets_no_requests(site: Site) -> None:
    with answering() as port:
        pass
    site = behind_caddy(site, port)
    files = RouteFiles(site)
    files.hold(["app"])
    assert [*files.move({"app": [one("app", "s-app-2")]})] == ["app"]
    assert led_to(site) == ["99-s-app-1"]
    files.release()
    assert led_to(site) == []


def test_what_a_killed_run_led_elsewhere_is_led_back_and_let_go(site: Site) -> None:
    with answering() as port:
        site = behind_caddy(site, port)
        killed = RouteFiles(site)
        killed.hold(["app"])
        killed.move({"app": [one("app", "s-app-2")]})
        files = RouteFiles(site)
        assert files.stay({"app": [one("app", "s-app-1")]})
        assert led_to(site)[0] == "97-s-app-1"
        files.release()
        assert led_to(site) == []
        killed = RouteFiles(site)
        killed.hold(["app"])
        half = site.compose.directory / LED / "app" / ".98-s-app-2.x7yz"
        half.touch()
        RouteFiles(site).release()
        assert not half.parent.exists()
