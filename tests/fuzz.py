"""Pages and manifests that nobody would write, for a number of seconds: `python -m tests.fuzz SECONDS [--atheris]`.

Reading must not raise, findings must have places, and adopting a page must keep every byte of it. What breaks that
is kept in tests/crashers/, where a test reads it ever after. Prints how many inputs were tried.
"""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from stackctl.adopt.pages import Page, made_up, taken
from stackctl.read.halves import read_half
from tests.test_read_any_text import LINES, MANIFESTS, WORDS, read_all

HERE = Path(__file__).parent
CRASHERS = HERE / "crashers"
MARK = b" (differs from what runs)"
BULLET_MARK = b"(differs from what runs) "

ODD_LINES = st.one_of(
    LINES,
    st.sampled_from(
        (
            "---\nimage: a\nnetworks: [b]\n---",
            "---",
            "| Setting | Value |\n|---|---|",
            "| **Image** | `a:1` |",
            "| Service | Image | Ports |\n|---|---|---|\n| a | b:1 | `1:1` |",
            "**Status:** a | **Image:** b | **Ports:** `1:1`",
            "Image: a:1",
            "## Volumes\n\n- `a:/b`",
            "> - **Network:** x",
            "```yaml\nenvironment: {A: 1}\nimage: b\n```",
            "\ufeff# A\r",
        )
    ),
    st.lists(WORDS, max_size=5).map(lambda words: "| " + " | ".join(words) + " |"),
)
PAGES = st.lists(ODD_LINES, max_size=25).map("\n".join)
ENCODINGS = st.sampled_from(("utf-8", "utf-16", "cp1252", "twice", "crlf"))


def encoded(text: str, how: str) -> bytes:
    if how == "crlf":
        return text.replace("\n", "\r\n").encode("utf-8", "surrogatepass")
    if how == "twice":
        return text.encode("utf-8", "replace").decode("cp1252", "replace").encode()
    return text.encode(how, "replace")


def one(page: bytes, manifest: bytes) -> None:
    """Everything that must hold of any two files."""
    read_all(page, manifest)
    half = read_half("spokes/a.yaml", manifest)
    adopted = taken(Page("notes/a.md", page), "a", half, "compose.yml:1")
    if adopted is not None:
        assert kept(page, adopted.data), "adopting a page lost a part of it"
    made = made_up("a", half, "compose.yml:1")
    assert read_half("spokes/a.md", made).title


def kept(before: bytes, after: bytes) -> bool:
    """Whether nothing but marks was added; a block of YAML may have become one of text."""
    if before == after:
        return True
    wide = before[:2] in (b"\xff\xfe", b"\xfe\xff")
    marks = [
        text.decode().encode("utf-16-le" if before[:2] == b"\xff\xfe" else "utf-16-be")
        for text in (MARK, BULLET_MARK)
    ]
    for mark in marks if wide else (MARK, BULLET_MARK):
        after = after.replace(mark, b"")
    same = (
        before.replace(b"yaml", b"text").replace(b"yml", b"text"),
        after.replace(b"yaml", b"text").replace(b"yml", b"text"),
    )
    return wide or same[0] == same[1] or same[0].replace(MARK, b"").replace(BULLET_MARK, b"") == same[1]


def with_hypothesis(seconds: float) -> int:
    """Tries inputs until the time is over; how many."""
    tried, last = 0, [b"", b""]
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:

        @seed(random.randrange(1 << 60))
        @settings(
            max_examples=200,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink),
        )
        @given(PAGES, ENCODINGS, MANIFESTS)
        def attempt(text: str, how: str, manifest: object) -> None:
            nonlocal tried
            tried += 1
            # After shrinking, the last one is the smallest that fails.
            last[:] = encoded(text, how), json.dumps(manifest).encode()
            one(*last)

        try:
            attempt()
        except BaseException:
            keep(b"\n\0\n".join(last))
            raise
    return tried


def with_atheris(seconds: int) -> int:
    """As before, led by what of the reader's code an input reaches; in a process of its own."""
    program = [
        sys.executable,
        str(HERE / "fuzz_atheris.py"),
        f"-max_total_time={seconds}",
        "-print_final_stats=1",
    ]
    CRASHERS.mkdir(exist_ok=True)
    words = [f"-artifact_prefix={CRASHERS}/", "-max_len=2000", "-rss_limit_mb=2048", "-timeout=20"]
    done = subprocess.run([*program, *words], capture_output=True, text=True, cwd=HERE.parent)
    told = [line for line in done.stderr.splitlines() if "number_of_executed_units" in line]
    assert done.returncode == 0, done.stderr[-4000:]
    return int(told[0].split()[-1]) if told else 0


def keep(both: bytes) -> None:
    CRASHERS.mkdir(exist_ok=True)
    (CRASHERS / f"crash-{hashlib.sha256(both).hexdigest()[:12]}").write_bytes(both)


def replay(crasher: Path) -> None:
    """Reads what once broke something."""
    page, _, manifest = crasher.read_bytes().partition(b"\n\0\n")
    one(page, manifest or b"image: a")


if __name__ == "__main__":
    wanted = int(sys.argv[1])
    print(with_atheris(wanted) if "--atheris" in sys.argv else with_hypothesis(wanted), "inputs tried")
