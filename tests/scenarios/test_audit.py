"""The audit on a real Engine: what is right is right, what is wrong is named, and nothing else happens."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from stackctl.api import consumer, operation
from stackctl.engine import Engine
from stackctl.haproxy import CONFIG_DIR, CONFIG_FILE, config, stanza
from stackctl.model import Container, Kind, Mode, Outcome, Policy, Spoke
from stackctl.observe import container as container_of
from stackctl.policy import Enforced, Strict
from stackctl.switches import TECNATIVA, Switches
from stackctl.verify import matrix, streams
from stackctl.verify.copies import ask_copy
from stackctl.verify.throwaway import STACK_LABEL, Probing, a_run
from tests.scenarios.engine_room import PREFIX, EngineRoom, wait_for
from tests.scenarios.probed import PROXY_IMAGE, SOCKET, ProbedStack, of, outcomes, probers, running

pytestmark = pytest.mark.engine

PASSED, FAILED = Outcome.PASSED, Outcome.FAILED
PROXY = "docker-socket-proxy"
TRAEFIK = consumer("traefik")
assert TRAEFIK
EXTRA = tuple(
    found
    for text in ("POST /containers/create", "GET /containers/{id}/archive", "POST /exec/{id}/start")
    if (found := operation(text))
)


@pytest.fixture(scope="module")
def right(room: EngineRoom, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProbedStack]:
    with running(room, tmp_path_factory.mktemp("right")) as probed:
        yield probed


@dataclass(frozen=True)
class Place:
    """Where copies of proxies that never ran themselves are asked."""

    room: EngineRoom
    probing: Probing
    folder: Path

    @contextmanager
    def proxy(self, *words: str, command: tuple[str, ...] = ()) -> Iterator[Container]:
        labels = [f"--label={key}={value}" for key, value in self.room.labels.items()]
        socket = f"type=bind,source={SOCKET},target={SOCKET},readonly"
        id = self.room.docker("create", *labels, "--mount", socket, *words, PROXY_IMAGE, *command)
        try:
            yield container_of(json.loads(self.room.docker("inspect", id))[0])
        finally:
            self.room.docker("rm", "-f", id)

    def switches(self, **environment: str) -> Any:
        return self.proxy(*(f"--env={name}={value}" for name, value in environment.items()))

    @contextmanager
    def strict(self, policy: Strict) -> Iterator[Container]:
        self.folder.chmod(0o755)
        (self.folder / CONFIG_FILE).write_text(config(policy.operations))
        wanted = stanza("proxy")
        mount = f"type=bind,source={self.folder},target={CONFIG_DIR},readonly"
        words = ("--entrypoint", wanted["entrypoint"][0], "--user", "65534:4242", "--read-only")
        tail = tuple(wanted["entrypoint"][1:])
        with self.proxy("--cap-drop=ALL", "--mount", mount, *words, command=tail) as made:
            yield made

    def audited(self, made: Container, policy: Enforced) -> dict[str, tuple[Outcome, str]]:
        groups = {
            "operations": matrix.operation_probes(policy, "1.41"),
            "tricks": matrix.trick_probes(policy, "1.41"),
            "undeclared-upgrades": matrix.undeclared_upgrade_probes(policy),
            "upgrades": matrix.upgrade_probes(policy),
        }
        probes = [probe for group in groups.values() for probe in group]
        with a_run(self.probing) as run:
            seen = ask_copy(run, made.inspect, probes).seen
        return {name: matrix.verdict(name, policy, group, seen) for name, group in groups.items()}

    def events(self, made: Container, spoke: Spoke, policy: Enforced) -> tuple[Outcome, str]:
        probe = streams.events_probe()
        with a_run(self.probing) as run:
            breach = streams.shortened(run, spoke, policy, made)
            asked = ask_copy(run, made.inspect, (), held=(probe,), breach=breach)
        return streams.verdict(asked.seen[probe.id])


@pytest.fixture
def place(room: EngineRoom, engine: Engine, tmp_path: Path) -> Iterator[Place]:
    sdk = engine.sdk()
    probing = Probing(sdk, room.image("python"), room.project())
    yield Place(room, probing, tmp_path)
    assert not probers(room, probing.stack)
    sdk.close()


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"CONTAINERS": "1"},
        {"CONTAINERS": "1", "POST": "1", "EXEC": "1"},
        {"ALLOW_START": "1", "POST": "1"},
    ],
)
def test_switches_that_hold_give_no_false_verdict(place: Place, environment: dict[str, str]) -> None:
    policy = Switches(TECNATIVA, environment)
    with place.switches(**environment) as made:
        verdicts = place.audited(made, policy)
    assert verdicts["operations"][0] is PASSED, verdicts["operations"][1]
    assert verdicts["tricks"][0] is PASSED, verdicts["tricks"][1]
    assert verdicts["upgrades"][0] is PASSED, verdicts["upgrades"][1]


@pytest.mark.parametrize("operations", [TRAEFIK.required, TRAEFIK.required | {*EXTRA}, frozenset()])
def test_a_strict_proxy_gives_no_false_verdict(place: Place, operations: frozenset[Any]) -> None:
    policy = Strict(operations)
    with place.strict(policy) as made:
        verdicts = place.audited(made, policy)
    assert {name: saw for name, (outcome, saw) in verdicts.items() if outcome is not PASSED} == {}


def test_every_operation_that_a_strict_proxy_lets_through_too_is_named(place: Place) -> None:
    with place.strict(Strict(TRAEFIK.required | {*EXTRA})) as made:
        outcome, saw = place.audited(made, Strict(TRAEFIK.required))["operations"]
    assert outcome is FAILED
    for extra in EXTRA:
        assert f"lets through {extra};" in f"{saw};"
        assert f"lets through {extra.method} /v1.41{extra.path};" in f"{saw};"
    assert saw.startswith(f"{2 * len(EXTRA)} of ")


def test_what_a_proxy_refuses_although_it_is_needed_is_named(place: Place) -> None:
    lacking = min(TRAEFIK.required)
    with place.strict(Strict(TRAEFIK.required - {lacking})) as made:
        outcome, saw = place.audited(made, Strict(TRAEFIK.required))["operations"]
    assert outcome is FAILED
    assert f"refuses (403) {lacking}" in saw
    assert saw.count("refuses") in (2, 4)
    assert "lets through" not in saw


def test_events_outlive_silence_and_are_missed_where_they_do_not(place: Place) -> None:
    spoke = Spoke(PROXY, Kind.SOCKET_PROXY, {}, policy=Policy(mode=Mode.STRICT))
    switches, strict = Switches(TECNATIVA, {}), Strict(TRAEFIK.required)
    with place.switches() as made:
        assert place.events(made, spoke, switches)[0] is PASSED
    with place.strict(strict) as made:
        assert place.events(made, spoke, strict)[0] is PASSED


# ---- as part of verify


def test_the_audit_of_a_stack_that_runs(right: ProbedStack) -> None:
    results = right.verify()
    for code in ("CK210", "CK211", "CK213", "CK214"):
        assert outcomes(results, code) == {PASSED}, of(results, code)
    leaks = {code: of(results, code) for code in ("CK215", "CK216", "CK217", "CK218", "CK219")}
    assert {outcome for found in leaks.values() for outcome, _ in found} == {FAILED}
    assert "GET /containers/{id}/json" in leaks["CK215"][0][1]
    assert "GET /containers/{id}/logs" in leaks["CK218"][0][1]
    assert "GET /containers/{id}/archive" in leaks["CK219"][0][1]


def test_a_leak_that_is_not_open_is_not_told(right: ProbedStack) -> None:
    def close(services: dict[str, Any]) -> None:
        services[PROXY]["environment"]["CONTAINERS"] = "0"

    spokes = tuple(
        replace(s, service={**s.service, "environment": {}}) if s.name == PROXY else s
        for s in right.stack.spokes
    )
    with right.changed(close):
        results = replace(right, stack=replace(right.stack, spokes=spokes)).verify()
    assert outcomes(results, "CK210") == outcomes(results, "CK213") == {PASSED}
    assert outcomes(results, "CK215") == outcomes(results, "CK219") == {PASSED}
    assert outcomes(results, "CK216") == {FAILED}, "events carry labels"


def test_a_running_proxy_that_lets_writes_through(right: ProbedStack) -> None:
    def open_up(services: dict[str, Any]) -> None:
        services[PROXY]["environment"]["POST"] = "1"

    with right.changed(open_up):
        results = right.verify()
    ((outcome, saw),) = of(results, "CK210")
    assert outcome is FAILED
    opened = Switches(TECNATIVA, {"CONTAINERS": "1", "POST": "1"}).opens()
    for wrong in opened - Switches(TECNATIVA, {"CONTAINERS": "1"}).opens():
        assert f"lets through {wrong};" in f"{saw};"
    ((outcome, saw),) = of(results, "CK213")
    assert outcome is FAILED
    assert "from Docker) POST /containers/{id}/start" in saw


def test_whatever_happens_on_the_engine_meanwhile_is_stackctls_own(right: ProbedStack) -> None:
    """Nothing is created, changed or removed through the proxy: each event is of a labelled object."""
    ours = right.room.docker(
        "ps", "-aq", "--no-trunc", "--filter", f"label=com.docker.compose.project={right.name}"
    )
    with Engine.connect() as engine, engine.events({}) as stream:
        right.verify()
        marker = right.room.docker("volume", "create", f"--label=stackctl.test={right.room.run}")
        seen = []
        for event in stream.until(time.monotonic() + 30):
            if event["Actor"]["ID"] == marker:
                break
            seen.append(event)
    right.room.docker("volume", "rm", marker)
    own = {e["Actor"]["ID"] for e in seen if e["Actor"]["Attributes"].get(STACK_LABEL) == right.name}
    assert len(own) >= 6
    volumes = {
        e["Actor"]["ID"]
        for e in seen
        if e["Type"] == "volume" and e["Actor"]["Attributes"].get("container") in own
    }
    networks = set(
        right.room.docker("network", "ls", "-q", "--no-trunc", "--filter", f"name={right.name}").split()
    )
    for event in seen:
        actor, attributes = event["Actor"]["ID"], event["Actor"]["Attributes"]
        if event["Type"] == "container":
            # The stack's own healthchecks run beside the audit.
            assert actor not in ours.split() or event["Action"].startswith(("exec_", "health_status")), event
        elif event["Type"] == "network" and actor in networks:
            assert attributes.get("container") in own, event
        elif event["Type"] == "volume" and attributes.get("container") in own:
            assert actor in volumes
        elif event["Type"] == "image":
            # Other tests name images meanwhile, after their own runs.
            name = attributes.get("name", "")
            assert name.startswith(PREFIX), event
            assert right.room.run not in name, event


# ---- however it ends

AUDITS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from stackctl.engine import Engine
from stackctl.verify import streams
from stackctl.verify.copies import ask_copy
from stackctl.verify.throwaway import Probing, a_run

stack, image, proxy = sys.argv[1:]
streams.SILENT = 20
with Engine.connect() as engine:
    inspect = engine.get(f"/containers/{proxy}/json")
    with a_run(Probing(engine.sdk(), image, stack)) as run:
        ask_copy(run, inspect, (), held=(streams.events_probe(),))
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_copy_goes_however_its_run_ends(right: ProbedStack, number: signal.Signals) -> None:
    stack = right.room.project()
    argv = [sys.executable, "-c", AUDITS, stack, right.room.image("python"), right.container(PROXY)]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[2]) as process:
        alive = ("ps", "-q", "--filter", f"label={STACK_LABEL}={stack}", "--filter", "status=running")
        wait_for(lambda: len(right.room.docker(*alive).split()) == 2)
        process.send_signal(number)
        assert process.wait(timeout=20) != 0
    if number is signal.SIGKILL:
        wait_for(lambda: not probers(right.room, stack), 15)
    assert not probers(right.room, stack)
