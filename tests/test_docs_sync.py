"""`docs sync` writes what follows from the files, and not one byte more."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackctl.commands.docs import sync
from stackctl.commands.opened import open_stack
from stackctl.commands.story import DocsAnswer, Ended
from stackctl.edit import Raw
from stackctl.edit.facts import Evidence, with_evidence, with_facts
from stackctl.edit.index import with_decisions, with_spokes
from stackctl.errors import Exit, StackctlError
from stackctl.lint.links import broken
from stackctl.records import FILE

PAGE = """# Web — Spoke

**Status:** 🟡 New
**Phase:** 1 — Apps
**Dependencies:** store

## Configuration

**Image:** `nginx:1.29`
**Networks:** proxy

## Runbook

### Start/Stop

```bash
stackctl up wed --profile old   # wakes it
docker compose stop web
```

## Testing

**Smoke test:** by hand

## Related

- **ADR:** [one](../adr/0001-one.md)
"""
STORE = """# Store — Spoke

**Image:** `redis:7`

## Runbook

### Logs

## Related

- **Dependents:** [Gone](gone.md), whatever else asks
- **Upstream docs:** https://redis.io

---

**Last updated:** 2026-01-01
**Last change fingerprint:** `TBD` (after the first run)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "spokes").mkdir()
    (tmp_path / "adr").mkdir()
    (tmp_path / "stack.yaml").write_text("name: s\n")
    (tmp_path / "spokes" / "web.md").write_text(PAGE)
    (tmp_path / "spokes" / "web.yaml").write_text(f"image: nginx:1.29@sha256:{'a' * 64}\n")
    (tmp_path / "spokes" / "store.md").write_text(STORE)
    (tmp_path / "adr" / "0001-one.md").write_text("# 1. One thing\n\nStatus: accepted\n")
    return tmp_path


def synced(root: Path, *, check: bool = False, evidence: bool = False) -> tuple[DocsAnswer, int]:
    story = sync(root, check=check, evidence=evidence)
    try:
        while True:
            next(story)
    except StopIteration as end:
        ended = end.value
    assert isinstance(ended, Ended)
    assert isinstance(ended.answer, DocsAnswer)
    return ended.answer, int(ended.exit_code)


def test_the_facts_stand_in_the_pages_and_everything_else_as_it_was(root: Path) -> None:
    assert synced(root)[1] == Exit.DONE
    digest = {name: f.digest for name, f in open_stack(root).bundle.fingerprints.items()}
    expected = PAGE.replace("`nginx:1.29`", f"`nginx:1.29@sha256:{'a' * 64}`")
    expected = expected.replace("stackctl up wed --profile old   #", "stackctl up web   #")
    expected += f"\n---\n\n**Last change fingerprint:** `{digest['web']}`\n"
    assert (root / "spokes" / "web.md").read_text() == expected
    expected = STORE.replace("[Gone](gone.md), whatever", "[Web](web.md), whatever")
    expected = expected.replace("`TBD` (after the first run)", f"`{digest['store']}`")
    start = "### Start/Stop\n\n```bash\nstackctl up store\nstackctl stop store\n```\n"
    expected = expected.replace("## Runbook\n", f"## Runbook\n\n{start}")
    assert (root / "spokes" / "store.md").read_text() == expected


def test_check_writes_nothing_and_says_what_is_pending(root: Path) -> None:
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    answer, code = synced(root, check=True)
    assert code == Exit.PENDING
    assert answer.changed == ("adr/README.md", "spokes/README.md", "spokes/store.md", "spokes/web.md")
    now = {
        path: path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".stackctl" not in path.parts
    }
    assert {p: b for p, b in before.items() if ".stackctl" not in p.parts} == now


def test_a_second_sync_finds_nothing_to_do(root: Path) -> None:
    synced(root)
    assert synced(root, check=True) == (DocsAnswer((), True, ()), Exit.DONE)
    assert open_stack(root).stack.spoke("web").recorded.fingerprint


def test_a_changed_manifest_makes_its_page_pending_and_no_other(root: Path) -> None:
    synced(root)
    with (root / "spokes" / "web.yaml").open("a") as manifest:
        manifest.write("environment: {A: b}\n")
    answer, code = synced(root, check=True)
    assert (answer.changed, code) == (("spokes/web.md",), Exit.PENDING)


