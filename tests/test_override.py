"""What differs on a host, and what is missing there."""

from __future__ import annotations

from stackctl.model import Host
from stackctl.override import on_host
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
