"""Standing conditions over a snapshot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stackctl.model import (
    Bundle,
    Check,
    Container,
    Kind,
    Mount,
    Observation,
    Observed,
    Outcome,
    Policy,
    Spoke,
    Stack,
)
from stackctl.throwaway_labels import OWNER_LABEL, RUN_LABEL, STACK_LABEL
from stackctl.verify.observations import OBSERVATIONS

PASSED, FAILED, UNREACHABLE = Outcome.PASSED, Outcome.FAILED, Outcome.UNREACHABLE
STACK = Stack(
    "home",
    (Spoke("job", Kind.JOB, {}), Spoke("proxy", Kind.SOCKET_PROXY, {}), Spoke("web", Kind.APP, {})),
    networks={"proxy": {"name": "home_proxy"}, "lan": {"name": "br-lan"}},
)
STANZA: dict[str, Any] = {"networks": {"proxy": None}, "labels": {"stackctl.fingerprint": "1.aaaa"}}
WEB = Container(
    id="0" * 64,
    name="home-web-1",
    image_id="sha256:1",
    image="web:1",
    state="running",
    health="",
    exit_code=0,
    restarts=0,
    labels={"stackctl.spoke": "web", "stackctl.fingerprint": "1.aaaa"},
    networks={"home_proxy": "172.20.0.3"},
    mounts=(),
    ports=(),
)


def see(
    name: str,
    *containers: Container,
    others: tuple[Container, ...] = (),
    spoke: str = "web",
    **stanza: object,
) -> tuple[Outcome, str]:
    bundle = Bundle({"services": {"web": {**STANZA, **stanza}, "proxy": STANZA, "job": STANZA}}, {}, {})
    observed = Observed("home", containers, others)
    return OBSERVATIONS[name](observed, STACK, bundle, Check("CK101", spoke, "", Observation(name)))


def of(container: Container, **changes: object) -> Container:
    return replace(container, **changes)  # type: ignore[arg-type]


def test_runs() -> None:
    assert see("runs", WEB) == (PASSED, "runs")
    assert see("runs") == (FAILED, "there is no container")
    assert see("runs", of(WEB, state="exited", exit_code=3)) == (FAILED, "stopped with exit code 3")
    assert see("runs", of(WEB, state="restarting", exit_code=1)) == (FAILED, "keeps restarting (exit code 1)")
    assert see("runs", of(WEB, state="paused")) == (FAILED, "is paused")
    assert see("runs", of(WEB, state="exited"), WEB)[0] is PASSED, "an old container beside it does no harm"
    assert see("runs", of(WEB, health="unhealthy"))[0] is FAILED, "the image's own healthcheck"
    assert see("runs", of(WEB, health="unhealthy"), healthcheck={"test": "x"})[0] is PASSED, "CK102 says it"


@pytest.mark.parametrize(
    ("health", "expected"), [("healthy", PASSED), ("unhealthy", FAILED), ("starting", FAILED), ("", FAILED)]
)
def test_healthy(health: str, expected: Outcome) -> None:
    assert see("healthy", of(WEB, health=health))[0] is expected
    assert see("healthy", of(WEB, health=health, state="exited"))[0] is UNREACHABLE


def test_done() -> None:
    assert see("done", of(WEB, state="exited"))[0] is PASSED
    assert see("done", of(WEB, state="exited", exit_code=2)) == (FAILED, "stopped with exit code 2")
    assert see("done", WEB)[0] is UNREACHABLE
    assert see("done")[0] is FAILED


def test_networks() -> None:
    assert see("networks", WEB) == (PASSED, "sits on home_proxy only")
    more = of(WEB, networks={"home_proxy": "", "x": ""})
    assert see("networks", more) == (FAILED, "home-web-1 also sits on x")
    assert see("networks", of(WEB, networks={})) == (FAILED, "home-web-1 is not on home_proxy")
    assert see("networks", WEB, more)[0] is FAILED, "every one that runs counts"
    assert see("networks")[0] is UNREACHABLE
    assert see("networks", of(WEB, state="exited"))[0] is UNREACHABLE
    ended = of(WEB, state="exited", labels={"stackctl.spoke": "job"})
    assert see("networks", ended, spoke="job")[0] is PASSED, "a job has ended when it is looked at"
    assert see("networks", of(WEB, networks={"br-lan": ""}), networks={"lan": {}})[0] is PASSED
    assert see("networks", of(WEB, networks={"home_default": ""}), networks=None)[0] is PASSED
    assert see("networks", of(WEB, networks={"host": ""}), networks=None, network_mode="host")[0] is PASSED
    assert see("networks", WEB, network_mode="container:other")[0] is UNREACHABLE


def test_who_lives_in_the_network_of_another_is_in_the_one_that_it_has_now() -> None:
    def lives(mode: str, began: str, **more: Any) -> Container:
        inspect = {"HostConfig": {"NetworkMode": mode}, "State": {"StartedAt": began}}
        return of(WEB, networks={}, inspect=inspect, **more)

    owner = lives("home_proxy", "2026-01-01T00:00:05.12Z", id="1" * 64, labels={"stackctl.spoke": "proxy"})
    mode, later = f"container:{owner.id}", "2026-01-01T00:00:05.1201Z"
    for container, outcome in (
        (lives(mode, later), PASSED),
        (lives(mode, "2026-01-01T00:00:05.1Z"), FAILED),
        (lives("container:gone", later), FAILED),
        (lives("bridge", later), FAILED),
    ):
        assert see("networks", owner, container, network_mode="service:proxy")[0] is outcome
    job = {"state": "exited", "labels": {"stackctl.spoke": "job"}}
    ended = lives("container:gone", "2026-01-01T00:00:00Z", **job)
    declared = {"services": {"job": {"network_mode": "service:proxy"}}}
    check = Check("CK103", "job", "", Observation("networks"))
    for container, outcome in ((ended, PASSED), (lives("bridge", later, **job), FAILED)):
        observed = Observed("home", (owner, container))
        assert OBSERVATIONS["networks"](observed, STACK, Bundle(declared, {}, {}), check)[0] is outcome


def test_fingerprint() -> None:
    assert see("fingerprint", WEB) == (PASSED, "carries 1.aaaa")
    assert see("fingerprint", of(WEB, labels={"stackctl.spoke": "web"}))[0] is FAILED
    other = of(WEB, labels={"stackctl.spoke": "web", "stackctl.fingerprint": "1.bbbb"})
    assert see("fingerprint", other) == (FAILED, "home-web-1 carries 1.bbbb; the files declare 1.aaaa")
    made_of = {"stackctl.inputs": "config=1,edge-route=4,image=2,stanza=3"}
    routed = of(WEB, labels={**other.labels, **made_of})
    assert see("fingerprint", routed, labels={**STANZA["labels"], **made_of}) == (
        PASSED,
        "carries 1.bbbb: 1.aaaa but for its route, which is the edge's",
    )
    assert see("fingerprint")[0] is UNREACHABLE
    assert see("fingerprint", WEB, labels={})[0] is UNREACHABLE


def compared(*fields: str, of: str = WEB.id) -> tuple[Outcome, str]:
    observed = Observed("home", (WEB,), deviations={of: fields})
    bundle = Bundle({"services": {"web": STANZA}}, {}, {})
    check = Check("CK104", "web", "", Observation("fingerprint"))
    return OBSERVATIONS["fingerprint"](observed, STACK, bundle, check)


def test_a_fingerprint_on_something_else_proves_nothing() -> None:
    assert compared() == (PASSED, "carries 1.aaaa, and every field is as declared")
    saw = "home-web-1 carries 1.aaaa, but differs from the files in command, image"
    assert compared("command", "image") == (FAILED, saw)
    assert compared(*"abcdefg")[1].endswith("a, b, c, d, e and 2 more")
    assert compared(of="another")[0] is UNREACHABLE


def test_a_container_from_before_its_stack_was_adopted_is_told_by_its_fields() -> None:
    plain = of(WEB, labels={"com.docker.compose.service": "web"})
    bundle = Bundle({"services": {"web": STANZA}}, {}, {})
    check = Check("CK104", "web", "", Observation("fingerprint"))

    def saw(*fields: str) -> tuple[Outcome, str]:
        observed = Observed("home", (plain,), deviations={plain.id: fields})
        return OBSERVATIONS["fingerprint"](observed, STACK, bundle, check)

    assert saw() == (PASSED, "labels pending, and every field is as declared")
    assert saw("command") == (FAILED, "home-web-1 carries no fingerprint; the files declare 1.aaaa")


LISTEN = "/run/api/docker.sock"
SHARING = replace(
    STACK, spokes=(Spoke("proxy", Kind.SOCKET_PROXY, {}, policy=Policy(listen=LISTEN)), *STACK.spokes[::2])
)
SHARED = Mount("volume", "home_proxy-api", "/run/api")
LISTENING = replace(WEB, name="home-proxy-1", labels={"stackctl.spoke": "proxy"}, mounts=(SHARED,))


def shared(*containers: Container, others: tuple[Container, ...] = ()) -> tuple[Outcome, str]:
    mount = {"type": "volume", "source": "proxy-api", "target": "/run/api"}
    services = {"proxy": {"volumes": [mount]}, "web": {"volumes": [mount]}, "job": {}}
    check = Check("CK209", "proxy", "", Observation("socket-shared"))
    observed = Observed("home", containers, others)
    return OBSERVATIONS["socket-shared"](observed, SHARING, Bundle({"services": services}, {}, {}), check)


def test_a_socket_is_shared_with_those_that_declare_it_alone() -> None:
    web = of(WEB, mounts=(SHARED,))
    assert shared(LISTENING, web) == (PASSED, "mounted by web alone")
    assert shared(LISTENING, WEB)[0] is PASSED
    job = of(WEB, name="home-job-1", labels={"stackctl.spoke": "job"}, mounts=(SHARED,))
    assert shared(LISTENING, web, job) == (FAILED, "also mounted by home-job-1 (/run/api)")
    stranger = of(WEB, name="other", labels={}, mounts=(SHARED,))
    assert shared(LISTENING, others=(stranger,)) == (FAILED, "also mounted by other (/run/api)")
    on_disk = Mount("bind", "/var/lib/docker/volumes/home_proxy-api/_data", "/x")
    assert shared(LISTENING, others=(of(stranger, mounts=(on_disk,)),))[0] is FAILED
    of_a_run = {STACK_LABEL: "home", OWNER_LABEL: "o", RUN_LABEL: "r"}
    prober = of(stranger, labels=of_a_run)
    assert shared(LISTENING, others=(prober,))[0] is PASSED, "a run of verify beside this one"
    for label in of_a_run:
        less = {key: value for key, value in of_a_run.items() if key != label}
        assert shared(LISTENING, others=(of(stranger, labels=less),))[0] is FAILED
    by_compose = {**of_a_run, "com.docker.compose.container-number": "1"}
    assert shared(LISTENING, others=(of(stranger, labels=by_compose),))[0] is FAILED
    assert shared(of(LISTENING, mounts=())) == (FAILED, "has no volume at /run/api")
    assert shared(web)[0] is UNREACHABLE


def holder(source: str, **changes: object) -> Container:
    return of(WEB, mounts=(Mount("bind", source, "/x", True),), **changes)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("/var/run/docker.sock", FAILED),
        ("/run/docker.sock", FAILED),
        ("/run", FAILED),
        ("/var/run", FAILED),
        ("/var/run/", FAILED),
        ("/", FAILED),
        ("/var", PASSED),
        ("/run/docker.sock.d", PASSED),
        ("/run/user", FAILED),
        ("data", PASSED),
        ("/var/lib/docker/volumes/data/_data", PASSED),
    ],
)
def test_who_holds_the_socket(source: str, expected: Outcome) -> None:
    assert see("socket-in-stack", holder(source), spoke="proxy")[0] is expected
    assert see("socket-outside", others=(holder(source),), spoke="proxy")[0] is expected


def test_the_socket_is_where_the_proxy_has_it_from() -> None:
    rootless = "/run/user/1000/docker.sock"
    proxy = holder(rootless, labels={"stackctl.spoke": "proxy"}, name="home-proxy-1")
    assert see("socket-in-stack", proxy, WEB, spoke="proxy")[0] is PASSED
    assert see("socket-in-stack", proxy, holder("/run/user/1000"), spoke="proxy") == (
        FAILED,
        "also mounted by home-web-1 (/run/user/1000)",
    )


def test_who_does_not_run_outside_does_nothing_but_inside_it_may_be_started() -> None:
    stopped = holder("/var/run/docker.sock", state="exited")
    assert see("socket-outside", others=(stopped,), spoke="proxy")[0] is PASSED
    assert see("socket-in-stack", stopped, spoke="proxy")[0] is FAILED


def test_nothing_to_look_at_proves_nothing() -> None:
    assert see("socket-in-stack", spoke="proxy")[0] is UNREACHABLE
