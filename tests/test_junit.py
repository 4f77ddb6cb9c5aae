"""The report that CI servers read says what the results say."""

from __future__ import annotations

from xml.etree import ElementTree

from stackctl.findings import Severity
from stackctl.junit import junit
from stackctl.model import Check, Observation, Outcome, Result


def result(outcome: Outcome, spoke: str = "web", saw: str = "", **how: object) -> Result:
    severity = Severity.WARNING if how.pop("warns", False) else Severity.ERROR
    check = Check("CK101", spoke, f"it {outcome.value}", Observation("running"), severity=severity)
    return Result(check, outcome, saw, **how)  # type: ignore[arg-type]


def test_failed_unreachable_and_accepted_are_three_things() -> None:
    results = [
        result(Outcome.PASSED),
        result(Outcome.FAILED, saw="<b> & \x1b[0m"),
        result(Outcome.UNREACHABLE, saw="no answer"),
        result(Outcome.FAILED, "other", warns=True, saw="the host"),
        result(Outcome.FAILED, "other", accepted="a lab", saw="x"),
    ]
    root = ElementTree.fromstring(junit("homelab", results))
    assert {k: root.get(k) for k in ("name", "tests", "failures", "errors", "skipped")} == {
        "name": "homelab",
        "tests": "5",
        "failures": "1",
        "errors": "1",
        "skipped": "2",
    }
    assert [suite.get("name") for suite in root] == ["web", "other"]
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.get("message") == "<b> & \N{REPLACEMENT CHARACTER}[0m"
    messages = [s.get("message") for s in root.iter("skipped")]
    assert messages == ["stated as exposure: the host", "accepted: a lab: x"]


def test_without_results_it_is_an_empty_report() -> None:
    assert ElementTree.fromstring(junit("s", [])).get("tests") == "0"
