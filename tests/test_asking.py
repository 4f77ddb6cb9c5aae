"""A healthcheck asked ahead of the Engine owes: an early yes, never a no, and one asking at a time."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from stackctl.apply.asking import EXEC_DIE, Asking, argv_of
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


def checked(*test: str, **config: Any) -> Container:
    inspect = copy.deepcopy(SEEN)
    inspect["Config"] |= {"Healthcheck": {"Test": [*test]}, **config}
    return container(inspect)


def ended(exec_id: str, code: int) -> dict[str, Any]:
    told = {"execID": exec_id, "exitCode": str(code)}
    return {"Action": EXEC_DIE, "Actor": {"ID": SEEN["Id"], "Attributes": told}}


def asking(engine: Inside) -> Asking:
    found = Asking(cast(Engine, engine))
    found.begin(checked("CMD", "probe", "-q"), 10.0)
    return found


def test_it_is_asked_at_once_and_a_zero_says_that_it_works() -> None:
    engine = Inside()
    asked = asking(engine)
    assert engine.asked == [("probe", "-q")]
    assert asked.answered(ended("exec1", 0), 10.1) == SEEN["Id"]
    asked.go_on(100.0)
    assert len(engine.asked) == 1


def test_who_does_not_work_yet_is_asked_again_later_and_later() -> None:
    engine = Inside()
    asked, now, waited = asking(engine), 10.0, []
    for number in range(1, 9):
        assert asked.answered(ended(f"exec{number}", 1), now) == ""
        waited.append(round(asked.due() - now, 3))
        now = asked.due()
        asked.go_on(now - 0.01)
        assert len(engine.asked) == number
        asked.go_on(now)
    assert waited == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_one_that_hangs_is_the_last() -> None:
    engine = Inside()
    asked = asking(engine)
    asked.begin(checked("CMD", "probe", "-q"), 11.0)
    asked.go_on(1000.0)
    assert (len(engine.asked), asked.due()) == (1, NEVER)


def test_the_engines_own_probes_and_a_refusal_say_nothing() -> None:
    engine = Inside()
    asked = asking(engine)
    assert asked.answered(ended("of the Engine", 0), 10.1) == ""
    refused = asking(Inside(refuses=True))
    assert refused.due() == NEVER
    assert refused.answered(ended("", 0), 10.1) == ""


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
