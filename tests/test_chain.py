"""The chain of `doctor`: its links in order, and what ends it."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stackctl.checks import checks
from stackctl.commands import doctor as story_of_doctor
from stackctl.commands.diagnosed import Diagnosis, DoctorAnswer
from stackctl.commands.doctor import doctor
from stackctl.commands.story import Ended
from stackctl.doctor import by_hand, chain, ordered
from stackctl.errors import Exit, StackctlError
from stackctl.events import Checked
from stackctl.model import (
    BasicAuth,
    Bundle,
    Check,
    Expect,
    ForwardAuth,
    Outcome,
    Request,
    Result,
    RoutesBy,
    Routing,
    Tls,
)
from stackctl.verify.decide import Reply, decide
from tests.routed import (
    BUNDLE,
    EDGE,
    PROXY,
    ROUTE,
    STACK,
    WEB,
    answer,
    answered,
    looked,
    seen,
)
from tests.test_routing import CASES

PINNED = "@sha256:" + "0123456789abcdef" * 4

IN_VERIFY_ALONE = {"CK302", "CK310", "CK325"}
"""Of the edge itself; whoever cannot be reached is not reached for these."""


@pytest.mark.parametrize("code", sorted(CASES.keys() - IN_VERIFY_ALONE - {"CK317", "CK309"}))
def test_a_broken_link_ends_the_chain_and_is_missed_where_it_is_taken_out(code: str) -> None:
    links = chain(STACK, BUNDLE, seen(), WEB)
    if code in ("CK307", "CK308"):
        route = replace(ROUTE, tls=Tls.INTERNAL)
        web = replace(WEB, routes=(route,))
        links = chain(replace(STACK, spokes=(EDGE, PROXY, web)), BUNDLE, seen(), web)
    everything = (*links.seen, *links.asked, *links.because)

    def end(of: tuple[Check, ...]) -> str:
        unknown = code in ("CK314", "CK319", "CK303")
        failing = {code, "CK305"} if unknown else {code}
        results = [
            Result(check, Outcome.FAILED if check.code in failing else Outcome.PASSED, "") for check in of
        ]
        told = ordered(links, results)
        return told[-1].check.code if told and not told[-1].holds else ""

    assert end(everything) == code
    assert end(tuple(check for check in everything if check.code != code)) != code


def test_a_link_that_only_warns_does_not_end_the_chain() -> None:
    links = chain(STACK, BUNDLE, seen(), WEB)
    everything = (*links.seen, *links.asked)
    results = [Result(c, Outcome.FAILED if c.code == "CK317" else Outcome.PASSED, "") for c in everything]
    assert all(result.holds for result in ordered(links, results))


def test_old_words_of_the_log_are_told_only_where_the_route_is_unknown() -> None:
    links = chain(STACK, BUNDLE, seen(), WEB)
    everything = (*links.seen, *links.asked, *links.because)
    results = [Result(c, Outcome.FAILED if c.code == "CK314" else Outcome.PASSED, "") for c in everything]
    assert all(result.holds for result in ordered(links, results))


def test_a_log_that_cannot_be_read_is_told_and_does_not_end_the_chain() -> None:
    links = chain(STACK, BUNDLE, seen(), WEB)
    everything = (*links.seen, *links.asked, *links.because)
    broken = {"CK314": Outcome.UNREACHABLE, "CK319": Outcome.UNREACHABLE, "CK305": Outcome.FAILED}
    told = ordered(links, [Result(c, broken.get(c.code, Outcome.PASSED), "") for c in everything])
    assert [r.check.code for r in told if not r.holds] == ["CK319", "CK314", "CK305"]
    assert told[-1].check.code == "CK305"


def test_where_nothing_is_broken_a_log_that_cannot_be_read_is_told_and_no_link_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An unknown route that the spoke accepts holds, and so does whatever stands behind it."""
    unread = dict.fromkeys(("CK319", "CK314"), Outcome.UNREACHABLE)

    def run(*given: Any) -> Generator[None, None, list[Result]]:
        yield from ()
        wrong = {**unread, "CK305": Outcome.FAILED}
        accepted = {"CK305": "it is slow"}
        return [Result(c, wrong.get(c.code, Outcome.PASSED), "", accepted.get(c.code, "")) for c in given[-1]]

    monkeypatch.setattr(story_of_doctor, "_run", run)
    monkeypatch.setattr(story_of_doctor, "_logs", lambda *_: {})
    monkeypatch.setattr(story_of_doctor, "_planned", lambda *_: ())
    opened: Any = SimpleNamespace(stack=STACK, bundle=BUNDLE)
    story = story_of_doctor._of_spoke(opened, None, None, seen(), WEB)  # type: ignore[arg-type]
    with pytest.raises(StopIteration) as ended:
        next(story)
    found: Diagnosis = ended.value.value
    assert (found.broken, found.fix) == ("", "")
    assert [r.check.code for r in found.links if r.outcome is not Outcome.PASSED] == [*unread, "CK305"]
    assert len(found.hints) == 3


