"""What an answer of the edge, or none, says of who is called, and of a name that leads nowhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stackctl.model import Edge, Expect, Outcome, RoutesBy
from stackctl.verify.decide import Reply, together
from tests.routed import APP, CALLED, NOBODY, STACK, answer, answered, asked, check_of


def test_a_container_that_nobody_could_look_into_may_have_been_called() -> None:
    blind = Reply("unsent", detail="no prober there")
    elsewhere = answer(200, connections=("10.0.0.9:1 10.0.0.4:5000",))
    called = answer(200, connections=("10.0.0.3:80 10.0.0.4:5000",))
    assert answered(CALLED, together(elsewhere, [blind])) == (Outcome.UNREACHABLE, "no prober there")
    assert answered(CALLED, together(blind, [elsewhere])) == (Outcome.UNREACHABLE, "no prober there")
    assert answered(CALLED, together(blind, [called]))[0] is Outcome.PASSED
    assert answered(CALLED, together(elsewhere, [called]))[0] is Outcome.PASSED


KEPT = ("10.0.0.3:80 10.0.0.4:5000",)
"""A connection of the edge, of this request or of another one."""
OWN_404, EDGES_404 = answer(404, "no such page here"), answer(404, "404 page not found\n")


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (answer(200, connections=KEPT), Outcome.PASSED),
        (replace(OWN_404, connections=KEPT), Outcome.PASSED),
        (replace(EDGES_404, connections=KEPT), Outcome.UNREACHABLE),
        (answer(502, "Bad Gateway", connections=KEPT), Outcome.UNREACHABLE),
        (answer(503, connections=KEPT), Outcome.UNREACHABLE),
        (answer(504, connections=KEPT), Outcome.UNREACHABLE),
        (EDGES_404, Outcome.FAILED),
        (answer(504), Outcome.FAILED),
        (Reply("timeout", peer="10.0.0.4", detail="5 s"), Outcome.FAILED),
        *(
            (Reply(kind, detail="why", connections=connections), Outcome.UNREACHABLE)
            for kind in ("refused", "timeout", "closed", "unresolved", "unroutable", "error", "unsent")
            for connections in ((), KEPT)
        ),
        (Reply("timeout", peer="10.0.0.4", detail="5 s", connections=KEPT), Outcome.UNREACHABLE),
    ],
)
def test_a_connection_counts_where_only_the_app_can_have_answered(reply: Reply, outcome: Outcome) -> None:
    assert answered(CALLED, reply, OWN_404, OWN_404)[0] is outcome


def test_who_calls_is_asked_of_an_app_that_answers_by_itself() -> None:
    check = check_of("CK306")
    assert [control.request for control in check.controls] == [
        control.request for control in check_of("CK301").controls
    ]


def test_a_look_that_had_no_time_saw_nothing() -> None:
    late = Reply("error", detail="no time was left to ask")
    assert answered(Expect(listens=80), late) == (Outcome.UNREACHABLE, "no time was left to ask")
    assert answered(CALLED, late) == (Outcome.UNREACHABLE, "no time was left to ask")
    assert answered(CALLED, together(answer(200), [late])) == (Outcome.UNREACHABLE, "no time was left to ask")


@pytest.mark.parametrize("status", [200, 204, 301, 302, 307, 308, 400, 401, 403, 405, 500, 502, 503])
@pytest.mark.parametrize("by", RoutesBy)
@pytest.mark.parametrize("edge", [Edge.TRAEFIK, Edge.CADDY])
def test_a_name_leads_nowhere_only_where_an_edge_says_so(edge: Edge, by: RoutesBy, status: int) -> None:
    stack = replace(STACK, edge=edge, routing=replace(STACK.routing, by=by))
    check = check_of("CK302", stack)
    assert asked(check, APP, APP, APP, NOBODY)[0] is Outcome.PASSED
    for to in ("", "/login", "https://login.home/"):
        assert asked(check, APP, APP, APP, answer(status, headers={"location": to}))[0] is Outcome.FAILED


def test_caddy_of_labels_leads_an_unknown_name_to_itself_with_https() -> None:
    stack = replace(STACK, edge=Edge.CADDY, routing=replace(STACK.routing, by=RoutesBy.LABELS))
    check = check_of("CK302", stack)
    to_itself = answer(308, headers={"location": "https://undeclared-by-any-spoke.home/"})
    assert asked(check, APP, APP, APP, to_itself)[0] is Outcome.PASSED
    assert asked(check_of("CK302"), APP, APP, APP, to_itself)[0] is Outcome.FAILED
