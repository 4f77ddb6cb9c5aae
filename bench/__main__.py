"""One table of ratios from one run. Exit code 7 where a bar does not hold."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from bench import edges, stacks
from bench.asked import asked_by
from bench.audit import audit
from bench.cold import CHAIN, HURRIED_CHAIN, LEVELS, SHORT_CHAIN, cold
from bench.measure import Idle, Ratio, Run, Session
from bench.shown import Seen, document, machine, page, table

HERE = Path(__file__).parent
PYTHON = sys.executable
STACKCTL = str(Path(sys.executable).parent / "stackctl")
PREFIX = "stackctl-bench-"
PROXY = (
    "tecnativa/docker-socket-proxy:v0.4.2"
    "@sha256:1f3a6f303320723d199d2316a3e82b2e2685d86c275d5e3deeaf182573b47476"
)

IMAGES = {
    "docker-socket-proxy": PROXY,
    "traefik": "traefik:v3.7.1",
    "caddy": "caddy:2.10.2-alpine",
    "whoami": stacks.WHOAMI,
}

RATIOS = (
    Ratio("start", "stackctl --version", "import typer", 1.5),
    Ratio("manifests", "render, cached", "YAML alone", 1.3),
    Ratio("manifests", "render, cold", "YAML alone", 1.3),
    Ratio("pages", "render pages, cached", "YAML alone", 1.3),
    # What is measured against reads the manifests only, so here half of the text is read for nothing.
    Ratio("pages", "render pages, cold", "YAML alone", 1.3, later=True),
    Ratio("reading", "read 1,000 spokes", "libraries alone", 2.0),
    Ratio("reading", "read 1,000 again", "read 1,000 spokes", 0.3),
    # Four times the files in four times the time, and the noise of a machine.
    Ratio("reading", "read 1,000 spokes", "read 250 spokes", 5.0),
    Ratio("no-op", "stackctl up", "compose up --wait", 0.35),
    Ratio("no-op", "stackctl up", "compose up", 2.0),
    Ratio("no-op", "stackctl plan", "compose up", 2.0),
    # The first time after something moved; from then on, what was found is told from memory.
    Ratio("no-op", "stackctl up, in full", "compose up --wait", 0.35, later=True),
    Ratio("chain", "up, chain of 5", "compose, chain of 5", 0.15),
    Ratio("plans", "plan, 1000 spokes", "plan, 50 spokes", 22.0, less="--version"),
    Ratio("plans", "plan, 200 spokes", "plan, 50 spokes", 4.4, less="--version"),
    Ratio(CHAIN, "stackctl up", "compose up --wait", 0.75),
    Ratio(HURRIED_CHAIN, "stackctl up", "compose up --wait", 0.75),
    # Of each second that passes there the Engine itself takes most (adr/0023).
    Ratio(SHORT_CHAIN, "stackctl up", "compose up --wait", 0.75, later=True),
    Ratio(LEVELS, "stackctl up", "compose up --wait", 1.1),
    Ratio("graph", "graph of 60 spokes", "lint of 60 spokes", 1000.0, more=True),
    Ratio("audit", "request phase", "bare loop", 1.5),
    Ratio("audit", "audit", "docker run", 5.0),
    *edges.RATIOS,
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("cases", nargs="*", help=f"only these of: {', '.join(CASES)}")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a hint, not a measurement")
    parser.add_argument("--json", action="store_true", help="every number that was taken")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the table as a page of markdown")
    asked = parser.parse_args()
    if unknown := [name for name in asked.cases if name not in CASES]:
        parser.error(f"no such case: {', '.join(unknown)}")
    if asked.write and asked.cases:
        parser.error("a page holds all cases: leave them out, or --write")
    began = time.monotonic()
    session = Session(rounds=3 if asked.quick else 15)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as work:
        for name, case in CASES.items():
            if not asked.cases or name in asked.cases:
                print(f"bench: {name}, after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
                case(session, Path(work) / name, asked.quick)
    measured = [session.ratio(ratio) for ratio in RATIOS if ratio.case in session.raw]
    seen = Seen(machine(session, time.monotonic() - began), measured, session.idle, session.asked)
    if asked.write:
        asked.write.write_text(page(seen))
    print(json.dumps(document(seen, session.raw), indent=1) if asked.json else table(seen))
    changed = session.idle and session.idle.changes
    asks_more = session.asked and not session.asked.holds
    return 7 if changed or asks_more or any(not m.holds and not m.ratio.later for m in measured) else 0


# ---- cases


def start(session: Session, _: Path, __: bool) -> None:
    session.interleaved(
        "start",
        (
            Run("stackctl --version", [STACKCTL, "--version"], HERE),
            Run("import typer", [PYTHON, "-c", "import typer"], HERE),
        ),
    )


def render(session: Session, root: Path, _: bool, *, pages: bool = False, spokes: int = 200) -> None:
    stacks.to_render(root, spokes, pages=pages)
    stackctl(root, "render")
    compose = root / "docker-compose.yml"
    rendered, again = root / "rendered.json", root / "again.yml"
    rendered.write_text(json.dumps(YAML(typ="safe").load(compose)))
    base = [PYTHON, str(HERE / "yaml_alone.py"), str(root / "spokes"), str(rendered), str(again)]
    cache = root / ".stackctl" / "cache"

    def cold() -> None:
        shutil.rmtree(cache, ignore_errors=True)
        compose.unlink()

    what = "render pages" if pages else "render"
    session.interleaved(
        root.name,
        (
            Run("YAML alone", base, root),
            Run(f"{what}, cold", [STACKCTL, "render"], root, cold),
            Run(f"{what}, cached", [STACKCTL, "render"], root, compose.unlink),
        ),
    )


def reading(session: Session, root: Path, _: bool) -> None:
    """Each spoke has a page and a manifest."""
    many, few = root / "many", root / "few"
    for folder, spokes in ((many, 1000), (few, 250)):
        stacks.to_render(folder, spokes, pages=True)
        (folder / ".stackctl").mkdir(mode=0o700)

    def forget() -> None:
        for folder in (many, few):
            shutil.rmtree(folder / ".stackctl" / "cache", ignore_errors=True)

    def run(name: str, how: str, folder: Path, before: Callable[[], object] = lambda: None) -> Run:
        return Run(name, [PYTHON, str(HERE / "reading.py"), how, str(folder)], folder, before)

    # Each round takes many seconds, so that what varies is small beside them.
    replace(session, rounds=min(7, session.rounds)).interleaved(
        "reading",
        (
            run("libraries alone", "libraries", many),
            run("read 250 spokes", "stackctl", few, forget),
            run("read 1,000 spokes", "stackctl", many, forget),
            run("read 1,000 again", "stackctl", many),
        ),
    )


def graph(session: Session, root: Path, _: bool) -> None:
    """The picture of a stack, and reading the same stack."""
    stacks.to_render(root, 60, pages=True)
    session.interleaved(
        "graph",
        (
            Run("lint of 60 spokes", [STACKCTL, "lint"], root),
            Run("graph of 60 spokes", [STACKCTL, "graph", "-o", "stack.html"], root),
        ),
    )


UP = [STACKCTL, "up", "--yes", "--no-verify"]
COMPOSE_UP = ["docker", "compose", "up", "-d"]


def no_op(session: Session, root: Path, quick: bool, spokes: int = 30) -> None:
    """Also what a plan asks, and how many of many idle plans found something."""
    plans = 50 if quick else 1000
    with running(root, lambda name: stacks.to_run(root, name, spokes, whoami())):
        session.interleaved(
            "no-op",
            (
                # With a folder named, nothing is told from memory.
                Run("stackctl up, in full", [*UP, "-C", "."], root),
                Run("stackctl up", UP, root),
                Run("compose up --wait", [*COMPOSE_UP, "--wait"], root),
                Run("stackctl plan", [STACKCTL, "plan"], root),
                Run("compose up", COMPOSE_UP, root),
            ),
        )
        session.asked = asked_by([STACKCTL, "plan"], root, spokes, session.environ)
        argv = [PYTHON, str(HERE / "idle.py"), str(root), str(plans)]
        done = subprocess.run(
            argv, capture_output=True, text=True, env=session.environ, timeout=3600, check=True
        )
        session.idle = Idle(plans, int(done.stdout))


def chain(session: Session, root: Path, _: bool, spokes: int = 5) -> None:
    with running(root, lambda name: stacks.chain(root, name, spokes, prober_image())):
        session.interleaved(
            "chain",
            (
                Run("up, chain of 5", UP, root),
                Run("compose, chain of 5", [*COMPOSE_UP, "--wait"], root),
            ),
        )


def plans(session: Session, root: Path, _: bool) -> None:
    """Plans of stacks of which nothing runs."""
    runs = [Run("--version", [STACKCTL, "--version"], HERE)]
    for spokes in (50, 200, 1000):
        folder = root / str(spokes)
        stacks.to_run(folder, f"{PREFIX}{os.getpid()}-{spokes}", spokes, whoami())
        (folder / ".stackctl").mkdir(mode=0o700)
        runs.append(Run(f"plan, {spokes} spokes", [STACKCTL, "plan"], folder))
    session.interleaved("plans", runs)


def over_edges(session: Session, root: Path, quick: bool) -> None:
    images = {
        "python": prober_image(),
        **{name: image(name, declared) for name, declared in IMAGES.items()},
    }
    edges.edges(session, root, STACKCTL, images, wrk(), quick=quick)


def from_nothing(session: Session, root: Path, _: bool) -> None:
    cold(session, root, STACKCTL, PREFIX, prober_image())


def audited(session: Session, _: Path, __: bool) -> None:
    audit(session, image("docker-socket-proxy", PROXY), prober_image())


CASES: Mapping[str, Callable[[Session, Path, bool], None]] = {
    "start": start,
    "manifests": render,
    "pages": partial(render, pages=True),
    "reading": reading,
    "graph": graph,
    "no-op": no_op,
    "chain": chain,
    "plans": plans,
    "cold": from_nothing,
    "audit": audited,
    "edges": over_edges,
}
"""By name: given a folder of its own that is not there yet, and whether a hint will do."""


@contextmanager
def running(root: Path, written: Callable[[str], None]) -> Iterator[None]:
    """A stack of its own; what an earlier bench was killed over goes first."""
    sweep()
    # The process number tells later benches whether this one still runs.
    written(f"{PREFIX}{os.getpid()}-{secrets.token_hex(2)}")
    try:
        stackctl(root, "up", "--yes", "--no-verify")
        yield
    finally:
        subprocess.run(["docker", "compose", "down", "-t", "0"], cwd=root, capture_output=True, timeout=120)


def sweep() -> None:
    for kind, rows in (("container", ["ls", "--all"]), ("network", ["ls"])):
        form = '{{.ID}} {{.Label "com.docker.compose.project"}}'
        for line in said("docker", kind, *rows, "--format", form).splitlines():
            name, _, project = line.partition(" ")
            owner = project.removeprefix(PREFIX).split("-")[0]
            if project.startswith(PREFIX) and not Path(f"/proc/{owner}").exists():
                said("docker", kind, "rm", *(["--force"] if kind == "container" else []), name)


def wrk() -> list[str]:
    """The words that start wrk."""
    return said(str(HERE.parent / "scripts" / "setup-wrk")).split()


def whoami() -> str:
    return image("whoami", stacks.WHOAMI)


def image(spoke: str, declared: str) -> str:
    """What stands in for the spoke's image on this machine, else the declared one."""
    return str(local().get("images", {}).get(spoke, declared))


def prober_image() -> str:
    declared = YAML(typ="safe").load(HERE.parent / "stack.yaml")["prober_image"]
    return str(local().get("prober_image", declared))


def local() -> dict[str, Any]:
    path = HERE.parent / "stack.local.yaml"
    return (YAML(typ="safe").load(path) if path.exists() else None) or {}


def stackctl(root: Path, *words: str) -> None:
    done = subprocess.run([STACKCTL, *words], cwd=root, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise SystemExit(f"bench: stackctl {' '.join(words)} failed: {done.stderr or done.stdout}")


def said(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, timeout=60).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
