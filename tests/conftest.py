from __future__ import annotations

import signal

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no finding about what is tested.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# A shell that starts this run in the background ignores Ctrl-C for it and for all that it starts, and then no
# program under test could be interrupted.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens", action="store_true", help="write the golden files of tests/cases anew"
    )
