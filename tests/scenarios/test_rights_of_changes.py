"""What commands that change something ask of the Engine, seen on a way to it that lets all of that through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.relay import Request, relay
from tests.rights_page import Row, rows
from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.recorded import recorded
from tests.scenarios.registry import Registry, registry_in
from tests.scenarios.written import WrittenStack, dying, health, python, written

pytestmark = [pytest.mark.engine, pytest.mark.slow]

QUICK = {"stop_signal": "SIGKILL"}
FILES: dict[str, Any] = {
    "volumes": ["kept:/data"],
    "user": "0:0",
    "backup": {"path": "/data"},
    "healthcheck": health(),
    **QUICK,
}
JOB = {"kind": "job", "command": ["python", "-c", "pass"]}


@dataclass
class Story:
    """A stack, and what was asked for each command."""

    stack: WrittenStack
    asked: dict[str, list[Request]] = field(default_factory=dict)

    def run(self, *words: str, code: int = 0) -> None:
        with relay(writes=True) as asked:
            done = self.stack.run(*words, environ={"DOCKER_HOST": asked.url})
        assert done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
        self.asked.setdefault(words[0], []).extend(asked.requests)


@pytest.fixture(scope="module")
def asked(
    room: EngineRoom, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, list[Request]]]:
    """By command."""
    stack = written(tmp_path_factory.mktemp("changes"), room)
    with registry_in(tmp_path_factory.mktemp("registry"), room) as registry:
        story = Story(stack)
        try:
            tell(story, room, registry)
            yield story.asked
        finally:
            stack.run("down", "--yes")


def tell(story: Story, room: EngineRoom, registry: Registry) -> None:
    stack, archive = story.stack, str(registry.folder / "stack.tar")
    image = f"FROM {room.image('whoami')}\n"
    (registry.folder / "compose.yaml").write_text("name: other\nservices: {app: {image: 'busybox:1'}}\n")
    story.run("adopt", "-C", str(registry.folder), "--out", str(registry.folder / "adopted"))
    registry.made("v1", image)
    stack.write(
        room,
        web=python(healthcheck=health(), networks=["proxy", "socket"], **QUICK),
        files=python(**FILES),
        dumped=python(backup={"command": ["echo", "all"]}, **QUICK),
        work=JOB,
        app={"image": registry.image("v1"), **QUICK},
    )
    story.run("up", "--yes", "--no-verify")
    story.run("exec", "files", "--", "true")
    story.run("backup")
    story.run("restore", "files", "--yes")
    story.run("restart", "web")
    story.run("stop", "web")
    story.run("rollback", "--yes", "--no-verify")
    story.run("pull", "app")
    # One is replaced after a backup, one runs again, one fails beside the old one; and then all of it goes back.
    stack.write(
        room,
        web=dying(3, networks=["proxy", "socket"], depends_on=["files", "work"], **QUICK),
        files=python(environment={"A": "1"}, **FILES),
        work={**JOB, "environment": {"A": "1"}},
    )
    story.run("up", "--yes", "--no-verify", code=5)
    story.run("pin", "app")
    registry.made("v1", f'{image}ENTRYPOINT ["/whoami", "--help"]\n')
    story.run("pin", "--update", "app", code=1)
    assert stack.run("export", archive).returncode == 0
    story.run("import", archive, str(registry.folder / "there"))
    story.run("rename", "work", "task", "--yes")
    story.run("remove", "web", "--yes")
    story.run("down", "--yes")


# What `verify` asks is seen where everything is verified, and where every guard is broken.
CHANGING = {row.commands: row for row in rows() if not row.consumer and "verify" not in row.names}


@pytest.mark.parametrize("row", CHANGING.values(), ids=CHANGING)
def test_what_a_change_asks_is_what_the_page_says(asked: Mapping[str, list[Request]], row: Row) -> None:
    seen = recorded(request for command in row.names for request in asked[command])
    assert seen.own == row.own
    assert seen.docker == row.docker


def test_every_command_that_asks_stands_in_a_row(asked: Mapping[str, list[Request]]) -> None:
    asking = {command for command, requests in asked.items() if requests}
    assert asking == {name for row in CHANGING.values() for name in row.names}
