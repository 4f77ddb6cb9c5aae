"""Where a digest is written, when page and manifest may both state the image."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from stackctl.edit.image import with_digest
from stackctl.read.stack import read_stack
from stackctl.verify import candidate

OLD, NEW = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
STACK = {"stack.yaml": b"name: s\n"}


@pytest.mark.parametrize(
    ("page", "manifest", "changed", "line"),
    [
        ("", "image: app:1 # x", "spokes/app.yaml", f"image: app:1@{NEW} # x"),
        ("", f'image: "app:1@{OLD}"', "spokes/app.yaml", f'image: "app:1@{NEW}"'),
        ("**Image:** `app:1`", "kind: app", "spokes/app.md", f"**Image:** `app:1@{NEW}`"),
        (f"**Image:** `app:1@{OLD}` — it", "", "spokes/app.md", f"**Image:** `app:1@{NEW}` — it"),
        ("**Image:** `app:1`", "image: app:1", "spokes/app.yaml", f"image: app:1@{NEW}"),
        (f"**Image:** `app:1@{OLD}`", "image: app:1", "spokes/app.md", f"**Image:** `app:1@{NEW}`"),
        (
            f"**Image:** `app:1`\n\n### Fingerprint Inputs\n\n- Image digest: `app@{OLD}`",
            "kind: app",
            "spokes/app.md",
            f"- Image digest: `app@{NEW}`",
        ),
    ],
)
def test_the_digest_stands_where_one_stood_before_else_in_the_manifest(
    page: str, manifest: str, changed: str, line: str
) -> None:
    texts = dict(STACK)
    if page:
        texts["spokes/app.md"] = f"# App — Spoke\n\n## Configuration\n\n{page}\n".encode()
    if manifest:
        texts["spokes/app.yaml"] = f"{manifest}\n".encode()
    stack = read_stack(texts).stack
    assert stack is not None
    after = with_digest(texts, stack.spoke("app"), NEW)
    assert set(after) == {changed}
    assert line in after[changed].decode().splitlines()
    again = read_stack({**texts, **after})
    assert again.stack is not None
    assert again.stack.spoke("app").image == f"app:1@{NEW}"
    assert not [f for f in again.findings if f.blocks]


def test_both_change_where_both_state_a_digest() -> None:
    texts = {
        **STACK,
        "spokes/app.md": f"# App — Spoke\n\n**Image:** `app:1@{OLD}`\n".encode(),
        "spokes/app.yaml": f"image: app:1@{OLD}\n".encode(),
    }
    stack = read_stack(texts).stack
    assert stack is not None
    assert set(with_digest(texts, stack.spoke("app"), NEW)) == {"spokes/app.md", "spokes/app.yaml"}


def test_a_copy_that_dies_after_its_start_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    states = [{"Running": True, "ExitCode": 0}, {"Running": False, "ExitCode": 3}]
    api = SimpleNamespace(
        inspect_container=lambda _: {"State": states.pop(0)}, logs=lambda _, tail: b"no db\n"
    )
    run: Any = SimpleNamespace(probing=SimpleNamespace(sdk=SimpleNamespace(api=api)))
    assert candidate._ready(run, "copy") == "it ended with exit code 3 (no db)"
    states += [{"Running": True, "ExitCode": 0}] * 3
    monkeypatch.setattr(candidate, "_STEADY", 0.1)
    assert candidate._ready(run, "copy") == ""
