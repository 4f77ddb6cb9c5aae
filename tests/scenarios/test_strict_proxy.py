"""A socket proxy whose filter stackctl renders, on the real Engine: over TCP, and on a unix socket."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.engine_room import EngineRoom, wait_for
from tests.scenarios.probed import probers
from tests.scenarios.shipped import ShippedStack, ship

pytestmark = pytest.mark.engine

PROXY = "docker-socket-proxy"
FOLDER = "/run/docker-api"
SOCKET = f"{FOLDER}/docker.sock"
EVERYTHING = ("up", "--profile", "core", "--yes")
ASK = """
import http.client, json, socket, sys
method, target, path = sys.argv[1:]
connection = http.client.HTTPConnection("docker-socket-proxy", 2375, timeout=5)
if path:
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(path)
connection.request(method, target)
answer = connection.getresponse()
print(json.dumps([answer.status, answer.read().decode()[:200]]))
"""


@pytest.fixture(scope="module")
def up(shipped: ShippedStack) -> ShippedStack:
    done = shipped.run(*EVERYTHING)
    assert done.returncode == 0, done.stdout + done.stderr
    return shipped


@pytest.fixture(scope="module")
def unix(room: EngineRoom, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShippedStack]:
    stack = ship(tmp_path_factory.mktemp("unix"), room.project())
    manifest = stack.root / "spokes" / f"{PROXY}.yaml"
    manifest.write_text(with_policy(manifest.read_text(), f"listen: {SOCKET}"))
    page = stack.root / "spokes" / f"{PROXY}.md"
    text = page.read_text()
    # What the page's own checks ask at port 2375 nobody answers any more.
    page.write_text(text[: text.index("### Verify")] + text[text.index("### Common Issues") :])
    done = stack.run(*EVERYTHING)
    assert done.returncode == 0, done.stdout + done.stderr
    yield stack
    assert stack.run("down", "--yes").returncode == 0


def with_policy(manifest: str, line: str) -> str:
    assert manifest.count("\npolicy:\n") == 1
    return manifest.replace("\npolicy:\n", f"\npolicy:\n  {line}\n")


def asked(room: EngineRoom, method: str, target: str, *options: str, socket: str = "") -> tuple[int, str]:
    label = [f"--label={key}={value}" for key, value in room.labels.items()]
    image = room.image("python")
    words = (*label, *options, "--entrypoint=python3", image, "-c", ASK, method, target, socket)
    status, body = json.loads(room.docker("run", "--rm", "--user=65534:65534", *words))
    return status, body


def results(document: dict[str, Any], code: str) -> list[tuple[str, str]]:
    return [(r["outcome"], r["saw"]) for r in document["results"] if r["check"]["code"] == code]


def inspected(stack: ShippedStack, spoke: str) -> dict[str, Any]:
    return dict(json.loads(stack.docker("inspect", stack.container(spoke)))[0])


def restart(stack: ShippedStack) -> None:
    stack.docker("restart", stack.container(PROXY))
    wait_for(lambda: inspected(stack, PROXY)["State"]["Health"]["Status"] == "healthy")


def test_it_runs_as_nobody_with_the_group_of_the_socket_alone(up: ShippedStack) -> None:
    found = inspected(up, PROXY)
    group = Path("/var/run/docker.sock").stat().st_gid
    assert found["Config"]["User"] == f"65534:{group}"
    assert found["HostConfig"]["CapDrop"] == ["ALL"]
    assert found["HostConfig"]["ReadonlyRootfs"] is True
    assert not found["HostConfig"]["CapAdd"]
    assert not found["HostConfig"]["Privileged"]
    assert 'user: "65534:${SOCKET_GID:-65534}"' in (up.root / "docker-compose.yml").read_text()


def test_what_the_edge_needs_passes_and_everything_else_is_refused_in_words(
    up: ShippedStack, room: EngineRoom
) -> None:
    network = f"--network={up.name}_socket"
    assert asked(room, "GET", "/v1.41/containers/json", network)[0] == 200
    for method, target in (
        ("GET", "/images/json"),
        ("GET", f"/containers/{up.container('whoami')}/logs"),
        ("GET", "/containers/whoami/archive?path=/"),
        ("POST", "/containers/create"),
        ("GET", "/version/../images/json"),
        ("GET", "/versionX"),
    ):
        status, body = asked(room, method, target, network)
        assert (status, json.loads(body)) == (403, {"message": "refused by policy: operation"}), target


def test_it_stops_at_once_although_traefik_listens_to_events(up: ShippedStack) -> None:
    try:
        began = time.monotonic()
        up.docker("stop", up.container(PROXY))
        assert time.monotonic() - began < 3
        assert inspected(up, PROXY)["State"]["ExitCode"] == 0
    finally:
        assert up.run(*EVERYTHING, "--no-verify").returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("words", [(), ("--prove",)])
def test_nothing_is_left_of_a_verify_that_ends_in_the_middle(
    up: ShippedStack, room: EngineRoom, words: tuple[str, ...], number: signal.Signals
) -> None:
    running = ("ps", "-q", "--filter", f"label=stackctl.prober={up.name}", "--filter", "status=running")
    with up.start("verify", PROXY, *words) as child:
        wait_for(lambda: len(room.docker(*running).split()) >= 3)
        child.send_signal(number)
        child.communicate(timeout=90)
    assert child.returncode != 0
    if number is signal.SIGKILL:
        wait_for(lambda: not room.docker(*running))
        # What was made and never started cannot end by itself: the next run sweeps it.
        assert up.run("verify", PROXY).returncode == 0
    assert probers(room, up.name) == []
    assert not room.docker("network", "ls", "-q", "--filter", f"label=stackctl.prober={up.name}")


def test_an_operation_too_many_in_the_policy_turns_the_refusal_red(up: ShippedStack) -> None:
    manifest = up.root / "spokes" / f"{PROXY}.yaml"
    text, before = manifest.read_text(), up.container_ids()
    try:
        manifest.write_text(with_policy(text, "operations: [POST /containers/create]"))
        assert up.run(*EVERYTHING, "--no-verify").returncode == 2, "a yes to the plan opens nothing"
        assert up.container_ids() == before
        assert up.run(*EVERYTHING, "--no-verify", "--allow-exposure").returncode == 0
        document = up.json("verify", PROXY)
        assert document["exit"] == 8
        assert [outcome for outcome, _ in results(document, "CK201")] == ["failed"]
        assert "reached the daemon" in results(document, "CK201")[0][1]
        changed = up.container_ids()
        assert {spoke for spoke in before if changed[spoke] != before[spoke]} == {PROXY}
    finally:
        manifest.write_text(text)
        assert up.run(*EVERYTHING).returncode == 0


def test_a_filter_that_is_not_what_the_policy_says_is_caught(up: ShippedStack) -> None:
    """Somebody edits what is mounted and restarts the proxy; nothing about the container itself changes."""
    path = up.root / "rendered" / PROXY / "haproxy.cfg"
    text = path.read_text()
    try:
        opened = text.replace("/version$'", "/(version|containers/create)$'").replace(
            "{ method -m str GET } { var(txn.target) -m reg '^(/v[0-9]{1,3}[.][0-9]{1,3})?/(version",
            "{ method -m str GET POST } { var(txn.target) -m reg '^(/v[0-9]{1,3}[.][0-9]{1,3})?/(version",
        )
        assert opened != text
        path.write_text(opened)
        restart(up)
        document = up.json("verify", PROXY)
        assert [outcome for outcome, _ in results(document, "CK201")] == ["failed"]
        assert document["exit"] == 8
    finally:
        path.write_text(text)
        restart(up)
    assert up.json("verify", PROXY)["exit"] == 0


def test_on_a_unix_socket_everything_is_proved_and_no_port_is_there(
    unix: ShippedStack, room: EngineRoom
) -> None:
    document = unix.json("verify")
    assert document["exit"] == 0
    assert results(document, "CK201") == [("passed", "answered 403")]
    assert results(document, "CK202") == [("passed", "refused the connection")]
    assert results(document, "CK209") == [("passed", "mounted by traefik alone")]
    assert results(document, "CK205") == []
    assert [outcome for outcome, _ in results(document, "CK301")] == ["passed"]
    assert f"unix://{SOCKET}" in (unix.root / "rendered/traefik/traefik.yml").read_text()


@pytest.mark.slow
def test_on_a_unix_socket_the_audit_is_whole_and_every_check_is_killed(unix: ShippedStack) -> None:
    manifest = unix.root / "spokes" / f"{PROXY}.yaml"
    text = manifest.read_text()
    try:
        manifest.write_text(with_policy(text, 'operations: ["POST /exec/{id}/start"]'))
        done = unix.run(*EVERYTHING, "--no-verify", "--allow-exposure")
        assert done.returncode == 0, done.stdout + done.stderr
        document = unix.json("verify", PROXY)
        for code in ("CK210", "CK211", "CK212", "CK213", "CK214"):
            assert {outcome for outcome, _ in results(document, code)} == {"passed"}, results(document, code)
        assert "1 declared: each was granted" in [saw for _, saw in results(document, "CK214")]
        proved = unix.json("verify", "--prove")
        assert {
            f"{r['check']['code']} {r['check']['title']}": r["saw"]
            for r in proved["results"]
            if r["outcome"] != "passed"
        } == {}
        checked = unix.json("verify")["results"]
        assert [r["check"]["code"] for r in proved["results"]] == [r["check"]["code"] for r in checked]
    finally:
        manifest.write_text(text)
        assert unix.run(*EVERYTHING, "--no-verify").returncode == 0


def test_only_the_consumer_has_the_volume_and_who_else_mounts_it_is_caught(
    unix: ShippedStack, room: EngineRoom
) -> None:
    volume = f"{unix.name}_{PROXY}-api"
    mounted = {spoke for spoke in unix.container_ids() if volume in str(inspected(unix, spoke)["Mounts"])}
    assert mounted == {PROXY, "traefik"}
    mount = f"--volume={volume}:{FOLDER}:ro"
    assert asked(room, "GET", "/version", "--network=none", mount, socket=SOCKET)[0] == 200
    label = [f"--label={key}={value}" for key, value in room.labels.items()]
    command = ("--entrypoint=python3", room.image("python"), "-c", "import signal; signal.pause()")
    stranger = room.docker("run", "--detach", "--network=none", *label, mount, *command)
    try:
        document = unix.json("verify", PROXY)
        assert [outcome for outcome, _ in results(document, "CK209")] == ["failed"]
        assert document["exit"] == 8
    finally:
        room.docker("rm", "--force", stranger)
    assert unix.json("verify", PROXY)["exit"] == 0, "until then, it is known not to hold"


def test_on_a_unix_socket_a_second_up_does_nothing(unix: ShippedStack) -> None:
    before = unix.container_ids()
    done = unix.run(*EVERYTHING, "--no-verify")
    assert (done.returncode, "nothing to do" in done.stderr) == (0, True)
    assert unix.run("plan", "--check", "--profile", "core").returncode == 0
    subprocess.run(
        ["docker", "compose", "--profile", "core", "up", "-d"], cwd=unix.root, check=True, capture_output=True
    )
    assert unix.container_ids() == before


def test_a_proxy_that_was_replaced_is_found_again_on_its_socket(unix: ShippedStack) -> None:
    manifest = unix.root / "spokes" / f"{PROXY}.yaml"
    text, before = manifest.read_text(), unix.container_ids()
    try:
        manifest.write_text(with_policy(text, "operations: [GET /info]"))
        done = unix.run(*EVERYTHING, "--allow-exposure")
        assert done.returncode == 0, done.stdout + done.stderr
        changed = unix.container_ids()
        assert {spoke for spoke in before if changed[spoke] != before[spoke]} == {PROXY}
    finally:
        manifest.write_text(text)
        assert unix.run(*EVERYTHING).returncode == 0
