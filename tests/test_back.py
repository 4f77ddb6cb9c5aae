"""While going back, the edge's files lead to what works; and a run knows what was there before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stackctl import good
from stackctl.commands import back
from stackctl.commands.change import Change, Progress
from stackctl.commands.opened import look_at_host, open_stack
from stackctl.compose import Compose
from stackctl.errors import StackctlError
from stackctl.good import Seen
from stackctl.journal import Begun, Unfinished
from stackctl.model import Action, Container, Observed, Plan, Verb, Wanted
from stackctl.process import Completed
from tests.command_line import written

TRAEFIK = "rendered/traefik/routes/routes.yml"
CADDY = "rendered/traefik/led/web/99-home-web-1"


@dataclass(frozen=True)
class FakeCompose(Compose):
    """Keeps what the edge was told by the time that a container was to be removed."""

    told: dict[str, str] = field(default_factory=dict)
    exit_code: int = 0

    def remove(self, ids: Sequence[str]) -> Completed:
        self.told.update({path: (self.directory / path).read_text() for path in (TRAEFIK, CADDY)})
        return Completed(("docker", "rm", *ids), self.exit_code, "", "no such luck", 0.0)


@pytest.mark.parametrize("removed", [True, False], ids=["removed", "it cannot be removed"])
def test_the_edge_keeps_away_from_a_container_that_does_not_work_until_it_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removed: bool
) -> None:
    written(tmp_path)
    settings = tmp_path / "stack.yaml"
    settings.write_text(settings.read_text().replace("edge: traefik", "edge: {name: traefik, routes: files}"))
    web = "image: nginx:1\nnetworks: [proxy]\nroute: [{host: web.stack.localhost, port: 80}]\n"
    (tmp_path / "spokes" / "web.yaml").write_text(web)
    opened = open_stack(tmp_path)
    view = look_at_host(opened, {})
    parts = {"bundle": opened.bundle.files}
    good.keep(tmp_path, Seen("", "kim", {"web": "sha256:1"}, {"web": "1"}, parts))
    for path in (TRAEFIK, CADDY):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("to the old one alone")
    compose = FakeCompose("home", tmp_path, exit_code=int(not removed))
    there = (one("web", "1", "healthy"), one("web", "2", "unhealthy"))
    observed = Observed("home", there)
    made: Any = SimpleNamespace(wanted={"web": Wanted({})}, plan=Plan(()))
    unmoved = {
        "observe": observed,
        "_engine": None,
        "compose_for": compose,
        "reopened": (opened, view),
        "expect_images": None,
        "with_kept_secrets": view,
        "make": made,
        "run_plan": iter(()),
        "noted": iter(()),
        "working": iter(()),
    }
    for name, value in unmoved.items():
        monkeypatch.setattr(back, name, lambda *_, value=value, **__: value)
    change = Change("up", opened, view, made, observed, None, {}, None)  # type: ignore[arg-type]
    kept = good.all_good(tmp_path)[0]
    going = back._back(change, None, Progress(), (), kept, ["web"], [], verify=False)  # type: ignore[arg-type]
    try:
        list(going)
    except StackctlError:
        assert not removed
    assert compose.told == dict.fromkeys((TRAEFIK, CADDY), "to the old one alone")
    assert (tmp_path / "docker-compose.yml").read_bytes() == opened.bundle.files["docker-compose.yml"]
    assert ((tmp_path / TRAEFIK).read_bytes() == opened.bundle.files[TRAEFIK]) is removed
    assert (tmp_path / CADDY).exists() is not removed


def test_what_an_earlier_run_had_found_is_what_was_there_before_and_so_is_nothing(tmp_path: Path) -> None:
    written(tmp_path)
    opened = open_stack(tmp_path)
    view = look_at_host(opened, {})
    earlier = Begun("up", "", {"web": "create", "db": "recreate"}, {"web": (), "db": ("old",)})
    there = (one("web", "1", "healthy"), one("db", "2", "healthy"), one("new", "3", "healthy"))
    made: Any = SimpleNamespace(plan=Plan((Action("new", Verb.RECREATE),)))
    observed, left = Observed("home", there), Unfinished(earlier)
    change = Change("up", opened, view, made, observed, None, {}, None, left)  # type: ignore[arg-type]
    assert change.begun.before == {"web": (), "db": ("old",), "new": ("3",)}


def one(spoke: str, id: str, health: str) -> Container:
    labels = {"com.docker.compose.service": spoke}
    return Container(id, f"home-{spoke}-{id}", "", "", "running", health, 0, 0, labels, {}, (), ())
