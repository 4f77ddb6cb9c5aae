"""Two folders with one name are told apart before one takes over what the other runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackctl.commands.opened import elsewhere, expect_ours
from stackctl.errors import StackctlError
from stackctl.model import Container, Observed


def observed(folder: str) -> Observed:
    labels = {"com.docker.compose.project.working_dir": folder} if folder else {}
    container = Container("1", "s-web-1", "", "", "running", "", 0, 0, labels, {}, (), ())
    return Observed("s", (container,))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "stack.yaml").write_text("name: s\n")
    return tmp_path / "one", tmp_path / "other"


def test_what_another_stacks_folder_runs_is_not_taken_over(folders: tuple[Path, Path]) -> None:
    one, other = folders
    with pytest.raises(StackctlError, match=r"from .*other") as error:
        expect_ours(observed(str(other)), one)
    assert "another `name`" in error.value.hint


def test_ones_own_folder_by_any_name_of_it_is_no_other(folders: tuple[Path, Path], tmp_path: Path) -> None:
    one, _ = folders
    (tmp_path / "link").symlink_to(one)
    assert elsewhere(observed(str(one)), tmp_path / "link") == ""
    assert elsewhere(observed(""), one) == ""


def test_a_folder_that_was_moved_or_holds_no_stack_is_no_other(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    one, _ = folders
    (tmp_path / "compose-only").mkdir()
    assert elsewhere(observed(str(tmp_path / "gone")), one) == ""
    assert elsewhere(observed(str(tmp_path / "compose-only")), one) == ""
