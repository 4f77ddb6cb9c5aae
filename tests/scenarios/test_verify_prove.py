"""Every check is killed by its mutation; one that is not is called vacuous."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from stackctl.checks import checks
from stackctl.engine import Engine
from stackctl.events import Checked
from stackctl.model import Check, Kind, Observed, Outcome, Result, Wanted
from stackctl.observe import in_full, observe
from stackctl.plan import deviations
from stackctl.verify.mutations import prove
from tests.relay import relay
from tests.rights_page import rights
from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.probed import ProbedStack, outsider, probers, running
from tests.scenarios.recorded import recorded

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PROXY = "docker-socket-proxy"


@pytest.fixture(scope="module")
def right(room: EngineRoom, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProbedStack]:
    with running(room, tmp_path_factory.mktemp("right")) as probed:
        yield probed


def proved(probed: ProbedStack, wanted: list[Check]) -> list[Result]:
    with Engine.connect() as engine:
        observed = in_full(engine, observe(engine, probed.name))
        image = probed.room.image("python")
        events = list(
            prove(wanted, probed.stack, probed.bundle, observed, engine, image, partial(compared, probed))
        )
    assert not probers(probed.room, probed.name)
    networks = probed.room.docker("network", "ls", "-q", "--filter", f"label=stackctl.prober={probed.name}")
    assert not networks
    return [event.result for event in events if isinstance(event, Checked)]


def compared(probed: ProbedStack, observed: Observed) -> Observed:
    """As `verify` does it: what each container is, beside what its spoke declares."""
    stanzas = probed.bundle.compose["services"]
    wanted = {
        name: Wanted(stanza, "", observed.image_id(stanza["image"])) for name, stanza in stanzas.items()
    }
    return replace(observed, deviations=deviations(probed.stack, probed.bundle, wanted, observed))


def test_every_shipped_check_is_killed(right: ProbedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = list(checks(right.stack, right.bundle))
    with relay(writes=True) as asked, monkeypatch.context() as there:
        there.setenv("DOCKER_HOST", asked.url)
        results = proved(right, wanted)
    assert recorded(asked.requests).own == rights("`verify --prove`").own
    assert len(results) == len(wanted)
    assert {
        f"{r.check.code} {r.check.title}": r.saw for r in results if r.outcome is not Outcome.PASSED
    } == {}
    assert all(r.saw.startswith("turned red: ") for r in results)


def test_a_job_that_ended_badly_is_noticed(right: ProbedStack) -> None:
    spokes = tuple(replace(s, kind=Kind.JOB) if s.name == "whoami" else s for s in right.stack.spokes)
    stack = replace(right.stack, spokes=spokes)
    wanted = [c for c in checks(stack, right.bundle) if c.spoke == "whoami" and c.code == "CK102"]
    (result,) = proved(replace(right, stack=stack), wanted)
    assert (result.outcome, result.saw) == (Outcome.PASSED, "turned red: stopped with exit code 1")


def test_a_check_that_cannot_fail_is_called_vacuous(right: ProbedStack) -> None:
    (creation,) = [c for c in checks(right.stack, right.bundle) if c.code == "CK201"]
    anything = replace(creation, expect=replace(creation.expect, statuses=frozenset(range(100, 600))))
    (result,) = proved(right, [anything])
    assert result.outcome is Outcome.FAILED
    assert not result.holds
    assert result.saw.startswith("vacuous: stays green")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("CK206", ("--network", "{socket}")),
        ("CK207", ("--network", "container:{proxy}")),
        ("CK221", ("--cap-add", "NET_ADMIN")),
        ("CK221", ("--pid", "host")),
        ("CK221", ("--network", "host")),
        ("CK222", ("--publish", "127.0.0.1::2375")),
    ],
)
def test_who_should_not_be_there_is_found(right: ProbedStack, code: str, words: tuple[str, ...]) -> None:
    names = {"socket": right.network("socket"), "proxy": right.container(PROXY)}
    (wanted,) = [c for c in checks(right.stack, right.bundle) if c.code == code]
    with outsider(right.room, *(word.format(**names) for word in words)) as name:
        ((outcome, saw),) = right.observed([wanted])
    assert outcome is Outcome.FAILED
    assert name in saw
