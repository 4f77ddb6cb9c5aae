"""The command lines for Compose say exactly what is to be done; none of this needs an Engine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from stackctl import process
from stackctl.compose import Compose
from stackctl.errors import StackctlError
from stackctl.process import Completed

HEAD = (
    "docker compose --progress plain --ansi never --project-name lab --project-directory {0} --file {0}/{1}"
)


class Recorder:
    """Stands in for the processes: remembers them and answers as told."""

    def __init__(self, *answers: tuple[int, str]) -> None:
        self.answers = list(answers)
        self.argv: list[str] = []
        self.how: list[dict[str, Any]] = []

    def __call__(self, argv: Sequence[str], **how: Any) -> Completed:
        self.argv.append(" ".join(argv))
        self.how.append(how)
        code, out = self.answers.pop(0) if self.answers else (0, "")
        return Completed(tuple(argv), code, out, "", 0.1)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(process, "run", recorder)
    return recorder


@pytest.fixture
def compose(tmp_path: Path) -> Compose:
    return Compose("lab", tmp_path, {"TAG": "1.2", "COMPOSE_REMOVE_ORPHANS": "1"}, ("secret",))


def head(compose: Compose, *more: str) -> str:
    return " ".join((HEAD.format(compose.directory, "docker-compose.yml"), *more, "--profile *"))


def test_up_names_its_services_and_says_whether_they_are_replaced(
    compose: Compose, recorder: Recorder
) -> None:
    compose.up(("a", "b"), recreate=True)
    compose.up(("a",), recreate=False)
    assert recorder.argv == [
        f"{head(compose)} up --detach --no-deps --force-recreate --no-build --pull never a b",
        f"{head(compose)} up --detach --no-deps --no-recreate --no-build --pull never a",
    ]


def test_create_starts_nothing_and_keeps_dependencies_in_view(compose: Compose, recorder: Recorder) -> None:
    compose.create(("a",), recreate=True)
    compose.create(("a",), recreate=False)
    assert recorder.argv == [
        f"{head(compose)} create --force-recreate --no-build --pull never a",
        f"{head(compose)} create --no-recreate --no-build --pull never a",
    ]


def test_hashes_are_read_per_service(compose: Compose, recorder: Recorder) -> None:
    recorder.answers = [(0, "a 12\nb 34\n")]
    assert compose.hashes() == {"a": "12", "b": "34"}


def test_the_override_is_read_where_it_is_there(compose: Compose) -> None:
    (compose.directory / "docker-compose.override.yml").touch()
    argv = " ".join(compose.argv("ps"))
    assert argv == head(compose, f"--file {compose.directory}/docker-compose.override.yml") + " ps"


def test_variables_travel_in_the_environment_and_other_projects_settings_do_not(
    compose: Compose, recorder: Recorder
) -> None:
    compose.pull(("a",))
    how = recorder.how[0]
    assert how["env"]["TAG"] == "1.2"
    assert how["env"]["COMPOSE_REMOVE_ORPHANS"] == "false"
    assert how["env"]["COMPOSE_PROFILES"] == ""
    assert how["cwd"] == compose.directory
    assert how["redact"] == ("secret",)
    assert how["timeout"]
    assert "1.2" not in recorder.argv[0]
    assert "secret" not in repr(compose)
    assert "1.2" not in repr(compose)


def test_what_acts_on_containers_that_are_there_needs_no_file(compose: Compose, recorder: Recorder) -> None:
    compose.down()
    compose.stop(("a",))
    compose.restart(("a",))
    alone = "docker compose --progress plain --ansi never --env-file /dev/null --project-name lab"
    assert recorder.argv == [f"{alone} down", f"{alone} stop a", f"{alone} restart --no-deps a"]


def test_containers_are_removed_by_id_after_a_stop_and_without_their_volumes(
    compose: Compose, recorder: Recorder
) -> None:
    compose.remove(["1", "2"])
    assert recorder.argv == ["docker container stop 1 2", "docker container rm 1 2"]
    recorder.argv.clear()
    recorder.answers = [(1, "no")]
    assert compose.remove(["1"]).exit_code == 1
    assert recorder.argv == ["docker container stop 1"]


@pytest.mark.parametrize("said", ["2.26.1-4\n", "v2.26.0", "2.40.3-desktop.1", "5.0.0"])
def test_a_compose_that_is_new_enough_is_taken(said: str, compose: Compose, recorder: Recorder) -> None:
    recorder.answers = [(0, said)]
    assert compose.check() == said.strip().removeprefix("v")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((0, "2.19.1"), "version 2.19.1, which is too old"),
        ((0, "2.25.9"), "version 2.25.9, which is too old"),
        ((0, "unknown"), "(no Compose plugin|does not work) here"),
        ((1, "docker: 'compose' is not a docker command."), "(no Compose plugin|does not work) here"),
    ],
)
def test_a_missing_or_old_compose_is_told_with_a_hint(
    answer: tuple[int, str], says: str, compose: Compose, recorder: Recorder
) -> None:
    recorder.answers = [answer]
    with pytest.raises(StackctlError, match=says) as failure:
        compose.check()
    assert "version 2.26 or newer" in failure.value.hint


def test_a_run_that_needs_no_compose_does_not_wait_for_its_version(tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\nexec sleep 20\n")
    docker.chmod(0o755)
    asks = "import os; from pathlib import Path; from stackctl import compose; "
    asks += "compose.check_ahead(Path.cwd(), os.environ)"
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run([sys.executable, "-c", asks], check=True, timeout=15, env=environ)


def test_log_lines_carry_their_service(compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    said = ["web-1        | one | two", "my-app-12  | ", "odd line"]
    asked: list[tuple[str, ...]] = []

    def lines(argv: tuple[str, ...], **_: Any) -> list[str]:
        asked.append(argv)
        return said

    monkeypatch.setattr(process, "lines", lines)
    assert list(compose.logs(("web",), follow=True, tail=5)) == [
        ("web", "one | two"),
        ("my-app", ""),
        ("", "odd line"),
    ]
    assert (
        " ".join(asked[0])
        == "docker compose --progress plain --ansi never --env-file /dev/null --project-name lab logs --no-color --follow --tail 5 web"
    )