def test_windows_lines_a_byte_order_mark_and_broken_encoding_stay(root: Path) -> None:
    page = root / "spokes" / "store.md"
    before = b"\xef\xbb\xbf" + STORE.encode().replace(b"whatever", b"caf\xe9").replace(b"\n", b"\r\n")
    page.write_bytes(before)
    synced(root)
    after = page.read_bytes()
    assert after.startswith(b"\xef\xbb\xbf# Store")
    assert b"\n" not in after.replace(b"\r\n", b"")
    assert b"[Web](web.md), caf\xe9 else asks\r\n" in after
    assert synced(root, check=True)[0].changed == ()


def test_evidence_is_written_from_the_records_and_never_compared(root: Path) -> None:
    synced(root)
    assert synced(root, evidence=True)[1] == Exit.DONE
    page = (root / "spokes" / "web.md").read_text()
    assert "**Status:** ⚪ Untested\n" in page
    assert "Last pass" not in page
    assert synced(root, check=True)[0].changed == ()
    raw = Raw("spokes/web.md", page.encode())
    told = Evidence("🟢 Proved", "2026-01-02 03:04 UTC, on `abc`", f"`{FILE}` (3 results)")
    after = with_evidence(raw, told).decode()
    assert "**Smoke test:** by hand\n**Last pass:** 2026-01-02 03:04 UTC, on `abc`\n**Artifacts:** `" in after
    again = with_evidence(Raw("spokes/web.md", after.encode()), told)
    assert again.decode() == after


def test_a_list_between_the_comments_is_replaced_and_the_words_around_it_stay(root: Path) -> None:
    stack = open_stack(root).stack
    first = with_spokes(None, stack).decode()
    assert first.index("## Phase 1 — Apps") < first.index("| [Web](web.md) |") < first.index("## No phase")
    assert "| [Store](store.md) | always | app | – | – |" in first
    around = first.replace("# Spokes of s\n", "# Mine\n\nRead this.\n") + "\nAnd this.\n"
    old = around.replace("[Web](web.md)", "[Old](old.md)")
    assert with_spokes(old.encode(), stack).decode() == around
    with pytest.raises(StackctlError, match=r"spokes/README\.md:3:1"):
        with_spokes(b"# Mine\n\n<!-- stackctl: spokes -->\n", stack)


def test_decisions_are_listed_with_their_titles_and_what_became_of_them() -> None:
    texts = {"adr/ADR-001-b.md": b"# B\n\n- **Status:** Superseded\n", "adr/0000-a.md": b"Status: Proposed\n"}
    listed = with_decisions(None, texts).decode().splitlines()
    assert listed[4:6] == ["- [0000-a.md](0000-a.md): Proposed", "- [B](ADR-001-b.md): Superseded"]


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("b.md", ""),
        ("./b.md#the-second-part", ""),
        ("#top", ""),
        ("../adr/0001.md", ""),
        ("../stack.yaml", ""),
        ("https://example.org/none.md", ""),
        ("mailto:a@b.c", ""),
        ("c.md", "SC820"),
        ("b.md#third", "SC820"),
        ("../adr/9999.md", "SC820"),
        ("../../elsewhere.md", "SC821"),
        ("/etc/passwd", "SC821"),
    ],
)
def test_a_link_that_leads_nowhere_has_a_place(target: str, code: str) -> None:
    texts = {
        "spokes/a.md": f"# Top\n\nSee `[x](no.md)` and [it]({target}).\n".encode(),
        "spokes/b.md": b"# B\n\n## The second part\n",
        "adr/0001.md": b"# One\n",
    }
    found = [(f.code, str(f.at)) for f in broken(texts, lambda path: path == "stack.yaml")]
    assert found == ([(code, "spokes/a.md:3:27")] if code else [])


def test_a_broken_link_fails_the_run_after_the_facts_are_written(root: Path) -> None:
    (root / "adr" / "0001-one.md").unlink()
    answer, code = synced(root)
    assert code == Exit.INVALID_FILES
    assert [f.code for f in answer.findings] == ["SC820"]
    assert open_stack(root).stack.spoke("store").recorded.fingerprint


def test_a_fact_is_found_again_by_the_reader_that_the_page_goes_through(root: Path) -> None:
    opened = open_stack(root)
    spoke = opened.stack.spoke("store")
    page = with_facts(Raw("spokes/store.md", STORE.encode()), opened.stack, opened.bundle, spoke)
    (root / "spokes" / "store.md").write_bytes(page)
    again = open_stack(root)
    assert again.bundle.fingerprints == opened.bundle.fingerprints
    assert again.stack.spoke("store").recorded.fingerprint == opened.bundle.fingerprints["store"].digest
