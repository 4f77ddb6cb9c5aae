"""A backup leaves what it copies as it was, or says that it could not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from stackctl.apply.backup import _paused
from stackctl.errors import StackctlError
from stackctl.process import Completed


def test_a_container_that_stays_paused_is_told_of() -> None:
    compose: Any = SimpleNamespace(
        docker=lambda *words: Completed(words, int("unpause" in words), "", "gone", 0.0)
    )
    container: Any = SimpleNamespace(running=True, id="1", name="s-db-1", spoke="db")
    with pytest.raises(StackctlError, match="db is still paused") as error, _paused(compose, container):
        pass
    assert error.value.hint == "`docker unpause s-db-1`"
