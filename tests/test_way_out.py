"""What `doctor` says of what it found, and what to do about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stackctl.codes import CODES
from stackctl.commands.diagnosed import Diagnosis
from stackctl.console.answers import diagnosis
from stackctl.doctor import by_hand, chain
from stackctl.model import Action, Cause, Check, Kind, Observation, Outcome, Port, Result, Spoke, Verb, Who
from stackctl.way_out import unrouted, way_out
from tests.routed import BUNDLE, EDGE, STACK, WEB, container, link_of, seen

EDITED = Action("web", Verb.RECREATE, (Cause(Who.YOU, "environment.A", "1", "2"),))
DRIFTED = Action("web", Verb.RECREATE, (Cause(Who.HOST, "environment.A", "1", "2"),))
UNREAD = Action("edge", Verb.RELOAD, (Cause(Who.YOU, "routes", "1", "2"),))
APPLY = "the files were changed and not applied: `stackctl up "


def found(code: str, spoke: str = "web") -> Result:
    return by_hand(code, spoke, "", "")


def mends(result: Result, *containers: str, actions: tuple[Action, ...] = (), **state: Any) -> str:
    """The way out where the containers of these spokes stand like that."""
    observed = seen(*(container(spoke, **state) for spoke in containers))
    return way_out(STACK, observed, actions, result)


# ---- a container that does not run


def test_what_stopped_is_started_and_its_log_says_why() -> None:
    starts = "`stackctl up web` starts it again; `stackctl logs web` says why it stopped"
    assert mends(found("CK101"), "web", state="exited") == starts


def test_what_never_started_has_no_log_to_look_into() -> None:
    assert mends(found("CK101"), "web", state="created") == "`stackctl up web` starts it"


def test_who_never_was_is_made() -> None:
    nobody = replace(seen(), containers=())
    assert way_out(STACK, nobody, (), found("CK101")) == "`stackctl up web` makes its container and starts it"


@pytest.mark.parametrize("state", ["running", "restarting"])
def test_what_runs_and_does_not_work_is_looked_into(state: str) -> None:
    assert "`stackctl logs web` say more" in mends(found("CK102"), "web", state=state)


def test_while_the_old_edge_runs_the_way_to_the_new_one_takes_everyone_along() -> None:
    old = Spoke("old", Kind.EDGE, {"image": "caddy:2"})
    alone = replace(seen(), containers=(container("web"),))
    here = replace(alone, containers=(*alone.containers, container("old")))
    for profiles, up in (([], "stackctl up"), (["core", "all"], "stackctl up --profile core")):
        edge = replace(EDGE, service={**EDGE.service, "profiles": profiles})
        moving = replace(STACK, spokes=(edge, WEB), resting=(old,))
        told = way_out(moving, here, (), found("CK101", "edge"))
        assert told.startswith(f"`{up}` changes over to edge; until then old runs")
        assert "`stackctl up edge`" in way_out(moving, alone, (), found("CK101", "edge"))


# ---- files that were not applied


def test_files_that_were_not_applied_come_before_any_other_way_out() -> None:
    told = mends(found("CK315"), actions=(EDITED,))
    assert told == f"{APPLY}web`; else {CODES['CK315'].hint}"


def test_what_up_does_is_told_once() -> None:
    assert mends(found("CK303"), actions=(EDITED,)) == f"{APPLY}web`"
    assert mends(found("CK101"), "web", state="exited", actions=(EDITED,)) == f"{APPLY}web`"


def test_an_edge_that_has_not_read_its_routes_counts_where_a_route_fails() -> None:
    assert mends(found("CK305"), actions=(UNREAD,)).startswith(f"{APPLY}edge`")
    assert mends(found("CK305"), actions=(EDITED, UNREAD)).startswith(f"{APPLY}edge web`")
    assert APPLY not in mends(found("CK102"), actions=(UNREAD,))


@pytest.mark.parametrize(
    "action",
    [DRIFTED, replace(EDITED, spoke="other"), replace(EDITED, verb=Verb.CREATE)],
    ids=["somebody else changed it", "of another spoke", "nothing was there"],
)
def test_nothing_else_is_taken_for_an_edit(action: Action) -> None:
    assert APPLY not in mends(found("CK315"), actions=(action,))


# ---- a name that does not resolve


def asks(*ports: Port) -> str:
    observed = seen(container("edge", ports=ports))
    return way_out(STACK, observed, (), Result(link_of("CK317"), Outcome.FAILED, ""))


def test_a_name_that_does_not_resolve_is_asked_where_the_edge_is_bound() -> None:
    more = "; or put `{} web.home` into /etc/hosts, or the name into DNS"
    asked = "`curl --resolve web.home:80:127.0.0.1 http://web.home/`"
    assert asks(Port(80, "80", "0.0.0.0")) == asked + more.format("127.0.0.1")
    asked = "`curl --resolve web.home:8080:10.1.2.3 http://web.home:8080/`"
    assert asks(Port(443, "443"), Port(80, "8080", "10.1.2.3")) == asked + more.format("10.1.2.3")


def test_where_the_edge_is_bound_nowhere_its_code_says_what_is_known() -> None:
    assert asks() == CODES["CK317"].hint


# ---- what is told


def link(code: str, outcome: Outcome = Outcome.PASSED) -> Result:
    check = Check(code, "web", "stands", Observation(""), severity=CODES[code].severity)
    return Result(check, outcome, "seen")


def lines(diagnosed: Diagnosis) -> list[str]:
    return str(diagnosis(diagnosed)).splitlines()


HELD, WARNS = link("CK101"), link("CK317", Outcome.FAILED)


def test_only_where_every_link_holds_it_is_said_to_be_reachable_and_no_more() -> None:
    assert lines(Diagnosis("web", (HELD, HELD))) == ["✔ web is reachable: all 2 links hold"]


def test_a_link_that_warns_is_not_counted_among_those_that_hold() -> None:
    assert lines(Diagnosis("web", (HELD, HELD, WARNS), hints=("ask so",))) == [
        "✔ web is reachable: 2 links hold, 1 warns",
        "  warns   CK317: stands",
        "  saw     seen",
        "  hint    ask so",
    ]
    assert "1 links hold, 2 warn" in lines(Diagnosis("web", (HELD, WARNS, WARNS), hints=("a", "b")))[0]


def test_a_broken_link_is_no_proof_that_nobody_gets_through() -> None:
    broken = replace(link("CK101", Outcome.FAILED), check=replace(HELD.check, spoke="proxy"))
    assert lines(Diagnosis("web", (HELD, broken), "CK101", "is exited", "start it")) == [
        "✘ the chain to web is broken at link 2",
        "  broken  CK101 (proxy): stands",
        "  saw     is exited",
        "  fix     start it",
    ]


def test_without_an_engine_nothing_is_said_of_any_spoke() -> None:
    first, *_ = lines(Diagnosis("", (by_hand("CK321", "", "answers", "no"),), "CK321", "no", "start it"))
    assert first == "✘ nothing can be said of the stack"


@pytest.mark.parametrize("kind", [Kind.SOCKET_PROXY, Kind.EDGE, Kind.JOB])
def test_who_is_meant_to_have_no_route_is_neither_reachable_nor_broken(kind: Kind) -> None:
    meant = unrouted(replace(WEB, kind=kind, routes=()))
    assert meant is not None
    first, hint = lines(Diagnosis("web", (HELD,), unrouted=meant.why, hints=(meant.instead,)))
    assert first == f"✔ web needs no route: {meant.why}"
    assert "NAME" not in hint


def test_a_socket_proxy_is_for_its_consumers_alone() -> None:
    meant = unrouted(Spoke("proxy", Kind.SOCKET_PROXY, {}))
    assert meant is not None
    assert "not meant to be reached through the edge, only by its consumers" in meant.why
    assert "`stackctl verify proxy`" in meant.instead


def test_an_app_without_a_route_lacks_one() -> None:
    assert unrouted(WEB) is None
    assert "**Hostname:**" in mends(found("CK324"))


def test_every_link_of_the_chain_has_a_way_out() -> None:
    links = chain(STACK, BUNDLE, seen(), WEB)
    for check in (*links.seen, *links.asked, *links.because):
        assert way_out(STACK, seen(), (), Result(check, Outcome.FAILED, "")), check.code
