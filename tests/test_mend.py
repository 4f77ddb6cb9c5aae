"""`lint --fix` changes how something is written, never what it means."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackctl import files
from stackctl.edit.mend import mend
from stackctl.findings import Finding
from stackctl.read.stack import read_stack

CASES = sorted(path for path in (Path(__file__).parent / "cases").iterdir() if path.is_dir())
STACK = {"stack.yaml": b"name: s\n"}


def mended(name: str, data: bytes) -> bytes:
    after, _ = mend({**STACK, name: data})
    return after.get(name, data)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("image: a:1\r\ncommand: cafÃ© â€” x\r\n", "image: a:1\r\ncommand: café — x\r\n"),
        ("image: a:1\nmem_limit: 1g\nmem_limit: 1g", "image: a:1\nmem_limit: 1g\n"),
        ("image: a:1\nnetworks: [other_proxy]\n", "image: a:1\nnetworks: [s_proxy]\n"),
        ("image: a:1\nmem_limit: 1g\nmem_limit: 2g\n", "image: a:1\nmem_limit: 1g\nmem_limit: 2g\n"),
        ("image: a:1\nenviroment: {A: 1}\n", "image: a:1\nenviroment: {A: 1}\n"),
    ],
)
def test_what_is_safe_is_mended_and_nothing_else(before: str, after: str) -> None:
    assert mended("spokes/a.yaml", before.encode()) == after.encode()


def test_one_byte_and_two_byte_encodings_become_utf_8() -> None:
    assert (
        mended("spokes/a.yaml", b"image: a:1\ncommand: caf\xe9\n") == "image: a:1\ncommand: café\n".encode()
    )
    wide = "image: a:1\ncommand: café\n"
    assert mended("spokes/a.yaml", b"\xff\xfe" + wide.encode("utf-16-le")) == wide.encode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Expected: `403 Forbidden` or connection refused.", "Expected: `403 Forbidden`."),
        ("Expected: 403, or a timeout", "Expected: 403"),
        ("**Expected:** 403 or no answer", "**Expected:** 403"),
        ("Expected: connection refused", "Expected: connection refused"),
    ],
)
def test_an_alternative_that_proves_nothing_is_taken_out(before: str, after: str) -> None:
    page = (
        "# A\n\n**Image:** `tecnativa/docker-socket-proxy:1`\n**Networks:** socket\n\n## Runbook\n\n### Verify It\n\n"
        "```bash\ndocker run --rm --network s_socket x curl http://a:2375/images/json\n```\n\n{}\n"
    )
    assert mended("spokes/a.md", page.format(before).encode()) == page.format(after).encode()


@pytest.mark.parametrize("folder", CASES, ids=lambda p: p.name)
def test_mending_leaves_no_new_finding_and_a_second_run_nothing_to_do(folder: Path) -> None:
    texts = files.load(folder)
    after, _ = mend(texts)
    now = {**texts, **after}

    def told(found: tuple[Finding, ...]) -> set[tuple[str, str]]:
        return {(f.code, f.at.file) for f in found}

    assert told(read_stack(now).findings) <= told(read_stack(texts).findings)
    assert mend(now) == ({}, ())
