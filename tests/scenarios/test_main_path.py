"""From the shipped pages to a running stack and a proved refusal, through the command line alone."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.relay import relay
from tests.rights_page import rights
from tests.scenarios.engine_room import wait_for
from tests.scenarios.recorded import recorded
from tests.scenarios.shipped import ShippedStack

pytestmark = pytest.mark.engine


def outcomes(document: dict[str, Any], code: str) -> set[str]:
    return {r["outcome"] for r in document["results"] if r["check"]["code"] == code}


def not_holding(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (r["check"]["code"], r["outcome"], r["saw"])
        for r in document["results"]
        if r["outcome"] != "passed" and r["check"]["severity"] == "error"
    ]


@pytest.fixture(scope="module")
def up(shipped: ShippedStack) -> ShippedStack:
    done = shipped.run("up", "--profile", "core", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    return shipped


def test_the_running_stack_is_proved(up: ShippedStack) -> None:
    with relay(writes=True) as asked:
        document = up.json("verify", environ={"DOCKER_HOST": asked.url})
    assert recorded(asked.requests).own == rights("`verify`, with a prober").own
    assert recorded(asked.requests).docker == rights("`verify`, with a prober").docker
    assert not_holding(document) == []
    codes = {r["check"]["code"] for r in document["results"]}
    assert {"CK101", "CK102", "CK103", "CK104", "CK201", "CK202", "CK203", "CK301", "CK302", "CK401"} <= codes


def test_the_host_reaching_the_proxy_is_stated_and_fails_nothing(up: ShippedStack) -> None:
    document = up.json("verify", "docker-socket-proxy")
    stated = [r for r in document["results"] if r["check"]["code"] == "CK205"]
    assert [r["outcome"] for r in stated] == ["failed"]
    assert stated[0]["check"]["severity"] == "warning"
    assert "any local account" in stated[0]["saw"]
    assert document["exit"] == 0


def test_a_second_up_does_nothing_and_says_so(up: ShippedStack) -> None:
    before = up.container_ids()
    done = up.run("up", "--profile", "core", "--yes", "--no-verify")
    assert done.returncode == 0
    assert "nothing to do" in done.stderr
    assert up.container_ids() == before


def test_plan_and_render_and_fingerprint_agree_with_what_runs(up: ShippedStack) -> None:
    for command in ("plan --check --profile core", "render --check", "fingerprint --check"):
        assert up.run(*command.split()).returncode == 0, command
    document = up.json("fingerprint", "--applied")
    for row in document["spokes"]:
        assert row["applied"] == row["running"] != ""
        assert row["committed"] == f"1.{row['declared']['digest']}"


def test_compose_alone_brings_up_the_same_stack(up: ShippedStack) -> None:
    before = up.container_ids()
    assert up.run("render").returncode == 0
    subprocess.run(
        ["docker", "compose", "--profile", "core", "up", "-d"], cwd=up.root, check=True, capture_output=True
    )
    assert up.container_ids() == before


def test_compose_agrees_also_after_a_replacement(up: ShippedStack) -> None:
    page = up.root / "spokes" / "traefik.md"
    text, before = page.read_text(), up.container_ids()
    try:
        page.write_text(text.replace("**User:** `65534:65534`", "**User:** `65533:65533`"))
        assert up.run("up", "traefik", "--yes", "--no-verify").returncode == 0
        changed = up.container_ids()
        assert {name for name in before if before[name] != changed[name]} == {"traefik"}
        compose = ["docker", "compose", "--profile", "core", "up", "-d"]
        subprocess.run(compose, cwd=up.root, check=True, capture_output=True)
        assert up.container_ids() == changed
    finally:
        page.write_text(text)
        assert up.run("up", "--profile", "core", "--yes", "--no-verify").returncode == 0


def test_an_edited_page_is_a_pending_change_with_its_cause(up: ShippedStack) -> None:
    page = up.root / "spokes" / "whoami.md"
    text = page.read_text()
    try:
        page.write_text(text.replace("**User:** `65534:65534`", "**User:** `65533:65533`"))
        assert up.run("render", "--check").returncode == 7
        assert up.run("fingerprint", "--check").returncode == 7
        done = up.run("plan", "--check", "--profile", "core")
        assert done.returncode == 7
        assert "recreate whoami" in done.stdout
        assert "65534:65534 → 65533:65533" in done.stdout
        assert "spokes/whoami.md:" in done.stdout
        changed = {
            a["spoke"]
            for a in up.json("plan", "--profile", "core")["plan"]["actions"]
            if a["verb"] != "nothing"
        }
        assert changed == {"whoami"}
    finally:
        page.write_text(text)


def test_status_names_what_runs_what_was_proved_and_what_stands_in(up: ShippedStack) -> None:
    up.json("verify")
    rows = {row["spoke"]: row for row in up.json("status")["spokes"]}
    assert {name: row["proof"] for name, row in rows.items()} == dict.fromkeys(rows, "proved")
    assert {row["changes"] for row in rows.values()} == {""}
    assert {name: row["stand_in"] for name, row in rows.items()} == {
        name: up.images.get(name, "") for name in rows
    }


def test_status_check_fails_for_a_changed_spoke_and_its_dependents_until_they_accept_it(
    up: ShippedStack,
) -> None:
    up.json("verify")
    assert up.run("status", "--check").returncode == 0
    page, manifest = up.root / "spokes" / "traefik.md", up.root / "spokes" / "traefik.yaml"
    texts = {path: path.read_text() for path in (page, manifest, up.root / "spokes" / "whoami.yaml")}
    try:
        page.write_text(texts[page].replace("**User:** `65534:65534`", "**User:** `65533:65533`"))
        done = up.run("status", "--check")
        assert done.returncode == 8
        assert "traefik is stale" in done.stderr
        assert "whoami is stale" in done.stderr, "what it depends on has changed"
        assert "docker-socket-proxy is" not in done.stderr
        for path in (manifest, up.root / "spokes" / "whoami.yaml"):
            path.write_text(texts[path] + "accept: [{code: CK501, reason: on the test host only}]\n")
        done = up.run("status", "--check")
        assert done.returncode == 8
        assert "is stale" not in done.stderr
        assert "traefik is not what the files declare" in " ".join(done.stderr.split())
        page.write_text(texts[page])
        records = up.root / ".stackctl" / "records.jsonl"
        records.rename(records.with_suffix(".away"))
        try:
            done = up.run("status", "--check")
            assert "traefik is" not in done.stderr
            assert "docker-socket-proxy is untested" in done.stderr
        finally:
            records.with_suffix(".away").rename(records)
        assert up.run("status", "--check").returncode == 0
        page.write_text(texts[page].replace("**User:** `65534:65534`", "**User:** `65533:65533`"))
        assert "whoami need not be proved: on the test host only" in up.run("status").stdout
        rows = {row["spoke"]: row for row in up.json("status")["spokes"]}
        assert rows["whoami"]["accepted"] == "on the test host only"
    finally:
        for path, text in texts.items():
            path.write_text(text)


def test_logs_show_what_the_container_wrote(up: ShippedStack) -> None:
    done = up.run("logs", "traefik")
    assert done.returncode == 0
    assert "Traefik version" in done.stdout
    assert "\x1b" not in done.stdout
    lines = [json.loads(line) for line in up.run("logs", "traefik", "--json").stdout.splitlines()]
    assert {line["spoke"] for line in lines if line.get("event") == "line"} == {"traefik"}


def test_every_run_of_verify_leaves_a_record(up: ShippedStack) -> None:
    records = up.root / ".stackctl" / "records.jsonl"
    before = len(records.read_text().splitlines()) if records.exists() else 0
    up.run("verify", "whoami")
    lines = [json.loads(line) for line in records.read_text().splitlines()[before:]]
    assert [line["spoke"] for line in lines] == ["whoami"]
    assert (up.root / ".stackctl").stat().st_mode & 0o777 == 0o700


def test_a_stopped_proxy_is_unreachable_and_never_passed(up: ShippedStack) -> None:
    try:
        up.docker("stop", up.container("docker-socket-proxy"))
        document = up.json("verify", "docker-socket-proxy")
        assert outcomes(document, "CK201") == {"unreachable"}
        assert document["exit"] == 8
        assert up.json("status")["spokes"][0]["proof"] == "failing"
    finally:
        assert up.run("up", "--profile", "core", "--yes", "--no-verify").returncode == 0


def test_a_proxy_with_switches_is_proved_and_forced_open_it_is_failed(switched: ShippedStack) -> None:
    page = switched.root / "spokes" / "docker-socket-proxy.md"
    text = page.read_text()
    try:
        page.write_text(text.replace("- `POST=0`", "- `POST=1`"))
        done = switched.run("up", "--profile", "core", "--yes", "--json")
        assert done.returncode == 8, "there is nothing yet to go back to"
        document = json.loads(done.stdout.splitlines()[-1])
        assert outcomes(document, "CK201") == {"failed"}
        saw = next(r["saw"] for r in document["results"] if r["check"]["code"] == "CK201")
        assert "reached the daemon" in saw
        page.write_text(text)
        assert switched.run("up", "--profile", "core", "--yes").returncode == 0
    finally:
        assert switched.run("down", "--yes").returncode == 0


def test_a_declined_plan_changes_nothing_and_exits_1_and_2_without_a_terminal(up: ShippedStack) -> None:
    page = up.root / "spokes" / "whoami.md"
    text, before = page.read_text(), up.container_ids()
    compose = (up.root / "docker-compose.yml").read_bytes()
    try:
        page.write_text(text.replace("**User:** `65534:65534`", "**User:** `65533:65533`"))
        done = up.run("up", "--profile", "core")
        assert done.returncode == 2
        assert "--yes" in done.stderr
        declined = up.at_a_terminal("n\n", "up", "--profile", "core")
        assert declined.returncode == 1
        assert "nothing was changed" in declined.stdout
    finally:
        page.write_text(text)
    assert up.container_ids() == before
    assert (up.root / "docker-compose.yml").read_bytes() == compose


def test_a_failing_spoke_is_named_with_its_last_words(up: ShippedStack) -> None:
    page = up.root / "spokes" / "broken.yaml"
    try:
        page.write_text(
            f"image: {up.images.get('whoami', 'traefik/whoami:v1.11.0')}\ncommand: [--no-such-flag]\n"
            "restart: 'no'\nnetworks: [proxy]\n"
        )
        done = up.run("up", "broken", "--yes")
        assert done.returncode == 5, "what ran before runs again"
        assert "broken" in done.stderr
        assert "no-such-flag" in done.stdout + done.stderr
    finally:
        page.unlink()
        assert up.run("up", "--profile", "core", "--yes", "--no-verify").returncode == 0
    assert "broken" not in up.container_ids()


def test_files_with_an_error_change_nothing(up: ShippedStack) -> None:
    manifest = up.root / "spokes" / "whoami.yaml"
    text, before = manifest.read_text(), up.container_ids()
    try:
        manifest.write_text(text + "enviroment: {A: 1}\n")
        done = up.run("up", "--profile", "core", "--yes")
        assert done.returncode == 3
        assert "spokes/whoami.yaml:" in done.stderr
        assert "environment" in done.stderr
    finally:
        manifest.write_text(text)
    assert up.container_ids() == before


def test_a_removed_proxy_is_not_forgotten(up: ShippedStack) -> None:
    """Every spoke stands in a profile, and `verify` is asked without one: what was applied must still be there."""
    try:
        up.docker("rm", "--force", up.container("docker-socket-proxy"))
        document = up.json("verify")
        assert outcomes(document, "CK201") == {"unreachable"}
        assert document["exit"] == 8
    finally:
        assert up.run("up", "--profile", "core", "--yes", "--no-verify").returncode == 0


def test_checking_nothing_is_not_success(shipped_apart: ShippedStack) -> None:
    done = shipped_apart.run("verify")
    assert done.returncode == 2
    assert "nothing to check" in done.stderr


def test_a_mistyped_profile_is_wrong_usage(up: ShippedStack) -> None:
    for command in ("plan", "up", "verify"):
        done = up.run(command, "--profile", "cor")
        assert done.returncode == 2, command
        assert "did you mean `core`?" in done.stderr
    assert "add --profile core" in up.run("plan").stderr


def test_without_an_engine_the_way_out_is_named(up: ShippedStack) -> None:
    done = up.run("plan", environ={"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    assert done.returncode == 1
    assert "/nowhere/docker.sock" in done.stderr
    assert "hint:" in done.stderr


def test_lint_and_render_and_fingerprint_need_no_engine(up: ShippedStack) -> None:
    nowhere = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}
    for command in ("lint", "render --check", "fingerprint"):
        assert up.run(*command.split(), environ=nowhere).returncode == 0, command


def test_down_removes_everything_but_volumes(shipped_apart: ShippedStack) -> None:
    assert shipped_apart.run("up", "docker-socket-proxy", "--yes", "--no-verify").returncode == 0
    assert shipped_apart.container_ids()
    assert shipped_apart.run("down", "--yes").returncode == 0
    assert shipped_apart.container_ids() == {}
    again = shipped_apart.run("down", "--yes")
    assert again.returncode == 0
    assert "nothing to do" in again.stderr


def test_an_interrupted_up_says_what_it_had_applied(shipped_apart: ShippedStack) -> None:
    child = shipped_apart.start("up", "--profile", "core", "--yes", "--no-verify")
    try:
        wait_for(lambda: "docker-socket-proxy" in shipped_apart.container_ids())
        os.killpg(child.pid, 2)
        out, err = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 130, out + err
    assert "interrupted" in err
    assert "applied" in err


def test_the_files_say_the_same_in_any_order_and_under_any_hash_seed(
    up: ShippedStack, tmp_path: Path
) -> None:
    texts = {
        up.run("render", "--stdout", environ={"PYTHONHASHSEED": seed}).stdout for seed in ("0", "1", "77")
    }
    assert len(texts) == 1
    assert texts == {(up.root / "docker-compose.yml").read_text()}
