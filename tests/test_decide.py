"""Three outcomes: what proves, what disproves, and what says nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackctl.model import Check, Control, Expect, Named, Outcome, Request
from stackctl.verify.decide import Reply, decide

PASSED, FAILED, UNREACHABLE = Outcome.PASSED, Outcome.FAILED, Outcome.UNREACHABLE
DOCKER = {"server": "Docker/20.10.24 (linux)", "api-version": "1.41"}
KINDS = ("refused", "timeout", "unresolved", "unroutable", "closed", "error", "unsent", "stranger")
ASK = Request("socket", Named("docker-socket-proxy", 2375))
REFUSED = Expect(statuses=frozenset({403}))


def answer(status: int, body: str = "", headers: dict[str, str] | None = None) -> Reply:
    return Reply("answer", status, headers or {}, body, peer="172.20.0.2")


def no(kind: str, peer: str = "", detail: str = "why") -> Reply:
    return Reply(kind, detail=detail, peer=peer)


def check(expect: Expect, *controls: Expect, vantage: str = "socket") -> Check:
    asked = tuple(Control(ASK, control, f"control {n}") for n, control in enumerate(controls, 1))
    return Check("CK201", "proxy", "a claim", replace(ASK, vantage=vantage), expect, asked)


def outcome(what: Check, *replies: Reply) -> Outcome:
    return decide(what, replies, {"web": "0a1b2c"})[0]


def saw(what: Check, *replies: Reply) -> str:
    return decide(what, replies, {"web": "0a1b2c"})[1]


ALLOWED = Expect(statuses=frozenset({200}), body="ApiVersion")
VERSION = answer(200, '{"ApiVersion": "1.41"}', DOCKER)


@pytest.mark.parametrize(
    ("control", "own", "expected"),
    [
        (VERSION, answer(403), PASSED),
        (VERSION, answer(403, headers=DOCKER), FAILED),
        (VERSION, answer(400, headers=DOCKER), FAILED),
        (VERSION, answer(201, headers=DOCKER), FAILED),
        (VERSION, answer(405), FAILED),
        (VERSION, answer(503), FAILED),
        (VERSION, no("refused"), UNREACHABLE),
        (VERSION, no("timeout"), UNREACHABLE),
        (VERSION, no("unsent"), UNREACHABLE),
        (answer(200, "something else"), answer(403), UNREACHABLE),
        (answer(403), answer(403), UNREACHABLE),
        (answer(503), answer(403), UNREACHABLE),
        (no("refused"), answer(403), UNREACHABLE),
        (no("unresolved"), no("unresolved"), UNREACHABLE),
        (no("stranger", "172.20.0.9"), answer(403), UNREACHABLE),
    ],
)
def test_a_refusal(control: Reply, own: Reply, expected: Outcome) -> None:
    assert outcome(check(REFUSED, ALLOWED), control, own) is expected


SILENT = Expect(no_answer=True)
UP, WAY = Expect(), Expect(reached=True)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (no("refused"), PASSED),
        (no("timeout"), PASSED),
        (no("unresolved"), PASSED),
        (no("unroutable"), PASSED),
        (answer(200), FAILED),
        (answer(403), FAILED),
        (no("timeout", "172.20.0.2"), FAILED),
        (no("closed", "172.20.0.2"), FAILED),
        (no("closed"), UNREACHABLE),
        (no("error"), UNREACHABLE),
        (no("unsent"), UNREACHABLE),
    ],
)
def test_silence(own: Reply, expected: Outcome) -> None:
    what = check(SILENT, UP, WAY)
    assert outcome(what, answer(200), answer(404), own) is expected
    assert outcome(what, answer(200), no("refused"), own) is expected, (
        "a refusal came back, so the way is open"
    )
    assert outcome(what, no("refused"), answer(404), own) is UNREACHABLE, "the target is down"
    assert outcome(what, answer(200), no("timeout"), own) is UNREACHABLE, "the vantage is cut off"
    assert outcome(what, answer(200), no("unresolved"), own) is UNREACHABLE
    assert outcome(check(SILENT), own) is UNREACHABLE, "nothing shows that the target is up"


SAME = check(Expect(as_control=True), Expect())


@pytest.mark.parametrize(
    ("direct", "through", "expected"),
    [
        (answer(200, "a"), answer(200, "b"), PASSED),
        (answer(302), answer(302), PASSED),
        (answer(401, "login"), answer(401, "login"), PASSED),
        (answer(404, "no such page here"), answer(404, "no such page here"), PASSED),
        (answer(404, "no such page here"), answer(404, "404 page not found\n"), UNREACHABLE),
        (answer(404, "404 page not found\n"), answer(404, "404 page not found\n"), UNREACHABLE),
        (answer(404), answer(404), UNREACHABLE),
        (answer(502, "app"), answer(502, "Bad Gateway"), FAILED),
        (answer(200), answer(404, "404 page not found\n"), FAILED),
        (answer(200), answer(502, "Bad Gateway"), FAILED),
        (answer(500, "boom"), answer(200), FAILED),
        (answer(200), no("refused"), UNREACHABLE),
        (no("refused"), answer(502), UNREACHABLE),
    ],
)
def test_the_answer_through_the_edge_is_the_containers_own(
    direct: Reply, through: Reply, expected: Outcome
) -> None:
    assert outcome(SAME, direct, through) is expected


@pytest.mark.parametrize(
    ("first", "second", "through", "expected"),
    [
        ("hello", "hello", "hello", PASSED),
        ("hello", "hello", "somebody else's", FAILED),
        ("hello 1", "hello 2", "hello 3", PASSED),
    ],
)
def test_a_page_that_is_always_the_same_is_compared(
    first: str, second: str, through: str, expected: Outcome
) -> None:
    twice = check(Expect(as_control=True), Expect(), Expect())
    seen, saw = decide(twice, [answer(200, first), answer(200, second), answer(200, through)], {})
    assert seen is expected
    assert ("status alone" in saw) == (first != second)


@pytest.mark.parametrize(("status", "expected"), [(401, PASSED), (404, UNREACHABLE), (502, UNREACHABLE)])
def test_an_error_with_a_page_of_its_own_each_time_may_be_the_edges(status: int, expected: Outcome) -> None:
    twice = check(Expect(as_control=True), Expect(), Expect())
    assert outcome(twice, *(answer(status, f"request {n}") for n in range(3))) is expected


def test_what_is_answered_when_forwarded_counts_too() -> None:
    plain = check(Expect(as_control=True), Expect())
    forwarded = replace(plain.controls[0], request=replace(plain.controls[0].request, forwarded="/api"))
    both = replace(plain, controls=(*plain.controls, forwarded))
    assert outcome(both, answer(200, "a"), answer(302, ""), answer(302, "")) is PASSED
    assert outcome(both, answer(200, "a"), answer(200, "a"), answer(200, "b")) is FAILED
    assert outcome(both, answer(200, "a"), answer(200, "a, for 10.0.0.1"), answer(200, "b")) is PASSED
    assert outcome(both, answer(200, "a"), answer(302, ""), answer(404, "")) is FAILED


def test_without_a_control_there_is_nothing_to_be_the_same_as() -> None:
    assert outcome(check(Expect(as_control=True)), answer(200)) is UNREACHABLE


def test_controls_compare_with_the_control_before() -> None:
    what = check(Expect(frozenset({404})), Expect(), Expect(as_control=True))
    assert outcome(what, answer(200), answer(200), answer(404)) is PASSED
    assert outcome(what, answer(200), answer(404), answer(404)) is UNREACHABLE
    assert outcome(what, answer(200), answer(200), answer(200)) is FAILED


@pytest.mark.parametrize(
    ("expect", "own", "expected"),
    [
        (Expect(), answer(500), PASSED),
        (Expect(frozenset({200, 204})), answer(204), PASSED),
        (Expect(frozenset({200})), answer(500), FAILED),
        (Expect(body="hello"), answer(200, "well, hello!"), PASSED),
        (Expect(body="hello"), answer(200, "bye"), FAILED),
        (Expect(names_container="web"), answer(200, "Hostname: 0a1b2c\n"), PASSED),
        (Expect(names_container="web"), answer(200, "Hostname: ffffff\n"), FAILED),
        (Expect(names_container="db"), answer(200, "Hostname: 0a1b2c\n"), UNREACHABLE),
    ],
)
def test_an_answer(expect: Expect, own: Reply, expected: Outcome) -> None:
    assert outcome(check(expect), own) is expected


def test_what_was_seen_reads_as_a_sentence() -> None:
    refusal = check(REFUSED, ALLOWED)
    assert saw(refusal, VERSION, answer(403)) == "answered 403"
    assert saw(refusal, VERSION, answer(404)) == "answered 404, not 403"
    reached = "answered 400 from Docker: the request reached the daemon"
    assert saw(refusal, VERSION, answer(400, headers=DOCKER)) == reached
    assert saw(refusal, VERSION, no("refused")) == "refused the connection"
    assert saw(refusal, no("unresolved"), answer(403)) == (
        "cannot tell: name does not resolve (needed first: control 1)"
    )
    host = check(SILENT, UP, vantage="")
    assert saw(host, answer(200), answer(200)) == (
        "answered 200: any local account can reach 172.20.0.2:2375"
    )


def replies() -> st.SearchStrategy[Reply]:
    return st.builds(
        Reply,
        st.sampled_from(("answer", *KINDS)),
        st.sampled_from((200, 302, 400, 403, 404, 500)),
        st.sampled_from(({}, DOCKER)),
        st.sampled_from(("", "ApiVersion", "404 page not found\n", "0a1b2c")),
        st.just("why"),
        st.sampled_from(("", "172.20.0.2")),
    )


@given(st.data(), st.lists(st.sampled_from((UP, WAY, ALLOWED)), max_size=3))
def test_nothing_passes_with_a_control_that_did_not_answer(
    data: st.DataObject, controls: list[Expect]
) -> None:
    expect = data.draw(st.sampled_from((SILENT, REFUSED, Expect(), Expect(as_control=True))))
    seen = [data.draw(replies()) for _ in (*controls, expect)]
    broken = any(r.kind not in ("answer", "refused") and not r.peer for r in seen[:-1])
    result = outcome(check(expect, *controls), *seen)
    if broken:
        assert result is UNREACHABLE
    if result is PASSED and not expect.no_answer:
        assert seen[-1].kind == "answer"
    if result is PASSED and expect.no_answer:
        assert controls
        assert not seen[-1].connected


def test_a_database_that_takes_the_connection_is_up_although_it_understands_nothing() -> None:
    closed_to = check(Expect(no_answer=True), Expect(taken=True))
    for kind in ("closed", "error", "timeout"):
        assert outcome(closed_to, no(kind, peer="172.20.0.2"), no("refused")) is PASSED
    assert outcome(closed_to, no("refused"), no("refused")) is UNREACHABLE
    assert outcome(closed_to, no("closed", peer="172.20.0.2"), no("closed", peer="172.20.0.2")) is FAILED
