"""What going back says of itself is what is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stackctl import good
from stackctl.commands.back import _verified
from stackctl.commands.good_state import expect_images
from stackctl.commands.rollback import rollback
from stackctl.errors import StackctlError
from stackctl.files import load
from stackctl.good import Good
from stackctl.journal import Begun, Unfinished
from stackctl.model import Check, Observation, Observed, Outcome, Result
from tests.command_line import written

KEPT = Good(3, "", "", {"app": "sha256:old"}, {}, {}, (), {}, Path())


def expect(reference: str, **images: str) -> None:
    view: Any = SimpleNamespace(on_host=SimpleNamespace(stanzas={"app": {"image": reference}}))
    observed = replace(Observed("s", ()), images=dict(images))
    expect_images(KEPT, view, observed, ("app", "other"))


def test_another_image_does_not_run_in_the_place_of_one_that_is_gone() -> None:
    with pytest.raises(StackctlError, match="image of app in the good state 3 is not on the Engine"):
        expect("app:1", **{"app:1": "sha256:new"})
    with pytest.raises(StackctlError, match="not on the Engine"):
        expect("app:1")
    expect("app:1", **{"app:1": "sha256:new", "sha256:old": "sha256:old"})
    expect("app@sha256:abc")


def test_a_state_of_which_checks_do_not_hold_is_not_called_verified() -> None:
    check = Check("CK401", "app", "it answers", Observation(""))
    fine, bad = (Result(check, outcome, "") for outcome in (Outcome.PASSED, Outcome.FAILED))
    assert _verified((fine,)) == " and was verified"
    assert "1 of its 2 checks do not hold" in _verified((fine, bad))


@pytest.mark.parametrize(
    ("left", "says"),
    [
        (None, "declined; nothing was changed"),
        (Unfinished(Begun("up", "", {}, {})), "declined; nothing else was changed"),
    ],
)
def test_who_declines_after_a_killed_run_was_cleared_away_is_not_told_that_nothing_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: Unfinished | None, says: str
) -> None:
    root = written(tmp_path)
    (root / "spokes" / "web.yaml").write_text(f"image: nginx@sha256:{'a' * 64}\nnetworks: [proxy]\n")
    parts = {"files": load(root), "mounted": {}}
    good.keep(root, good.Seen("", "", {"web": "sha256:old"}, {}, parts))
    replaced = {
        "local_engine": lambda _: None,
        "observe": lambda _, name: Observed(name, ()),
        "unfinished": lambda _: left,
        "cleared": lambda *_: iter(()),
    }
    for name, instead in replaced.items():
        monkeypatch.setattr(f"stackctl.commands.rollback.{name}", instead)
    no: Any = {"confirm": lambda _: False, "expose": lambda _: True, "environ": {}, "held": None}
    with pytest.raises(StackctlError) as declined:
        list(rollback(root, (), to=0, verify=False, **no))
    assert declined.value.message == says
