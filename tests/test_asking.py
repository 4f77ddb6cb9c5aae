"""What asking a healthcheck each `start_interval` owes: an early yes, never a no, and one at a time."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from stackctl.apply.asking import EXEC_DIE, Asking, argv_of, often
from stackctl.engine import Engine
from stackctl.model import Container
from stackctl.observe import container

SEEN: dict[str, Any] = json.loads((Path(__file__).parent / "observed" / "full.json").read_text())["inspect"]
NEVER = float("inf")


class Inside:
    """Stands for the Engine: tells what it was asked to start, and refuses where it is told to."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.refuses = refuses
        self.asked: list[tuple[str, ...]] = []

    def start_inside(self, container: str, argv: Sequence[str]) -> str:
        self.asked.append(tuple(argv))
        return "" if self.refuses else f"exec{len(self.asked)}"


def checked(*test: str, period: int = 3, **config: Any) -> Container:
    inspect = copy.deepcopy(SEEN)
    inspect["Config"] |= {
        "Healthcheck": {"Test": [*test], "StartPeriod": period * 10**9, "Timeout": 2 * 10**9},
        **config,
    }
    return container(inspect)


def ended(exec_id: str, code: int) -> dict[str, Any]:
    told = {"execID": exec_id, "exitCode": str(code)}
    return {"Action": EXEC_DIE, "Actor": {"ID": SEEN["Id"], "Attributes": told}, "timeNano": 0}


def asking(engine: Inside, every: float = 0.5) -> Asking:
    """Begun at 10 s, with a start period of 3 s."""
    found = Asking(cast(Engine, engine))
    found.begin(checked("CMD", "probe", "-q"), every, 10.0)
    return found


def test_it_is_asked_after_an_interval_and_a_zero_says_that_it_works() -> None:
    engine = Inside()
    asked = asking(engine)
    asked.go_on(10.4)
    assert (engine.asked, asked.due()) == ([], 10.5)
    asked.go_on(10.5)
    assert engine.asked == [("probe", "-q")]
    assert asked.works(ended("exec1", 0), 10.6) == SEEN["Id"]
    asked.go_on(11.9)
    assert (len(engine.asked), asked.due()) == (1, NEVER)


def test_who_does_not_work_yet_is_asked_again_until_its_start_period_is_over() -> None:
    engine = Inside()
    asked, at = asking(engine), []
    while (now := asked.due()) != NEVER:
        asked.go_on(now)
        if len(engine.asked) > len(at):
            at.append(now)
            assert asked.works(ended(f"exec{len(at)}", 1), now + 0.1) == ""
    assert [round(time, 3) for time in at] == [10.5, 11.1, 11.7, 12.3, 12.9]


def test_without_a_start_period_there_is_no_time_to_ask_in() -> None:
    engine = Inside()
    asked = Asking(cast(Engine, engine))
    asked.begin(checked("CMD", "probe", period=0), 0.5, 10.0)
    asked.go_on(10.5)
    assert (engine.asked, asked.due()) == ([], NEVER)


def test_nobody_is_asked_more_often_than_a_machine_bears() -> None:
    assert asking(Inside(), every=0.001).due() == 10.1


def test_one_that_hangs_is_the_last() -> None:
    engine = Inside()
    asked = asking(engine)
    asked.go_on(10.5)
    asked.begin(checked("CMD", "probe", "-q"), 0.5, 11.0)
    asked.go_on(12.0)
    assert (len(engine.asked), asked.due()) == (1, NEVER)


def test_the_engines_own_probes_a_refusal_and_an_earlier_run_say_nothing() -> None:
    engine = Inside()
    asked = asking(engine)
    asked.go_on(10.5)
    assert asked.works(ended("of the Engine", 0), 10.6) == ""
    asked.end(SEEN["Id"])
    assert asked.works(ended("exec1", 0), 10.7) == ""
    refused = asking(Inside(refuses=True))
    refused.go_on(10.5)
    assert refused.due() == NEVER
    assert refused.works(ended("", 0), 10.6) == ""


def test_nobody_is_asked_whom_the_engine_asks_as_soon() -> None:
    assert asking(Inside(), every=30.0).due() == NEVER


@pytest.mark.parametrize(("after", "counts"), [(1.9, True), (2.1, False)])
def test_an_answer_counts_if_it_came_within_the_timeout_whenever_it_is_read(
    monkeypatch: pytest.MonkeyPatch, after: float, counts: bool
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.0)
    engine = Inside()
    asked = asking(engine)
    asked.go_on(10.5)
    told = {**ended("exec1", 0), "timeNano": int((1_700_000_000 + after) * 1e9)}
    assert bool(asked.works(told, 300.0)) is counts


@pytest.mark.parametrize(
    ("declared", "seconds"),
    [
        ({"start_interval": "200ms"}, 0.2),
        ({"start_interval": "1m30s"}, 90.0),
        ({"start_interval": "${OFTEN}"}, 0.5),
        ({"start_interval": "${SELDOM:-3s}"}, 3.0),
        ({"interval": "10s"}, 0.0),
        ({}, 0.0),
    ],
)
def test_it_is_asked_as_often_as_its_manifest_states(declared: dict[str, str], seconds: float) -> None:
    assert often({"healthcheck": declared}, {"OFTEN": "500ms"}) == seconds


@pytest.mark.parametrize(
    ("test", "config", "argv"),
    [
        (("CMD", "a", "b"), {}, ("a", "b")),
        (("CMD-SHELL", "a | b"), {}, ("/bin/sh", "-c", "a | b")),
        (("CMD-SHELL", "a"), {"Shell": ["/bin/bash", "-ec"]}, ("/bin/bash", "-ec", "a")),
        (("NONE",), {}, ()),
        ((), {}, ()),
    ],
)
def test_a_healthcheck_is_run_as_the_engine_runs_it(
    test: tuple[str, ...], config: dict[str, Any], argv: tuple[str, ...]
) -> None:
    assert argv_of(checked(*test, **config)) == argv
