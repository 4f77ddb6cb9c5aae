"""What the audit asks, and that it names every difference and no other."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from stackctl.api import consumer, operations
from stackctl.harmless import NO_SUCH_ID
from stackctl.model import Kind, Outcome, Spoke, Stack
from stackctl.policy import Enforced, Strict
from stackctl.switches import LINUXSERVER, TECNATIVA, Switches
from stackctl.verify import live, matrix
from stackctl.verify.matrix import Probe, Seen

TRAEFIK = consumer("traefik")
assert TRAEFIK
POLICIES: dict[str, Enforced] = {
    "nothing": Strict(frozenset()),
    "traefik": Strict(TRAEFIK.required),
    "everything": Strict(frozenset(operations())),
    "default": Switches(TECNATIVA, {}),
    "containers": Switches(TECNATIVA, {"CONTAINERS": "1"}),
    "writes": Switches(TECNATIVA, {"CONTAINERS": "1", "POST": "1"}),
    "linuxserver": Switches(LINUXSERVER, {"CONTAINERS": "1", "ALLOW_START": "1"}),
}
PROXY = Spoke("proxy", Kind.SOCKET_PROXY, {})
STACK = Stack("home", (PROXY,))


def behaves(policy: Enforced, probes: tuple[Probe, ...]) -> dict[str, Seen]:
    """What comes of the probes where exactly this policy holds."""
    seen = {}
    for probe in probes:
        method, target, _ = probe.raw.decode("latin-1").split(" ", 2)
        passes = policy.passes(method, target)
        seen[probe.id] = Seen((f"{method} {target}",), (200,)) if passes else Seen((), (403,))
    return seen


@pytest.mark.parametrize("name", POLICIES)
def test_a_proxy_that_does_what_its_policy_says_is_right(name: str) -> None:
    policy = POLICIES[name]
    probes = matrix.operation_probes(policy, "1.41")
    assert matrix.wrong(policy, probes, behaves(policy, probes)) == ()


def test_every_operation_is_asked_with_and_without_a_version() -> None:
    sent = {
        (p.method, p.raw.split(b" ")[1].decode())
        for p in matrix.operation_probes(POLICIES["traefik"], "1.41")
    }
    for operation in operations():
        target = operation.target(NO_SUCH_ID)
        for method in {operation.method, *({"HEAD"} if operation.method == "GET" else ())}:
            assert {(method, target), (method, f"/v1.41{target}")} <= sent
    assert ("PATCH", "/containers/create") in sent


@pytest.mark.parametrize("actual", [name for name in POLICIES if name != "traefik"])
def test_every_wrong_operation_is_named_and_no_other(actual: str) -> None:
    policy = POLICIES["traefik"]
    probes = matrix.operation_probes(policy, "1.41")
    outcome, saw = matrix.verdict("operations", policy, probes, behaves(POLICIES[actual], probes))
    assert outcome is Outcome.FAILED
    differ = policy.opens() ^ POLICIES[actual].opens()
    named = saw.replace(";", " ").split()
    for operation in operations():
        told = f"{operation.method} {operation.path}" in [f"{a} {b}" for a, b in pairwise(named)]
        assert told == (operation in differ), str(operation)


def test_a_probe_without_a_reply_proves_nothing() -> None:
    policy = POLICIES["traefik"]
    probes = matrix.operation_probes(policy, "1.41")
    assert len(matrix.wrong(policy, probes, {})) == len(probes)


@pytest.mark.parametrize("group", ["operations", "tricks", "undeclared-upgrades"])
@pytest.mark.parametrize("name", ["nothing", "default"])
def test_a_copy_that_answers_nothing_refuses_nothing(group: str, name: str) -> None:
    policy = POLICIES[name]
    probes = {
        "operations": matrix.operation_probes(policy, "1.41"),
        "tricks": matrix.trick_probes(policy, "1.41"),
        "undeclared-upgrades": matrix.undeclared_upgrade_probes(policy),
    }[group]
    right = {p.id: Seen((), (403,)) for p in probes}
    if group == "operations":
        right = behaves(policy, probes)
    assert matrix.verdict(group, policy, probes, right)[0] is Outcome.PASSED
    nothing = dict.fromkeys(right, Seen())
    assert matrix.verdict(group, policy, probes, nothing)[0] is not Outcome.PASSED
    hushed = next(p for p in probes if not p.passes and not p.id.startswith("t"))
    outcome, saw = matrix.verdict(group, policy, probes, {**right, hushed.id: Seen()})
    assert outcome is Outcome.UNREACHABLE
    assert hushed.name in saw


def test_silence_answers_a_trick_and_not_every_one() -> None:
    policy = POLICIES["nothing"]
    probes = [p for p in matrix.trick_probes(policy, "1.41") if p.id.startswith("t")]
    nothing = dict.fromkeys((p.id for p in probes), Seen())
    refused = {probes[0].id: Seen((), (400,))}
    assert matrix.verdict("tricks", policy, probes, nothing | refused)[0] is Outcome.PASSED
    assert matrix.verdict("tricks", policy, probes, nothing)[0] is Outcome.UNREACHABLE


def test_an_answer_that_the_engine_never_gave_is_wrong() -> None:
    policy = POLICIES["traefik"]
    (probe,) = [p for p in matrix.operation_probes(policy, "1.41") if p.name == "POST /containers/create"]
    assert matrix.wrong(policy, [probe], {probe.id: Seen((), (200,))}) != ()


@pytest.mark.parametrize("name", POLICIES)
def test_what_a_trick_may_let_arrive_is_what_the_policy_opens(name: str) -> None:
    policy = POLICIES[name]
    probes = matrix.trick_probes(policy, "1.41")
    assert len({p.id for p in probes}) == len(probes) > 200
    refused = {p.id: Seen((), (403,)) for p in probes}
    assert matrix.wrong(policy, probes, refused) == (), "a parser may refuse what the rules would not"
    if name != "everything":
        smuggled = {**refused, probes[-1].id: Seen(("POST /containers/create",), (200,))}
        assert len(matrix.wrong(policy, probes, smuggled)) == (0 if name == "writes" else 1)


def test_what_arrives_without_a_mark_is_not_overlooked() -> None:
    policy = POLICIES["traefik"]
    probes = matrix.operation_probes(policy, "1.41")
    seen = {**behaves(policy, probes), "": Seen(("DELETE /containers/x",), ())}
    outcome, saw = matrix.verdict("operations", policy, probes, seen)
    assert outcome is Outcome.FAILED
    assert "DELETE /containers/x" in saw


def test_only_what_is_harmless_is_sent_to_the_proxy_that_runs() -> None:
    probes = live.live_probes(STACK, "proxy", POLICIES["containers"], "1.41")
    sent = [p.raw.decode().split("\r\n")[0] for p in probes]
    assert len(sent) > 100
    for line in sent:
        method, target, _ = line.split(" ")
        writes = method not in ("GET", "HEAD")
        assert not writes or NO_SUCH_ID in target or target.endswith("/containers/create"), line
        assert not any(word in target for word in ("/events", "prune", "/system/df", "/images/search")), line
    assert all(b"Content-Length: 0" in p.raw for p in probes if p.method not in ("GET", "HEAD"))


@pytest.mark.parametrize(
    ("passes", "status", "from_docker", "right"),
    [
        (True, 200, True, True),
        (True, 404, True, True),
        (True, 403, False, False),
        (False, 403, False, True),
        (False, 404, True, False),
        (False, 503, False, False),
        (False, 200, False, False),
    ],
)
def test_docker_signs_its_answers(passes: bool, status: int, from_docker: bool, right: bool) -> None:
    probe = Probe("l0", "GET /x", b"", passes=passes)
    seen = {"l0": Seen((), (status,), "", from_docker)}
    assert (live.wrong_live([probe], seen) == ()) is right


def test_each_leak_is_told_by_its_class() -> None:
    marks = live.Marks(log="said")
    everything = Strict(frozenset(operations()))
    reads = live.canary_probes(STACK, "proxy", everything, "a" * 64, "1000.5")
    assert {p.name for p in reads} >= {
        "GET /containers/{id}/json",
        "GET /containers/{id}/archive",
        "GET /events",
    }
    shown = {reads[0].id: Seen((), (200,), f"x{marks.environment}x"), reads[3].id: Seen((), (200,), "said")}
    verdicts = live.leak_verdicts(marks, reads, shown)
    assert {name for name, (outcome, _) in verdicts.items() if outcome is Outcome.FAILED} == {
        "leak-environment",
        "leak-log",
    }
    assert live.canary_probes(STACK, "proxy", Strict(frozenset()), "a" * 64, "1000.5") == ()


READ = Seen((), (200,), "something", from_docker=True)
PROXYS_REFUSAL = Seen((), (403,), "Forbidden")


@pytest.mark.parametrize(
    ("one", "outcome"),
    [
        (READ, Outcome.PASSED),
        (PROXYS_REFUSAL, Outcome.PASSED),
        (None, Outcome.UNREACHABLE),
        (Seen(), Outcome.UNREACHABLE),
        (replace(READ, body=""), Outcome.UNREACHABLE),
        (replace(READ, from_docker=False), Outcome.UNREACHABLE),
        (replace(READ, statuses=(404,)), Outcome.UNREACHABLE),
        (replace(READ, statuses=(500,)), Outcome.UNREACHABLE),
        (replace(READ, statuses=(403,)), Outcome.UNREACHABLE),
        (Seen((), (503,), "no server is available"), Outcome.UNREACHABLE),
    ],
)
def test_no_leak_is_told_only_where_each_read_came_back_or_was_refused(
    one: Seen | None, outcome: Outcome
) -> None:
    marks = live.Marks()
    reads = live.canary_probes(STACK, "proxy", Strict(frozenset(operations())), "a" * 64, "1000.5")
    seen = {p.id: READ for p in reads[1:]} | ({reads[0].id: one} if one else {})
    verdicts = live.leak_verdicts(marks, reads, seen)
    assert {found for found, _ in verdicts.values()} == {outcome}
    if outcome is Outcome.UNREACHABLE:
        assert all(reads[0].name in saw for _, saw in verdicts.values())
    shown = {**seen, reads[1].id: replace(READ, body=marks.file)}
    assert live.leak_verdicts(marks, reads, shown)["leak-file"][0] is Outcome.FAILED