def test_a_log_that_cannot_be_read_is_not_an_empty_one() -> None:
    def refuses(*_: object) -> str:
        raise StackctlError("the logging driver does not support reading")

    opened: Any = SimpleNamespace(stack=STACK)
    engines: list[Any] = [SimpleNamespace(logs=refuses), SimpleNamespace(logs=lambda *_: "")]
    unread, empty = (replace(seen(), said=story_of_doctor._logs(e, opened, seen())) for e in engines)
    for name in ("edge-says", "edge-asks"):
        assert looked(name, "web", unread) == (
            Outcome.UNREACHABLE,
            "cannot tell: its log cannot be read",
        )
        assert looked(name, "web", empty)[0] is Outcome.PASSED


def test_every_negative_check_of_a_route_can_be_broken() -> None:
    routes = [c for c in checks(STACK, BUNDLE) if c.code in ("CK302", "CK305", "CK309", "CK310")]
    assert {c.code for c in routes} >= {"CK305", "CK310"}
    assert all(c.broken_by is not None and c.controls for c in routes)


def test_an_app_that_leads_to_its_own_login_is_not_taken_for_one_of_the_edge() -> None:
    locked = replace(WEB, routes=(replace(ROUTE, auth=BasicAuth((("kim", "hash"),))),))
    [asked] = [c for c in checks(replace(STACK, spokes=(EDGE, PROXY, locked)), BUNDLE) if c.code == "CK309"]
    assert asked.expect.statuses == {401}


def diagnosed(root: Path, environ: Mapping[str, str]) -> tuple[Diagnosis, ...]:
    """What `doctor web` ends in."""
    story, ended = doctor(root, ("web",), environ=environ), None
    try:
        while True:
            next(story)
    except StopIteration as stop:
        ended = stop.value
    assert isinstance(ended, Ended)
    answer = ended.answer
    assert isinstance(answer, DoctorAnswer)
    assert (ended.exit_code == Exit.DONE) is not any(diagnosis.broken for diagnosis in answer.diagnoses)
    return answer.diagnoses


def told(root: Path, environ: Mapping[str, str]) -> list[str]:
    """The codes of the links that `doctor web` finds broken."""
    links = [diagnosis.links[-1] for diagnosis in diagnosed(root, environ)]
    return [link.check.code for link in links if not link.holds]


@pytest.fixture
def no_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """An Engine on which everything holds that is looked at."""

    def verify(wanted: tuple[Check, ...], *_: object, **__: object) -> Iterator[Checked]:
        return (Checked(Result(check, Outcome.PASSED, "")) for check in wanted)

    monkeypatch.setattr(story_of_doctor, "observe", lambda *_: seen())
    monkeypatch.setattr(story_of_doctor, "verify", verify)
    monkeypatch.setattr(story_of_doctor.Engine, "connect", lambda *_: nullcontext())


