"""`stackctl version`: of the program and of what it works with."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path

from stackctl import __version__
from stackctl.commands.story import Ended, Story, VersionAnswer
from stackctl.compose import Compose
from stackctl.engine import Engine
from stackctl.errors import StackctlError


def version(environ: Mapping[str, str]) -> Story:
    """What does not answer is said, and is no failure."""
    yield from ()
    engine = endpoint = compose = ""
    trouble: list[str] = []
    try:
        with Engine.connect(environ) as connected:
            engine, endpoint = connected.version, connected.endpoint.url
    except StackctlError as error:
        trouble.append(error.message)
    try:
        compose = Compose("", Path.cwd(), environ).check()
    except StackctlError as error:
        trouble.append(error.message)
    return Ended(
        VersionAnswer(__version__, platform.python_version(), engine, endpoint, compose, tuple(trouble))
    )
