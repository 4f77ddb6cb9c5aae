"""The program that atheris drives: a page, a line of zeros, a manifest."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent.parent))
with atheris.instrument_imports(include=["stackctl.read", "stackctl.adopt", "stackctl.lint"]):
    from tests.fuzz import one

CASES = Path(__file__).parent / "cases"


def attempt(data: bytes) -> None:
    page, _, manifest = data.partition(b"\n\0\n")
    one(page, manifest or b"image: a")


def corpus() -> str:
    """Every page and manifest of the cases, to begin with."""
    folder = Path(tempfile.mkdtemp(prefix="stackctl-fuzz-"))
    for number, path in enumerate(sorted(CASES.glob("**/*.md"))[:200]):
        (folder / str(number)).write_bytes(path.read_bytes()[:2000])
    for number, path in enumerate(sorted(CASES.glob("**/spokes/*.yaml"))[:200]):
        (folder / f"m{number}").write_bytes(b"# A\n\n**Image:** a\n\0\n" + path.read_bytes()[:1500])
    return str(folder)


if __name__ == "__main__":
    atheris.Setup([*sys.argv, corpus()], attempt)
    atheris.Fuzz()
