"""What differs on a host, and what is missing there."""

from __future__ import annotations

import pytest

from stackctl.model import Host
from stackctl.override import lacks_start_interval, on_host
from stackctl.read.stack import read_stack
from stackctl.render import render

PINNED = "@sha256:" + "0123456789abcdef" * 4


def test_a_variable_that_nothing_defines_is_told_where_it_stands() -> None:
    reading = read_stack(
        {
            "stack.yaml": b"name: homelab\nsecrets: {token: {file: '${FOLDER}/token'}}\n",
            "spokes/a.yaml": f"image: a{PINNED}\nuser: ${{UID}}\ncommand: [x, '${{TAG}}']\n".encode(),
        }
    )
    assert reading.stack is not None
    found = on_host(reading.stack, render(reading.stack), Host(variables={"UID": "1"}), "/s").findings
    assert [(f.code, str(f.at), f.spoke) for f in found] == [
        ("SC601", "spokes/a.yaml:3:14", "a"),
        ("SC601", "stack.yaml:2:19", ""),
    ]
    known = Host(variables={"UID": "1", "TAG": "x", "FOLDER": "/f"})
    assert on_host(reading.stack, render(reading.stack), known, "/s").findings == ()


STARTS = """image: a{pin}
healthcheck: {{test: [CMD, "true"], interval: 30s, start_period: 60s, start_interval: {often}}}
"""


def stated(engine_version: str, often: str = "1s") -> tuple[str, object]:
    """The override's text, and the interval that the Engine is told."""
    spoke = STARTS.format(pin=PINNED, often=often).encode()
    stack = read_stack({"stack.yaml": b"name: homelab\n", "spokes/a.yaml": spoke}).stack
    assert stack is not None
    host = Host(no_start_interval=lacks_start_interval(engine_version))
    found = on_host(stack, render(stack), host, "/s")
    return found.text({}), found.stanzas["a"]["healthcheck"].get("start_interval")


@pytest.mark.parametrize("version", ["20.10.24+dfsg1", "24.0.9"])
def test_an_engine_too_old_for_start_interval_is_not_told_of_it_and_of_all_else(version: str) -> None:
    text, told = stated(version)
    assert told is None
    assert "healthcheck: !override" in text
    assert 'start_period: "60s"' in text
    assert "start_interval" not in text


@pytest.mark.parametrize("version", ["25.0.0", "26.1.5+dfsg1", "dev", ""])
def test_every_other_engine_is_told(version: str) -> None:
    text, told = stated(version)
    assert (told, "healthcheck" in text) == ("1s", False)