def stack_in(root: Path, manifest: str) -> Path:
    (root / "spokes").mkdir()
    (root / "stack.yaml").write_text("name: home\n")
    (root / "spokes" / "web.yaml").write_text(manifest)
    return root


NOWHERE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}


def test_files_that_cannot_be_read_come_before_anything_else(tmp_path: Path) -> None:
    assert told(stack_in(tmp_path, "image: [\n"), NOWHERE) == ["CK322"]


def test_an_engine_that_does_not_answer_comes_before_what_runs_on_it(tmp_path: Path) -> None:
    assert told(stack_in(tmp_path, f"image: web:1{PINNED}\n"), NOWHERE) == ["CK321"]


@pytest.mark.usefixtures("no_checks")
def test_a_spoke_without_a_route_is_told_so_where_nothing_else_is_broken(tmp_path: Path) -> None:
    assert told(stack_in(tmp_path, f"image: web:1{PINNED}\n"), {}) == ["CK324"]


@pytest.mark.usefixtures("no_checks")
@pytest.mark.parametrize("kind", ["socket-proxy", "edge", "job"])
def test_who_is_meant_to_have_no_route_is_never_told_to_take_one(tmp_path: Path, kind: str) -> None:
    [found] = diagnosed(stack_in(tmp_path, f"kind: {kind}\nimage: web:1{PINNED}\n"), {})
    assert (found.broken, found.fix) == ("", "")
    assert found.unrouted
    [hint] = found.hints
    assert "Hostname" not in hint
    assert "`stackctl " in hint


