"""Evidence is bound to a fingerprint, survives a torn line, and is only ever added to."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stackctl import records
from stackctl.checks import checks
from stackctl.findings import Location
from stackctl.model import (
    Accept,
    Bundle,
    Check,
    Control,
    Edge,
    Expect,
    Fingerprint,
    Kind,
    Named,
    Observation,
    Outcome,
    Recorded,
    Request,
    Result,
    Route,
    Spoke,
    Stack,
    State,
)

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
DB = Spoke("db", Kind.APP, {"image": "db:1", "networks": {"proxy": None}})
WEB = Spoke("web", Kind.APP, {"image": "web:1", "depends_on": {"db": {"condition": "service_started"}}})
STACK = Stack("home", (DB, WEB), networks={"proxy": {"name": "home_proxy"}})


def bundle(**digests: str) -> Bundle:
    services = {
        spoke.name: {
            **spoke.service,
            "labels": {"stackctl.fingerprint": f"1.{digests.get(spoke.name, 'a' * 64)}"},
        }
        for spoke in STACK.spokes
    }
    prints = {spoke.name: Fingerprint(digests.get(spoke.name, "a" * 64), {}) for spoke in STACK.spokes}
    return Bundle({"services": services}, {}, prints)


def results(spoke: str, outcome: Outcome = Outcome.PASSED, stack: Stack = STACK) -> list[Result]:
    return [Result(check, outcome, "seen") for check in checks(stack) if check.spoke == spoke]


def state(stack: Stack, current: Bundle, *runs: tuple[Bundle, list[Result]]) -> State:
    past = [r for then, seen in runs for r in records.of_run(stack, then, seen, AT)]
    return records.states(stack, current, past)["web"].state


B, C = "b" * 64, "c" * 64


def test_states() -> None:
    passed, failed = results("web"), results("web", Outcome.FAILED)
    assert state(STACK, bundle()) is State.UNTESTED
    assert state(STACK, bundle(), (bundle(), passed)) is State.PROVED
    assert state(STACK, bundle(), (bundle(), failed)) is State.FAILING
    assert state(STACK, bundle(), (bundle(), results("web", Outcome.UNREACHABLE))) is State.FAILING
    assert state(STACK, bundle(), (bundle(), passed), (bundle(), failed)) is State.FAILING
    assert state(STACK, bundle(), (bundle(), failed), (bundle(), passed)) is State.PROVED
    assert state(STACK, bundle(web=B), (bundle(), passed)) is State.STALE
    assert state(STACK, bundle(web=B), (bundle(), failed)) is State.UNTESTED
    assert state(STACK, bundle(), (bundle(), passed), (bundle(web=B), failed)) is State.PROVED


def test_a_changed_dependency_makes_the_proof_stale() -> None:
    assert state(STACK, bundle(db=B), (bundle(db=C), results("web"))) is State.STALE
    assert state(STACK, bundle(db=B), (bundle(db=B), results("web"))) is State.PROVED


def test_a_check_that_was_added_since_is_not_proved() -> None:
    more = replace(WEB, checks=(Check("CK401", "web", "says hello", Observation("runs")),))
    assert state(replace(STACK, spokes=(DB, more)), bundle(), (bundle(), results("web"))) is State.STALE


def test_an_edge_is_asked_for_the_names_that_were_in_use_with_it_or_since() -> None:
    ports = [{"target": 80, "published": "80", "protocol": "tcp"}]
    edge = Spoke("web", Kind.EDGE, {"image": "edge:1", "networks": {"proxy": None}, "ports": ports})
    runs, extra = (
        Spoke(name, Kind.APP, {"image": "app:1"}, routes=(Route((f"{name}.stack.localhost",), 80),))
        for name in ("db", "extra")
    )
    stack = replace(STACK, edge=Edge.TRAEFIK, spokes=(edge, runs, extra))

    def of(**digests: str) -> Bundle:
        services = bundle(**digests).compose["services"]
        return replace(bundle(**digests), compose={"services": {**services, "extra": services["db"]}})

    current, other = of(), of(web=B)
    assert {c.code for c in checks(stack, current) if "http://extra" in c.title} == {"CK325"}

    def seen(*among: str) -> list[Result]:
        return [Result(check, Outcome.PASSED, "seen") for check in checks(stack, current, among)]

    everyone = (current, seen("web", "db", "extra"))
    without = (current, seen("web", "db"))
    alone = (current, [result for result in everyone[1] if result.check.spoke == "extra"])
    assert state(stack, current, everyone) is State.PROVED
    assert state(stack, current, without) is State.PROVED, "it never ran"
    assert state(stack, current, without, alone) is State.STALE, "it runs since"
    assert state(stack, current, alone, without) is State.PROVED, "it was gone again"
    assert state(stack, current, everyone, without) is State.PROVED, "it was gone again"
    # Another edge was asked for it, not this one.
    assert state(stack, current, without, alone, (other, everyone[1])) is State.STALE


def test_another_stack_of_the_same_spokes_proves_nothing() -> None:
    past = records.of_run(replace(STACK, name="other"), bundle(), results("web"), AT)
    assert records.states(STACK, bundle(), past)["web"].state is State.UNTESTED


def test_what_needs_a_spoke_that_was_stopped_tells_nothing_of_the_change() -> None:
    asks = Request("proxy", Named("db", 5432))
    found = Control(Request("proxy", Named("cache", 80)), Expect(), "cache is found there")
    within = Request("container:job", Named("127.0.0.1", 80))
    for check in (
        Check("CK401", "web", "asks db", asks),
        Check("CK401", "web", "asks cache first", Request("proxy", Named("web", 80)), controls=(found,)),
        Check("CK401", "web", "asks within job", within),
    ):
        passed, dark = Result(check, Outcome.PASSED, ""), Result(check, Outcome.UNREACHABLE, "does not run")
        past = records.of_run(STACK, bundle(), [passed], AT)
        assert records.turned(STACK, bundle(), past, [dark], {"web"}) == (dark,)
        stopped = {"db", "cache", "job"}
        assert records.turned(STACK, bundle(), past, [dark], {"web"}, stopped=stopped) == ()
        # A spoke may have the name of the network from which is asked.
        for others in ({"other"}, {"proxy"}):
            assert records.turned(STACK, bundle(), past, [dark], {"web"}, stopped=others) == (dark,)


def test_an_accepted_failure_holds_as_long_as_it_is_accepted() -> None:
    seen = [
        replace(result, outcome=Outcome.FAILED) if result.check.code == "CK103" else result
        for result in results("web")
    ]
    assert state(STACK, bundle(), (bundle(), seen)) is State.FAILING
    accepting = replace(WEB, accept=(Accept("CK103", "until friday", Location("spokes/web.yaml")),))
    assert state(replace(STACK, spokes=(DB, accepting)), bundle(), (bundle(), seen)) is State.PROVED


@pytest.mark.parametrize(
    ("recorded", "is_documented"),
    [
        ("a" * 64, True),
        ("a" * 12, True),
        ("sha256:" + "a" * 64, True),
        ("1." + "a" * 64, True),
        ("a" * 11, False),
        ("b" * 64, False),
        ("TBD", False),
        ("", False),
    ],
)
def test_documented(recorded: str, is_documented: bool) -> None:
    page = replace(WEB, recorded=Recorded(fingerprint=recorded))
    assert records.documented(page, bundle()) is is_documented


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    records.append(tmp_path, STACK, bundle(), [*results("web"), *results("db")], AT)
    records.append(tmp_path, STACK, bundle(), results("web", Outcome.FAILED), AT)
    history = records.read(tmp_path)
    assert [(r.spoke, r.at) for r in history.records] == [
        ("web", "2026-11-21T09:30:00+00:00"),
        ("db", "2026-11-21T09:30:00+00:00"),
        ("web", "2026-11-21T09:30:00+00:00"),
    ]
    assert history.records[:2] == records.of_run(STACK, bundle(), [*results("web"), *results("db")], AT)
    assert not history.torn
    file = tmp_path / records.FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_nothing_is_recorded_of_nothing(tmp_path: Path) -> None:
    records.append(tmp_path, STACK, bundle(), [], AT)
    assert not (tmp_path / records.FILE).exists()
    assert records.read(tmp_path) == records.History(())


@pytest.mark.parametrize("cut", [1, 10, 200])
def test_a_torn_last_line_is_set_aside_and_swallows_nothing(tmp_path: Path, cut: int) -> None:
    records.append(tmp_path, STACK, bundle(), results("web"), AT)
    records.append(tmp_path, STACK, bundle(), results("db"), AT)
    file = tmp_path / records.FILE
    # Cutting only the end of the line leaves a whole record, which counts.
    file.write_bytes(file.read_bytes()[: -1 - cut])
    history = records.read(tmp_path)
    assert [r.spoke for r in history.records] == ["web"]
    assert "line 2" in history.torn
    records.append(tmp_path, STACK, bundle(), results("db"), AT)
    assert [r.spoke for r in records.read(tmp_path).records] == ["web", "db"]


@pytest.mark.parametrize("line", [b"null", b"[]", b"{}", b"\xff\xfe", b'{"schema": 2}', b'"x"', b"1"])
def test_what_is_no_record_is_set_aside(tmp_path: Path, line: bytes) -> None:
    records.append(tmp_path, STACK, bundle(), results("web"), AT)
    with (tmp_path / records.FILE).open("ab") as file:
        file.write(line + b"\n")
    history = records.read(tmp_path)
    assert [r.spoke for r in history.records] == ["web"]
    assert "line 2" in history.torn


def test_a_renamed_spoke_takes_its_history_along_and_leaves_what_came_later(tmp_path: Path) -> None:
    records.rename(tmp_path, "home", "web", "site", AT)
    assert not (tmp_path / ".stackctl").exists()
    records.append(tmp_path, STACK, bundle(), [*results("web"), *results("db")], AT)
    records.rename(tmp_path, "home", "web", "site", AT)
    records.rename(tmp_path, "home", "db", "store", AT)
    records.rename(tmp_path, "other", "site", "nothing", AT)
    records.append(tmp_path, STACK, bundle(), results("web"), AT)
    history = records.read(tmp_path)
    assert history.torn == ""
    assert [record.spoke for record in history.records] == ["site", "store", "web"]
    assert set(history.records[0].depends) == {"store"}
    assert set(history.records[2].depends) == {"db"}


def test_a_spoke_is_known_by_every_name_that_it_had(tmp_path: Path) -> None:
    assert records.former_names(tmp_path, "home", "c") == ()
    records.rename(tmp_path, "home", "a", "b", AT)
    assert not (tmp_path / ".stackctl").exists()
    (tmp_path / ".stackctl").mkdir()
    for stack, old, new in (("home", "a", "b"), ("other", "x", "c"), ("home", "b", "c"), ("home", "y", "z")):
        records.rename(tmp_path, stack, old, new, AT)
    assert records.former_names(tmp_path, "home", "c") == ("b", "a")
    assert records.former_names(tmp_path, "home", "x") == ()
