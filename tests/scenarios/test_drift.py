"""What somebody changes by hand on the Engine is found, named as the host's, and put right by `up`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from stackctl.commands.plan import plan
from stackctl.commands.story import Ended, Story
from tests.scenarios.engine_room import EngineRoom, wait_for
from tests.scenarios.shipped import ShippedStack
from tests.scenarios.written import write

pytestmark = pytest.mark.slow

SLEEPS = {"entrypoint": ["python", "-c", "import signal; signal.pause()"], "stop_signal": "SIGKILL"}
SPOKES = (
    "detached added memory cpus environment label retagged restart port mount content stopped missing"
).split()


class Hand:
    """Somebody at this host who does not use stackctl."""

    def __init__(self, stack: ShippedStack) -> None:
        self.stack = stack
        self.client = docker.from_env()

    def docker(self, *words: str) -> str:
        return self.stack.docker(*words)

    def name(self, spoke: str) -> str:
        return self.docker("inspect", "--format", "{{slice .Name 1}}", self.stack.container(spoke))

    def again(self, spoke: str, change: Callable[[dict[str, Any]], None]) -> None:
        """The container anew, under the same name and with the same labels, changed in one thing."""
        name = self.name(spoke)
        seen = self.client.api.inspect_container(name)
        networks = {
            network: {"Aliases": how["Aliases"]}
            for network, how in seen["NetworkSettings"]["Networks"].items()
        }
        config = {
            **seen["Config"],
            "HostConfig": seen["HostConfig"],
            "NetworkingConfig": {"EndpointsConfig": networks},
        }
        change(config)
        self.client.api.remove_container(name, force=True)
        self.client.api.create_container_from_config(config, name)
        self.client.api.start(name)


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outside")
    (folder / "app.conf").write_text("one\n")
    return folder


@pytest.fixture(scope="module")
def stack(
    room: EngineRoom, outside: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ShippedStack]:
    name, python = room.project(), room.image("python")
    tag = f"{name}:1"
    room.docker("tag", python, tag)
    spokes: dict[str, dict[str, Any]] = {
        spoke: {
            "image": tag if spoke == "retagged" else python,
            "networks": ["proxy"],
            "environment": {"LEVEL": "info"},
            **SLEEPS,
        }
        for spoke in SPOKES
    }
    conf = {"type": "bind", "source": str(outside / "app.conf"), "target": "/app.conf", "read_only": True}
    spokes["content"]["volumes"] = [conf]
    spokes["guard"] = {
        "kind": "socket-proxy",
        "image": room.image("docker-socket-proxy"),
        "networks": ["socket"],
        "policy": {"consumers": ["traefik"]},
        "volumes": ["/var/run/docker.sock:/var/run/docker.sock:ro"],
    }
    stack = write(tmp_path_factory.mktemp("drift"), name, spokes)
    done = stack.run("up", "--yes", "--no-verify")
    assert done.returncode == 0, done.stderr
    yield stack
    stack.run("down", "--yes")
    room.docker("rmi", "--force", tag, check=False)


def found(stack: ShippedStack) -> dict[str, tuple[str, set[tuple[str, str]]]]:
    """By spoke, what would be done, and who changed which field."""
    seen = stack.json("plan")["plan"]
    return {
        action["spoke"]: (action["verb"], {(cause["who"], cause["field"]) for cause in action["causes"]})
        for action in seen["actions"]
        if action["verb"] != "nothing"
    }


def ended_of(story: Story) -> Ended:
    while True:
        try:
            next(story)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def test_fifty_idle_plans_find_nothing(stack: ShippedStack) -> None:
    for _ in range(50):
        story = plan(stack.root, (), profiles=frozenset(), refresh=False, check=True, environ=os.environ)
        ended = ended_of(story)
        assert ended.exit_code == 0, ended.answer


def test_what_is_told_from_memory_is_what_is_found_in_full_and_never_outlives_a_change(
    stack: ShippedStack,
) -> None:
    memory = stack.root / ".stackctl" / "cache" / "settled.json"
    for words in (("plan", "--check"), ("up", "--yes", "--no-verify")):
        memory.unlink(missing_ok=True)
        in_full = wait_for(lambda words=words: kept(stack, *words))
        before = memory.stat().st_mtime_ns
        again = stack.run(*words)
        assert memory.stat().st_mtime_ns == before, "what ran in full would have kept it anew"
        assert (again.returncode, again.stdout, again.stderr) == (0, in_full.stdout, in_full.stderr)
    hand = Hand(stack)
    hand.docker("stop", "--time", "0", hand.name("port"))
    assert stack.run("plan", "--check").returncode == 7
    hand.docker("start", hand.name("port"))
    assert stack.run("plan", "--check").returncode == 0
    page = stack.root / "spokes" / "port.yaml"
    text = page.read_text()
    page.write_text(text.replace("info", "debug"))
    assert stack.run("plan", "--check").returncode == 7
    page.write_text(text)


def kept(stack: ShippedStack, *words: str) -> subprocess.CompletedProcess[str] | None:
    """The run in full, once the files are old enough to be believed."""
    done = stack.run(*words)
    assert done.returncode == 0, done.stderr
    return done if (stack.root / ".stackctl" / "cache" / "settled.json").exists() else None


def test_what_was_changed_by_hand_is_the_hosts_and_is_put_right(
    stack: ShippedStack, room: EngineRoom, outside: Path
) -> None:
    hand = Hand(stack)
    proxy, lan = f"{stack.name}_proxy", f"{stack.name}_lan"
    room.docker("network", "create", *(f"--label={k}={v}" for k, v in room.labels.items()), lan)
    hand.docker("network", "disconnect", proxy, hand.name("detached"))
    hand.docker("network", "connect", lan, hand.name("added"))
    hand.docker("update", "--memory", "200m", "--memory-swap", "200m", hand.name("memory"))
    hand.docker("update", "--cpus", "0.25", hand.name("cpus"))
    hand.again("environment", lambda c: c.update(loud(c)))
    hand.again("label", lambda c: c["Labels"].update({"by.hand": "yes"}))
    hand.docker("tag", room.image("whoami"), f"{stack.name}:1")
    hand.docker("update", "--restart", "no", hand.name("restart"))
    hand.again("port", publish)
    hand.again("mount", lambda c: c["HostConfig"].update(Binds=["/etc/hostname:/mnt/name:ro"]))
    (outside / "app.conf").write_text("two\n")
    hand.docker("stop", "--time", "0", hand.name("stopped"))
    hand.docker("rm", "--force", hand.name("missing"))
    stranger = room.docker(
        *("run", "--detach", "--network", f"{stack.name}_socket"),
        *(f"--label={k}={v}" for k, v in room.labels.items()),
        *("--entrypoint", "python", room.image("python"), "-c", "import signal; signal.pause()"),
    )
    (stack.root / "rendered" / "guard" / "haproxy.cfg").write_text("# by hand\n")

    host = "the host"
    assert found(stack) == {
        "detached": ("recreate", {(host, f"networks.{proxy}")}),
        "added": ("recreate", {(host, f"networks.{lan}")}),
        "memory": ("recreate", {(host, "mem_limit")}),
        "cpus": ("recreate", {(host, "cpus")}),
        "environment": ("recreate", {(host, "environment.LEVEL")}),
        "label": ("recreate", {(host, "labels.by.hand")}),
        "retagged": ("recreate", {(host, "image")}),
        "restart": ("recreate", {(host, "restart")}),
        "port": ("recreate", {(host, "ports.80/tcp")}),
        "mount": ("recreate", {(host, "volumes./mnt/name")}),
        "content": ("recreate", {(host, "content of volumes changed")}),
        "stopped": ("start", {(host, "state")}),
        "missing": ("create", {(host, "container")}),
        "guard": ("recreate", {(host, "content of rendered/guard/haproxy.cfg changed")}),
    }
    [notice] = stack.json("plan")["plan"]["notices"]
    assert notice["about"] == f"network {stack.name}_socket"
    assert [(cause["who"], cause["field"]) for cause in notice["causes"]] == [(host, "member")]

    hand.docker("tag", room.image("python"), f"{stack.name}:1")
    hand.docker("rm", "--force", stranger)
    done = stack.run("up", "--yes", "--no-verify")
    assert done.returncode == 0, done.stderr
    assert stack.run("plan", "--check").returncode == 0


def loud(config: dict[str, Any]) -> dict[str, Any]:
    return {"Env": ["LEVEL=debug" if entry == "LEVEL=info" else entry for entry in config["Env"]]}


def publish(config: dict[str, Any]) -> None:
    config["ExposedPorts"] = {"80/tcp": {}}
    config["HostConfig"]["PortBindings"] = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}


def test_a_network_that_was_made_anew_by_hand_is_shown_and_left_as_it_is(stack: ShippedStack) -> None:
    hand, network = Hand(stack), f"{stack.name}_socket"
    labels = hand.client.api.inspect_network(network)["Labels"]
    hand.docker("network", "disconnect", network, hand.name("guard"))
    hand.docker("network", "rm", network)
    hand.docker("network", "create", *(f"--label={k}={v}" for k, v in labels.items()), network)
    hand.docker("network", "connect", "--alias", "guard", network, hand.name("guard"))
    seen = stack.json("plan", "--check")
    assert seen["exit"] == 7
    [notice] = seen["plan"]["notices"]
    assert (notice["about"], notice["causes"][0]["field"]) == (f"network {network}", "internal")
    assert notice["causes"][0]["who"] == "the host"
    done = stack.run("up", "--yes", "--no-verify")
    assert done.returncode == 0
    assert "nothing to do" not in done.stdout + done.stderr
