"""The commands that act on single spokes, on one running stack."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.scenarios.engine_room import EngineRoom, wait_for
from tests.scenarios.shipped import ShippedStack

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def up(shipped: ShippedStack) -> ShippedStack:
    done = shipped.run("up", "whoami", "--yes", "--no-verify")
    assert done.returncode == 0, done.stdout + done.stderr
    return shipped


@pytest.fixture
def notes(up: ShippedStack, room: EngineRoom) -> Iterator[ShippedStack]:
    """The stack with a spoke of its own that keeps data in a volume."""
    manifest = up.root / "spokes" / "notes.yaml"
    manifest.write_text(
        f"image: {room.image('python')}\n"
        "command: [python3, -c, 'import time; time.sleep(3600)']\n"
        "networks: [proxy]\nvolumes: ['notes-data:/data']\nstop_signal: SIGKILL\n"
    )
    assert up.run("up", "notes", "--yes", "--no-verify").returncode == 0
    write = ["exec", "notes", "--", "python3", "-c", "open('/data/kept', 'w').write('it was kept')"]
    assert up.run(*write).returncode == 0
    yield up
    for path in (up.root / "spokes").glob("[nj]o*.yaml"):
        path.unlink()
    assert up.run("up", "--yes", "--no-verify").returncode == 0


def state(stack: ShippedStack, spoke: str) -> tuple[str, str]:
    form = "{{.State.Status}} {{.State.StartedAt}}"
    status, started = stack.docker("inspect", "-f", form, stack.container(spoke)).split()
    return status, started


def volumes(stack: ShippedStack) -> list[str]:
    label = f"label=com.docker.compose.project={stack.name}"
    return stack.docker("volume", "ls", "--quiet", "--filter", label).split()


def test_up_takes_along_what_a_spoke_depends_on(up: ShippedStack) -> None:
    assert set(up.container_ids()) >= {"docker-socket-proxy", "traefik", "whoami"}


def test_show_tells_each_value_its_place_and_what_runs(up: ShippedStack) -> None:
    document = up.json("show", "whoami")
    values = {value["field"]: value for value in document["values"]}
    page = (up.root / "spokes" / "whoami.md").read_text().splitlines()
    for field, told in (("user", "65534:65534"), ("route", "whoami.stack.localhost"), ("image", "whoami:v1")):
        assert told in values[field]["value"]
        file, line, _ = values[field]["origin"].split(":")
        assert file == "spokes/whoami.md"
        assert told in page[int(line) - 1]
    assert values["mem_limit"]["origin"].startswith("spokes/whoami.yaml:2:")
    assert values["cap_drop"]["origin"] == "template"
    assert document["stanza"]["user"] == "65534:65534"
    assert [run["id"] for run in document["runs"]] == [up.container("whoami")[:12]]
    assert up.json("show", "traefik")["dependents"] == ["whoami"]
    for spoke in ("docker-socket-proxy", "traefik", "whoami"):
        said = up.run("show", spoke).stdout
        assert all(word in said for word in ("values", "rendered", "fingerprint", "runs", "proof"))


def test_show_works_without_an_engine(up: ShippedStack) -> None:
    done = up.run("show", "whoami", environ={"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    assert done.returncode == 0
    assert "no Docker Engine answers" in done.stdout


def test_restart_keeps_the_container_and_stop_leaves_it_to_the_next_up(up: ShippedStack) -> None:
    before, ids = state(up, "whoami"), up.container_ids()
    assert up.json("restart", "whoami")["spokes"] == ["whoami"]
    after = state(up, "whoami")
    assert (after[0], after[1] > before[1]) == ("running", True)
    try:
        done = up.run("stop", "docker-socket-proxy")
        assert done.returncode == 0
        assert "traefik leans on docker-socket-proxy" in done.stderr
        assert state(up, "docker-socket-proxy")[0] == "exited"
        done = up.run("status", "--check", "--profile", "core")
        assert done.returncode == 8
        assert "`up` would start it" in " ".join(done.stderr.split())
        assert state(up, "traefik")[0] == "running"
    finally:
        assert up.run("up", "docker-socket-proxy", "--yes", "--no-verify").returncode == 0
    assert up.container_ids() == ids


def test_what_is_not_there_is_neither_restarted_nor_stopped_nor_entered(up: ShippedStack) -> None:
    manifest = up.root / "spokes" / "nobody.yaml"
    manifest.write_text("image: example/nobody:1\nnetworks: [proxy]\n")
    try:
        acting = (["restart", "nobody"], ["stop", "nobody"], ["logs", "nobody"])
        for words in (*acting, ["exec", "nobody", "--", "true"]):
            done = up.run(*words)
            assert done.returncode == 1, words
            assert "stackctl up nobody" in done.stderr
    finally:
        manifest.unlink()
    assert up.run("restart", "nobody").returncode == 2


def test_exec_gives_the_output_and_the_exit_code_of_the_command(up: ShippedStack) -> None:
    done = up.run("exec", "traefik", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")
    ran = subprocess.run(
        [sys.executable, "-m", "stackctl", "exec", "--json", "traefik", "--", "id", "-u"],
        cwd=up.root,
        capture_output=True,
        text=True,
    )
    document = json.loads(ran.stdout)
    assert (document["exit"], document["stdout"]) == (0, "65534\n")


def test_pull_asks_no_registry_for_stand_ins_and_says_so(shipped_apart: ShippedStack) -> None:
    stack = shipped_apart
    spokes = {path.stem for path in (stack.root / "spokes").glob("*.md")} - {"README", "caddy"}
    path = stack.root / "stack.local.yaml"
    stand_ins = {name: f"stackctl.local/{name}:none" for name in spokes}
    path.write_text(json.dumps({**json.loads(path.read_text()), "images": stand_ins}))
    document = stack.json("pull", *sorted(spokes))
    assert document["exit"] == 0
    assert set(document["skipped"]) == spokes
    assert document["images"] == []


def test_verify_writes_a_report_for_ci(up: ShippedStack, tmp_path: Path) -> None:
    report = tmp_path / "new" / "report.xml"
    document = up.json("verify", "whoami", "--junit", str(report))
    root = ElementTree.parse(report).getroot()
    assert root.get("tests") == str(len(document["results"]))
    assert root.get("failures") == root.get("errors") == "0"


def test_the_watched_status_follows_the_engine_and_an_interrupt_is_its_end(up: ShippedStack) -> None:
    child = up.start("status", "--watch", "--json")
    assert child.stdout is not None
    try:
        first = json.loads(child.stdout.readline())["answer"]
        assert {row["spoke"]: row["runs"] for row in first["spokes"]}["whoami"] == "running"
        up.docker("stop", up.container("whoami"))
        lines = iter(child.stdout)

        def whoami() -> str:
            rows = json.loads(next(lines))["answer"]["spokes"]
            return {row["spoke"]: row["runs"] for row in rows}["whoami"]

        wait_for(lambda: whoami().startswith("exited"), 10)
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=20)
        assert child.returncode == 0
    finally:
        child.kill()
        up.docker("start", up.container("whoami"))


# ---- spokes that go


def test_a_spoke_whose_files_are_gone_is_removed_after_a_yes_and_its_volume_never(
    notes: ShippedStack,
) -> None:
    (notes.root / "spokes" / "notes.yaml").unlink()
    done = notes.run("up", "--no-verify")
    assert done.returncode == 2
    assert "remove" in done.stdout
    assert "notes" in notes.container_ids()
    declined = notes.at_a_terminal("n\n", "up", "--no-verify")
    assert declined.returncode == 1
    assert "notes" in notes.container_ids()
    assert notes.run("up", "--no-verify", "--yes").returncode == 0
    assert "notes" not in notes.container_ids()
    assert f"{notes.name}_notes-data" in volumes(notes)


def test_remove_takes_the_container_along_and_never_the_volume(notes: ShippedStack) -> None:
    declined = notes.at_a_terminal("n\n", "remove", "notes")
    assert declined.returncode == 1
    assert (notes.root / "spokes" / "notes.yaml").exists()
    done = notes.run("remove", "notes", "--yes")
    assert done.returncode == 0, done.stderr
    assert "notes-data is kept" in done.stderr
    assert "notes" not in notes.container_ids()
    assert f"{notes.name}_notes-data" in volumes(notes)
    assert notes.run("plan", "--check", "--profile", "core").returncode == 0


def test_rename_keeps_the_data_and_the_history(notes: ShippedStack) -> None:
    assert notes.json("verify", "notes")["exit"] == 0
    assert notes.run("rename", "notes", "journal", "--yes").returncode == 0
    rows = {row["spoke"]: row for row in notes.json("status")["spokes"]}
    assert (rows["journal"]["proof"], rows["journal"]["runs"]) == ("proved", "absent")
    assert notes.run("up", "journal", "--yes", "--no-verify").returncode == 0
    assert notes.run("exec", "journal", "--", "cat", "/data/kept").stdout == "it was kept"


def test_a_container_that_still_has_the_old_name_goes_with_its_renamed_spoke(notes: ShippedStack) -> None:
    assert notes.run("rename", "notes", "journal", "--yes").returncode == 0
    assert "notes" in notes.container_ids()
    done = notes.run("remove", "journal", "--yes")
    assert done.returncode == 0, done.stderr
    assert "notes" not in notes.container_ids()


# ---- while the files are broken


def test_what_runs_can_be_read_stopped_and_started_while_a_file_is_broken(up: ShippedStack) -> None:
    broken = up.root / "spokes" / "broken.yaml"
    broken.write_text("image: [\n")
    env = up.root / ".env"
    before = env.read_bytes() if env.exists() else None
    env.write_text("this is no variable\n")
    try:
        assert up.run("lint").returncode == 3
        assert up.run("exec", "traefik", "--", "true").returncode == 0
        assert up.run("logs", "traefik").returncode == 0
        for verb in ("stop", "restart"):
            done = up.run(verb, "whoami")
            assert done.returncode == 0, done.stderr
            assert "see `stackctl lint`" in done.stderr
        assert state(up, "whoami")[0] == "running"
    finally:
        broken.unlink()
        env.write_bytes(before) if before is not None else env.unlink()


def test_down_works_while_files_are_broken_and_takes_networks_that_are_left_alone(
    room: EngineRoom, tmp_path: Path
) -> None:
    project = room.project()
    (tmp_path / "spokes").mkdir()
    (tmp_path / "stack.yaml").write_text(f"name: {project}\n")
    spoke = tmp_path / "spokes" / "web.yaml"
    spoke.write_text(f"image: {room.image('whoami')}\nnetworks: [proxy]\n")
    here = ShippedStack(tmp_path, project).run
    assert here("up", "--yes", "--no-verify").returncode == 0
    container = room.docker("ps", "-q", "--filter", f"label=com.docker.compose.project={project}")
    room.docker("rm", "--force", container)
    spoke.write_text("image: [\n")
    (tmp_path / "stack.local.yaml").write_text("images: {nobody: x}\n")
    (tmp_path / ".env").write_text("this is no variable\n")
    (tmp_path / "stack.yaml").write_text("name: [\n")
    done = here("down", "--yes")
    assert done.returncode == 0, done.stderr
    assert "removed 1 network;" in done.stdout
    assert room.docker("network", "ls", "-q", "--filter", f"label=com.docker.compose.project={project}") == ""
    (tmp_path / "docker-compose.yml").unlink()
    assert here("down", "--yes").returncode == 3