@pytest.mark.parametrize("code", ["CK321", "CK322", "CK324"])
def test_without_its_implementation_what_no_check_looks_at_is_missed(
    code: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if code == "CK324":
        request.getfixturevalue("no_checks")

    def nothing(code: str, spoke: str, title: str, saw: str) -> Result:
        return replace(by_hand(code, spoke, title, saw), outcome=Outcome.PASSED)

    monkeypatch.setattr(story_of_doctor, "by_hand", nothing)
    manifest = "image: [\n" if code == "CK322" else f"image: web:1{PINNED}\n"
    assert told(stack_in(tmp_path, manifest), NOWHERE) == []


OF_LABELS = {"CK311", "CK312", "CK313"}


def test_labels_are_no_links_where_the_edge_reads_none_of_the_spoke() -> None:
    files = replace(STACK, routing=Routing(RoutesBy.FILES))
    bare = Bundle({"services": {**BUNDLE.compose["services"], "web": {"image": "web"}}}, {}, {})
    assert {check.code for check in chain(STACK, BUNDLE, seen(), WEB).seen} >= OF_LABELS
    for stack, bundle in ((files, BUNDLE), (STACK, bare)):
        codes = {check.code for check in chain(stack, bundle, seen(), WEB).seen}
        assert "CK304" in codes
        assert not codes & OF_LABELS


def test_who_has_no_route_leans_on_no_edge() -> None:
    unrouted = replace(WEB, routes=())
    links = chain(replace(STACK, spokes=(EDGE, PROXY, unrouted)), BUNDLE, seen(), unrouted)
    assert {check.spoke for check in (*links.seen, *links.asked)} == {"web"}


def test_a_socket_proxy_leans_on_no_edge_and_each_of_its_links_is_told_once() -> None:
    links = chain(STACK, BUNDLE, seen(), PROXY)
    everything = [(check.code, check.spoke, check.title) for check in (*links.seen, *links.asked)]
    assert len(set(everything)) == len(everything)
    assert {spoke for _, spoke, _ in everything} == {"proxy"}
    assert {code for code, _, _ in everything} == {"CK101", "CK320"}


def test_a_socket_proxy_with_switches_is_asked_for_what_the_edge_needs() -> None:
    stack = replace(STACK, spokes=(EDGE, replace(PROXY, policy=None), WEB))
    assert "CK320" in {check.code for check in chain(stack, BUNDLE, seen(), WEB).asked}


def test_an_answer_with_words_that_it_must_not_have_fails() -> None:
    wanted = Expect(without='"Codename"')
    assert answered(wanted, answer(200, "app"))[0] is Outcome.PASSED
    assert answered(wanted, answer(200, '{"Codename": "x"}'))[0] is Outcome.FAILED


def test_how_an_edge_refuses_a_name_is_asked_behind_the_handshake_of_another() -> None:
    web = replace(WEB, routes=(replace(ROUTE, tls=Tls.INTERNAL),))
    [known] = [c for c in checks(replace(STACK, spokes=(EDGE, PROXY, web)), BUNDLE) if c.code == "CK305"]
    [nobody] = [control.request for control in known.controls]
    assert isinstance(known.look, Request)
    assert nobody.tls
    assert nobody.host != known.look.host == nobody.sni


def of_login() -> Check:
    guarded = replace(WEB, routes=(replace(ROUTE, auth=ForwardAuth("login", 9091, "/decide")),))
    login = replace(WEB, name="login", routes=())
    stack = replace(STACK, spokes=(EDGE, PROXY, guarded, login))
    [check] = [c for c in checks(stack) if c.code == "CK309"]
    return check


def test_an_apps_own_redirect_is_not_taken_for_that_of_the_login() -> None:
    check, nobody = of_login(), answer(404, "no")
    login = answer(302, headers={"location": "https://login.home/?rd=http://web.home/shelf/&once=1"})
    again = answer(302, headers={"location": "https://login.home/?rd=http://web.home/shelf/&once=2"})
    own = answer(302, headers={"location": "/shelf/start"})
    assert decide(check, (nobody, login, again, again), {})[0] is Outcome.PASSED
    assert decide(check, (nobody, login, again, own), {}) == (
        Outcome.FAILED,
        "answered 302, to /shelf/start; the login itself answered 302, to https://login.home/",
    )


def test_an_apps_own_refusal_is_not_taken_for_that_of_the_login() -> None:
    check, nobody, login = of_login(), answer(404, "no"), answer(401, "who are you?")
    assert decide(check, (nobody, login, login, login), {})[0] is Outcome.PASSED
    assert decide(check, (nobody, login, login, answer(401, "not here")), {})[0] is Outcome.FAILED


@pytest.mark.parametrize(
    ("first", "second", "own"),
    [
        ("", "", ""),
        ("Unauthorized\n", "Unauthorized\n", "Unauthorized\n"),
        ("request 1", "request 2", "not here"),
    ],
)
def test_a_refusal_that_anybody_could_have_written_proves_no_login(first: str, second: str, own: str) -> None:
    seen = answer(404, "no"), answer(401, first), answer(401, second), answer(401, own)
    told = "answered 401: cannot tell the login's refusal from the app's own"
    assert decide(of_login(), seen, {}) == (Outcome.UNREACHABLE, told)


def test_who_is_asked_for_what_tells_the_logins_refusal_from_the_apps() -> None:
    def asks(how: str) -> Reply:
        return answer(401, headers={"www-authenticate": how} if how else {})

    check, nobody = of_login(), answer(404, "no")
    login = asks('Digest realm="home", nonce="1"'), asks('Digest realm="home", nonce="2"')
    own = asks('Digest realm="home", nonce="3"')
    assert decide(check, (nobody, *login, own), {})[0] is Outcome.PASSED
    for other in ("", 'Basic realm="home"', 'Digest realm="shelf", nonce="1"'):
        assert decide(check, (nobody, *login, asks(other)), {})[0] is Outcome.FAILED, other


def test_a_login_that_lets_everyone_in_proves_nothing() -> None:
    check, nobody, open_door = of_login(), answer(404, "no"), answer(200)
    assert decide(check, (nobody, open_door, open_door, answer(200)), {})[0] is Outcome.UNREACHABLE


def test_a_login_is_asked_as_the_edge_asks_it() -> None:
    [_, first, second] = [control.request for control in of_login().controls]
    assert (first.path, first.host, first.about) == ("/decide", "login:9091", "http://web.home/shelf/")
    assert replace(second, forwarded="") == first
