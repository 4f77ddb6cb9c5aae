"""What was found once is told again only while nothing that it rests on moved."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stackctl import settled
from stackctl.endpoint import Endpoint
from stackctl.engine import Engine
from stackctl.throwaway_labels import OWNER_LABEL, RUN_LABEL, STACK_LABEL

LINE = ("up", "--yes", "--no-verify")
OF = {"project": "s", "networks": ["s_socket"], "volumes": ["s_data"], "images": ["app:1"]}
WORDS = [("out", "nothing to do", ""), ("err", "1 warning", "dim")]


class FakeEngine:
    """Answers as the Engine does, from what a test put there."""

    endpoint = Endpoint("unix:///nowhere")
    version = "27.1"

    def __init__(self) -> None:
        labels = {"com.docker.compose.project": "s"}
        self.own: dict[str, Any] = {
            "Id": "1",
            "Image": "sha256:1",
            "Name": "/s-app-1",
            "Config": {"Env": ["A=b"]},
            "HostConfig": {"Memory": 1},
            "Mounts": [],
            "State": {
                "Status": "running",
                "ExitCode": 0,
                "StartedAt": "now",
                "Health": {"Status": "healthy", "Log": [1]},
            },
            "NetworkSettings": {"Networks": {"s_socket": {"Aliases": ["app"], "IPAddress": "10.0.0.2"}}},
        }
        other = {"Id": "2", "Names": ["/other"], "NetworkSettings": {"Networks": {"lan": {}}}}
        self.lists: dict[str, Any] = {
            "/containers/json": [{"Id": "1", "Names": ["/s-app-1"], "Labels": labels, "Status": "Up"}, other],
            "/networks": [{"Id": "n", "Name": "s_socket", "Internal": True}, {"Id": "l", "Name": "lan"}],
            "/images/json": [{"Id": "sha256:1", "RepoTags": ["app:1"]}, {"Id": "sha256:2", "RepoTags": None}],
            "/volumes": {"Volumes": [{"Name": "s_data", "Driver": "local"}, {"Name": "x"}]},
        }

    def get(self, path: str, **_: object) -> Any:
        return self.own if path == "/containers/1/json" else self.lists[path]

    def __enter__(self) -> FakeEngine:
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    engine = FakeEngine()
    monkeypatch.setattr(Engine, "connect", lambda _: engine)
    return engine


@pytest.fixture
def root(tmp_path: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stack in which nothing was to do."""
    for path in (
        "stack.yaml",
        "spokes/app.yaml",
        "conf/a.conf",
        ".stackctl/host.key",
        ".stackctl/images.json",
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("{}")
    (tmp_path / ".stackctl" / "lock").write_text("")
    monkeypatch.chdir(tmp_path)
    keep(tmp_path, engine)
    return tmp_path


def again(line: tuple[str, ...] = LINE) -> int | None:
    os.environ["PYTEST_CURRENT_TEST"] = "pytest itself changes this variable"
    return settled.again(line)


def keep(root: Path, engine: FakeEngine, began: float | None = None, until: float | None = None) -> None:
    os.environ["PYTEST_CURRENT_TEST"] = "pytest itself changes this variable"
    paths = [(str(root / "conf"), settled.TREE), (str(root / "data"), settled.THERE)]
    seen = settled.state(engine, OF)
    began = time.time() + 60 if began is None else began
    settled.remember(str(root), LINE, OF, paths, seen, WORDS, began, until)


def test_the_same_words_are_told_again(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert again() == 0
    told = capsys.readouterr()
    assert (told.out, told.err) == ("nothing to do\n", "1 warning\n")
    assert again(("up", "--yes")) is None, "another command line"
    assert again(("down",)) is None
    assert again(()) is None


def test_from_a_folder_within_the_stack_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root / "spokes")
    assert again() == 0
    monkeypatch.chdir("/")
    assert again() is None


FILES: dict[str, Callable[[Path], object]] = {
    "a spoke changed": lambda root: (root / "spokes/app.yaml").write_text("{ }"),
    "a spoke more": lambda root: (root / "spokes/b.yaml").write_text(""),
    "a spoke less": lambda root: (root / "spokes/app.yaml").unlink(),
    "host values": lambda root: (root / "stack.local.yaml").write_text("{}"),
    "variables": lambda root: (root / ".env").write_text("A=b"),
    "the rendered file": lambda root: (root / "docker-compose.yml").write_text("{}"),
    "a mounted file": lambda root: (root / "conf/a.conf").write_text("b"),
    "a mounted file more": lambda root: (root / "conf/b.conf").write_text(""),
    "rights of a file": lambda root: (root / "conf/a.conf").chmod(0o600),
    "a link": lambda root: (root / "conf/c.conf").symlink_to("a.conf"),
    "a path that was not there": lambda root: (root / "data").mkdir(),
    "what was applied": lambda root: (root / ".stackctl/images.json").write_text("[]"),
    "a journal": lambda root: (root / ".stackctl/journal").write_text("half done"),
    "another key": lambda root: (root / ".stackctl/host.key").write_text("k"),
    "somebody holds the lock": lambda root: (root / ".stackctl/lock").write_text("me"),
    "another program": lambda root: edit(root, lambda kept: kept.update(program="older")),
    "nonsense": lambda root: (root / ".stackctl/cache/settled.json").write_text("["),
}


def edit(root: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = root / ".stackctl/cache/settled.json"
    kept = json.loads(path.read_text())
    change(kept)
    path.write_text(json.dumps(kept))


@pytest.mark.parametrize("moved", FILES)
def test_no_file_moves_unseen(root: Path, moved: str) -> None:
    FILES[moved](root)
    assert again() is None


def test_no_variable_moves_unseen_but_those_of_the_shell(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHLVL", "99")
    assert again() == 0
    monkeypatch.setenv("STACK_DOMAIN", "example.org")
    assert again() is None


ENGINE: dict[str, Callable[[FakeEngine], object]] = {
    "stopped": lambda engine: engine.own["State"].update(Status="exited"),
    "unhealthy": lambda engine: engine.own["State"].update(Health={"Status": "unhealthy"}),
    "memory": lambda engine: engine.own["HostConfig"].update(Memory=2),
    "environment": lambda engine: engine.own["Config"].update(Env=[]),
    "detached": lambda engine: engine.own["NetworkSettings"].update(Networks={}),
    "missing": lambda engine: engine.lists["/containers/json"].pop(0),
    "upgraded": lambda engine: setattr(engine, "version", "28.0"),
    "retagged": lambda engine: engine.lists["/images/json"][0].update(Id="sha256:3"),
    "network": lambda engine: engine.lists["/networks"][0].update(Internal=False),
    "volume": lambda engine: engine.lists["/volumes"]["Volumes"][0].update(Driver="nfs"),
    "stranger": lambda engine: engine.lists["/containers/json"][1]["NetworkSettings"]["Networks"].update(
        s_socket={}
    ),
}


@pytest.mark.parametrize("moved", ENGINE)
def test_nothing_of_the_stack_moves_unseen_on_the_engine(root: Path, engine: FakeEngine, moved: str) -> None:
    ENGINE[moved](engine)
    assert again() is None


def test_a_stranger_in_the_place_of_a_prober_does_not_come_unseen(root: Path, engine: FakeEngine) -> None:
    other = engine.lists["/containers/json"][1]
    other["NetworkSettings"]["Networks"] = {"s_socket": {}}
    other["Labels"] = dict.fromkeys((STACK_LABEL, OWNER_LABEL, RUN_LABEL), "1")
    keep(root, engine)
    assert again() == 0
    other["Labels"] = {STACK_LABEL: "1"}
    assert again() is None


def test_what_is_not_of_the_stack_may_move(root: Path, engine: FakeEngine) -> None:
    engine.own["State"] |= {"StartedAt": "later", "Health": {"Status": "healthy", "Log": []}}
    engine.own["NetworkSettings"]["Networks"]["s_socket"]["IPAddress"] = "10.0.0.3"
    engine.lists["/images/json"].append({"Id": "sha256:9", "RepoTags": ["other:1"]})
    engine.lists["/networks"].pop()
    engine.lists["/containers/json"].pop()
    (root / ".stackctl/cache/read.json").write_text("anything")
    assert again() == 0


def test_an_engine_that_does_not_answer_is_left_to_the_command(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Engine, "connect", lambda _: (_ for _ in ()).throw(OSError("gone")))
    assert again() is None


def test_a_file_that_moved_while_the_command_ran_is_not_kept(root: Path, engine: FakeEngine) -> None:
    (root / "spokes/app.yaml").write_text("{ }")
    keep(root, engine, began=os.stat(root / "spokes/app.yaml").st_ctime)
    assert again() is None


def test_what_is_due_by_its_time_is_left_to_the_command(root: Path, engine: FakeEngine) -> None:
    keep(root, engine, until=time.time() + 3600)
    assert again() == 0
    edit(root, lambda kept: kept["kept"][json.dumps(LINE)].update(until=time.time() - 1))
    assert again() is None


def test_a_file_that_cannot_be_read_fails_nothing_and_keeps_nothing(
    root: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / ".stackctl/cache/settled.json").unlink()
    real = open

    def refuse(path: Any, *rest: Any) -> Any:
        if str(path).endswith("a.conf"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *rest)

    monkeypatch.setattr("builtins.open", refuse)
    keep(root, engine)
    assert again() is None
    assert not (root / ".stackctl/cache/settled.json").exists()


def test_what_is_kept_holds_no_content_and_is_the_owners_alone(root: Path) -> None:
    path = root / ".stackctl/cache/settled.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "A=b" not in path.read_text()
