"""The page that `stackctl graph` writes, opened in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from stackctl.graph import Graph
from stackctl.graph.html import page
from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.written import WrittenStack, python
from tests.test_graph import generated

pytestmark = pytest.mark.slow

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")

ASK = """
<script>
addEventListener("load", () => {
  const report = {errors: window.failed, boxes: []};
  for (const text of document.querySelectorAll("svg.stack text")) {
    const box = text.getBBox();
    const fits = text.closest(".card")?.querySelector("rect").getBBox();
    report.boxes.push([box.x, box.y, box.x + box.width, box.y + box.height, text.textContent,
      fits ? fits.x + fits.width - box.x - box.width : 1]);
  }
  const input = document.querySelector("input");
  const faded = () => document.querySelectorAll(".card.faded").length;
  const type = (text) => { input.value = text; input.dispatchEvent(new Event("input")); };
  type("docker socket proxy");
  report.searched = faded();
  type("");
  report.cleared = faded();
  document.querySelector('[data-node="app-2"]').dispatchEvent(new MouseEvent("click", {bubbles: true}));
  report.chosen = faded();
  report.details = document.querySelector("aside").textContent;
  const paper = () => getComputedStyle(document.body).backgroundColor;
  report.before = paper();
  document.querySelector("#theme").click();
  report.after = paper();
  const told = document.createElement("pre");
  told.id = "report";
  told.textContent = JSON.stringify(report);
  document.body.append(told);
});
</script>
"""
WATCH = "<script>window.failed = []; addEventListener('error', (e) => failed.push(e.message));</script>"


def in_browser(file: Path) -> str:
    """The document as it is after its scripts have run."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert browser, "no Chromium is here: scripts/setup-browser installs one"
    profile = f"--user-data-dir={file.parent / 'profile'}"
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom")
    done = subprocess.run(
        [browser, *options, profile, f"file://{file}"], capture_output=True, text=True, timeout=120
    )
    return done.stdout


def opened(graph: Graph, folder: Path) -> dict[str, Any]:
    """What the browser says of the page after it was searched, clicked and darkened."""
    text = page(graph)
    # The questions are no part of the page, so its own policy would forbid them.
    text = re.sub(r"; script-src '[^']*'", "; script-src 'unsafe-inline'", text, count=1)
    text = text.replace("<title>", f"{WATCH}<title>", 1).replace("</html>", f"{ASK}</html>")
    file = folder / "stack.html"
    file.write_text(text)
    shown = in_browser(file)
    told = re.search(r'<pre id="report">(.*?)</pre>', shown, re.DOTALL)
    assert told, shown[-2000:]
    return dict(json.loads(unescape(told[1])))


@pytest.mark.parametrize("count", [5, 60])
def test_a_browser_draws_every_text_beside_the_others_and_the_page_can_be_used(
    count: int, tmp_path: Path
) -> None:
    graph = generated(count)
    report = opened(graph, tmp_path)
    assert report["errors"] == []
    boxes = sorted(report["boxes"])
    assert len(boxes) > 3 * count
    for number, one in enumerate(boxes):
        assert one[5] > 0, f"{one[4]} leaves its card"
        for other in boxes[number + 1 :]:
            apart = (
                one[2] <= other[0] or other[2] <= one[0] or one[3] - 1 <= other[1] or other[3] - 1 <= one[1]
            )
            assert apart, (one[4], other[4])
    assert report["searched"] == len(graph.nodes) - 1
    assert report["cleared"] == 0
    assert report["chosen"] == len(graph.nodes) - 1 - len(graph.peers(graph.node("app-2")))
    assert "app-2" in report["details"]
    assert report["before"] != report["after"]


def test_its_own_policy_lets_its_own_script_run_and_no_other(tmp_path: Path) -> None:
    text = page(generated(5))
    file = tmp_path / "stack.html"

    def ready(whole: str) -> bool:
        file.write_text(whole)
        shown = in_browser(file)
        assert "data-other" not in shown
        return '<html lang="en" class="ready">' in shown

    assert ready(text)
    assert ready(text.replace("</html>", "<script>document.body.dataset.other = 1</script></html>"))
    assert not ready(text.replace('"use strict";', '"use strict";document.body.dataset.other = 1;'))


@pytest.mark.engine
def test_what_the_engine_has_otherwise_is_marked_in_the_picture_that_the_command_writes(
    own: WrittenStack, room: EngineRoom
) -> None:
    own.settings(room, networks={"lan": {}})
    own.write(room, app=python(networks=["lan"]), other=python(networks=["lan"]), gone=python())
    assert own.run("up", "--yes", "--no-verify").returncode == 0
    own.docker("network", "disconnect", f"{own.name}_lan", own.container("app"))
    own.docker("network", "connect", f"{own.name}_proxy", own.container("other"))
    own.docker("rm", "--force", own.container("gone"))
    labels = [f"--label={key}={value}" for key, value in room.labels.items()]
    stranger = own.docker(
        *("run", "--detach", "--rm", *labels, "--network", f"{own.name}_lan"),
        *(room.image("python"), "python", "-c", "import signal; signal.pause()"),
    ).strip()
    try:
        assert own.run("graph", "--observed", "--out", "stack.html").returncode == 0
        assert own.run("graph", "--out", "declared.html").returncode == 0
        shown = in_browser(own.root / "stack.html")
    finally:
        own.docker("rm", "--force", stranger)
    assert '<html lang="en" class="ready">' in shown
    marked = set(re.findall(r'class="[^"]*differs[^"]*"[^>]*>([^<]*)<', shown))
    assert marked == {"not on lan", "also on proxy", "is not there", "not of this stack"}
    assert "differs" not in re.sub(
        r"<style.*?</style>", "", (own.root / "declared.html").read_text(), flags=re.DOTALL
    )
