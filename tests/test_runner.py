"""Where a check is asked, how long a route is waited for, and what is not sent."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from stackctl.checks import checks
from stackctl.events import Checked, Event
from stackctl.findings import Location
from stackctl.model import (
    Accept,
    Bundle,
    Check,
    Container,
    Control,
    Edge,
    Expect,
    Kind,
    Named,
    Observed,
    OnNetwork,
    Outcome,
    Port,
    Published,
    Request,
    Result,
    Route,
    Spoke,
    Stack,
    Target,
)
from stackctl.verify import runner, throwaway, vantage
from stackctl.verify.decide import Reply
from stackctl.verify.throwaway import Engine, NoProber
from stackctl.verify.vantage import Job

PASSED, FAILED, UNREACHABLE = Outcome.PASSED, Outcome.FAILED, Outcome.UNREACHABLE
WEB = Spoke("web", Kind.APP, {"networks": {"proxy": None}}, routes=(Route(("web.home",), 8000),))
TRAEFIK = Spoke("traefik", Kind.EDGE, {"networks": {"proxy": None}, "ports": [{"target": 80}]})
STACK = Stack("home", (TRAEFIK, WEB), edge=Edge.TRAEFIK, networks={"proxy": {}})
BUNDLE = Bundle({"services": {s.name: s.service for s in STACK.spokes}}, {}, {})
NO_ENGINE = cast(Engine, None)


def container(spoke: str, address: str, *ports: Port, state: str = "running") -> Container:
    return Container(
        id=spoke * 16,
        name=f"home-{spoke}-1",
        image_id="",
        image="",
        state=state,
        health="",
        exit_code=0,
        restarts=0,
        labels={"stackctl.spoke": spoke},
        networks={"home_proxy": address},
        mounts=(),
        ports=ports,
        inspect={"Config": {"Hostname": f"host-of-{spoke}"}},
    )


OBSERVED = Observed(
    "home",
    (container("traefik", "172.20.0.2", Port(80, "8080", "127.0.0.1")), container("web", "172.20.0.3")),
)


@dataclass
class World:
    """Answers each job by its address and port, a list of answers in turn; keeps what was asked."""

    answers: dict[tuple[str, int], list[Reply]] = field(default_factory=dict)
    asked: list[tuple[str, Job]] = field(default_factory=list)
    refuses: str = ""

    def prepare(self, engine: object, image: str, stack: str) -> Generator[Event, None, object]:
        if self.refuses:
            raise NoProber(self.refuses)
        return self
        yield

    @property
    def sdk(self) -> World:
        return self

    def close(self) -> None:
        """As the SDK."""

    def ask(
        self, host: Sequence[Job], networks: Mapping[str, Sequence[Job]], probing: object
    ) -> dict[str, Reply]:
        replies = {}
        for place, jobs in {"": host, **networks}.items():
            for job in jobs:
                self.asked.append((place, job))
                queue = self.answers.get((job.address, job.port), [Reply("refused")])
                replies[job.id] = queue.pop(0) if len(queue) > 1 else queue[0]
        return replies


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(throwaway, "prepare", made.prepare)
    monkeypatch.setattr(vantage, "ask", made.ask)
    monkeypatch.setattr(runner, "_AGAIN_AFTER", 0.0)
    return made


def verify(
    *wanted: Check, stack: Stack = STACK, observed: Observed = OBSERVED, settle: float = 5.0
) -> list[Result]:
    events = list(runner.verify(wanted, stack, BUNDLE, observed, NO_ENGINE, "python", settle=settle))
    return [event.result for event in events if isinstance(event, Checked)]


def answer(status: int, body: str = "", peer: str = "172.20.0.2") -> Reply:
    return Reply("answer", status, {}, body, peer=peer)


def asks(vantage: str, target: Target, path: str = "/", **expect: Any) -> Check:
    return Check("CK401", "web", "a claim", Request(vantage, target, "GET", path), Expect(**expect))


@pytest.mark.parametrize(
    ("port", "address"),
    [
        (Port(80, "8080", "127.0.0.1"), "127.0.0.1"),
        (Port(80, "8080", "0.0.0.0"), "127.0.0.1"),
        (Port(80, "8080", ""), "127.0.0.1"),
        (Port(80, "8080", "::"), "::1"),
        (Port(80, "8080", "192.168.1.5"), "192.168.1.5"),
    ],
)
def test_a_published_port_is_dialled_where_it_is_bound(world: World, port: Port, address: str) -> None:
    world.answers[address, 8080] = [answer(200)]
    observed = Observed("home", (container("traefik", "172.20.0.2", port),))
    (result,) = verify(asks("", Published("traefik", 80)), observed=observed)
    assert result.outcome is PASSED
    assert [(job.address, job.port) for _, job in world.asked] == [(address, 8080)]


def test_of_two_bindings_ipv4_is_dialled(world: World) -> None:
    ports = (Port(80, "8080", "::"), Port(80, "8080", "0.0.0.0"))
    verify(
        asks("", Published("traefik", 80)),
        observed=Observed("home", (container("traefik", "", *ports),)),
        settle=0,
    )
    assert world.asked[0][1].address == "127.0.0.1"


@pytest.mark.parametrize(
    ("check", "why"),
    [
        (asks("", Published("web", 8000)), "web does not publish its port 8000"),
        (asks("proxy", Published("traefik", 80)), "a published port is asked from this host only"),
        (asks("proxy", OnNetwork("web", "lan", 80)), "web has no address on lan"),
        (asks("lan", Named("web", 80)), "the stack has no network `lan`"),
        (asks("", OnNetwork("db", "proxy", 80)), "the stack has no spoke db"),
        (
            asks("proxy", Named("somewhere", 2375), "/events"),
            "not safe to send to a live Engine: GET /events",
        ),
    ],
)
def test_what_cannot_be_asked_is_not_asked_and_says_why(world: World, check: Check, why: str) -> None:
    (result,) = verify(check)
    assert (result.outcome, result.saw) == (UNREACHABLE, why)
    assert not world.asked


def test_an_unsafe_control_is_not_sent_either(world: World) -> None:
    unsafe = Control(Request("proxy", Named("x", 2375), "POST", "/containers/prune"), Expect(), "it is up")
    (result,) = verify(replace(asks("proxy", Named("web", 8000)), controls=(unsafe,)))
    assert result.outcome is UNREACHABLE
    assert "not safe to send" in result.saw
    assert "/containers/prune" not in [job.path for _, job in world.asked]


def test_who_does_not_run_is_not_looked_for(world: World) -> None:
    gone = Observed("home", (container("web", "", state="exited"),))
    (by_name, by_address) = verify(
        asks("proxy", Named("web", 8000)), asks("proxy", OnNetwork("web", "proxy", 8000)), observed=gone
    )
    assert by_name.saw == by_address.saw == "web does not run"
    assert not world.asked


def test_without_a_prober_the_host_is_still_asked(world: World) -> None:
    world.refuses = "no prober: it may not be created"
    world.answers["127.0.0.1", 8080] = [answer(200)]
    inside, outside = verify(asks("proxy", Named("web", 8000)), asks("", Published("traefik", 80)))
    assert (inside.outcome, inside.saw) == (UNREACHABLE, "no prober: it may not be created")
    assert outside.outcome is PASSED


def test_controls_are_asked_before_their_check_in_one_chain(world: World) -> None:
    world.answers["172.20.0.3", 8000] = [answer(200, peer="172.20.0.3")]
    control = Control(Request("proxy", OnNetwork("web", "proxy", 8000), path="/first"), Expect(), "up")
    verify(replace(asks("proxy", OnNetwork("web", "proxy", 8000), "/second"), controls=(control,)))
    assert [(job.path, job.chain) for _, job in world.asked] == [("/first", "0"), ("/second", "0")]


def route() -> Check:
    return next(check for check in checks(STACK) if check.code == "CK301")


def test_a_route_is_waited_for(world: World) -> None:
    world.answers["172.20.0.3", 8000] = [answer(200)]
    world.answers["127.0.0.1", 8080] = [answer(404, "404 page not found"), answer(404), answer(200)]
    (result,) = verify(route())
    assert result.outcome is PASSED
    assert ", after " in result.saw


def test_a_route_that_fails_every_second_time_fails(world: World) -> None:
    world.answers["172.20.0.3", 8000] = [answer(200)]
    world.answers["127.0.0.1", 8080] = [answer(504), answer(200)] * 2000 + [answer(504)]
    (result,) = verify(route(), settle=0.2)
    assert result.outcome is FAILED


def test_a_route_that_never_comes_fails_with_what_was_seen_last(world: World) -> None:
    world.answers["172.20.0.3", 8000] = [answer(200)]
    world.answers["127.0.0.1", 8080] = [answer(404, "404 page not found"), answer(502)]
    (result,) = verify(route(), settle=0.05)
    assert (result.outcome, result.saw) == (
        FAILED,
        "answered 502, but the container itself answers 200",
    )


def test_the_container_is_asked_plainly_and_as_an_edge_forwards_it(world: World) -> None:
    world.answers["172.20.0.3", 8000] = [answer(200, "a")]
    world.answers["127.0.0.1", 8080] = [answer(200, "a")]
    (check,) = [c for c in checks(STACK) if c.code == "CK301"]
    (result,) = verify(check)
    assert result.outcome is PASSED
    plain, forwarded, through = (job.headers for _, job in sorted(world.asked, key=lambda asked: asked[1].id))
    assert plain == through == {}
    assert (forwarded["X-Forwarded-Host"], forwarded["X-Forwarded-Proto"]) == ("web.home", "http")
    assert "X-Forwarded-Prefix" not in forwarded


def test_nothing_else_is_asked_twice(world: World) -> None:
    world.answers["172.20.0.3", 8000] = [answer(500), answer(200)]
    (result,) = verify(asks("proxy", OnNetwork("web", "proxy", 8000), statuses=frozenset({200})))
    assert result.outcome is FAILED
    assert len(world.asked) == 1


def test_a_stranger_who_has_the_name_is_not_believed(world: World) -> None:
    world.answers["web", 8000] = [answer(200, peer="172.20.0.9")]
    (result,) = verify(asks("proxy", Named("web", 8000)))
    assert (result.outcome, result.saw) == (UNREACHABLE, "172.20.0.9 answers to the name, but is not web")


def test_the_container_is_named_by_its_hostname(world: World) -> None:
    world.answers["127.0.0.1", 8080] = [answer(200, "Hostname: host-of-web")]
    (result,) = verify(asks("", Published("traefik", 80), names_container="web"))
    assert (result.outcome, result.saw) == (PASSED, "answered 200 from the container host-of-web")


def test_an_accepted_failure_carries_its_reason_and_a_pass_does_not(world: World) -> None:
    accept = Accept("CK401", "known since May", Location("spokes/web.yaml"))
    stack = replace(STACK, spokes=(TRAEFIK, replace(WEB, accept=(accept,))))
    world.answers["127.0.0.1", 8080] = [answer(500)]
    failed, passed = verify(
        asks("", Published("traefik", 80), statuses=frozenset({200})),
        asks("", Published("traefik", 80)),
        stack=stack,
        settle=0,
    )
    assert (failed.outcome, failed.accepted, failed.holds) == (FAILED, "known since May", True)
    assert (passed.outcome, passed.accepted) == (PASSED, "")


def test_results_come_in_the_order_of_the_checks(world: World) -> None:
    wanted = checks(STACK)
    assert [result.check for result in verify(*wanted, settle=0)] == list(wanted)
