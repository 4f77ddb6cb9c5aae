"""Results as JUnit XML, which CI servers show beside tests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree as Xml

from stackctl.model import Outcome, Result

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(stack: str, results: Iterable[Result]) -> bytes:
    """A suite per spoke, a case per check. What was not reached is an error; what is accepted is skipped."""
    by_spoke: dict[str, list[Result]] = {}
    for result in results:
        by_spoke.setdefault(result.check.spoke, []).append(result)
    root = Xml.Element("testsuites", name=stack)
    for spoke, own in by_spoke.items():
        suite = Xml.SubElement(root, "testsuite", name=spoke)
        for result in own:
            _case(suite, spoke, result)
        _count(suite)
    _count(root)
    Xml.indent(root)
    document: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _case(suite: Xml.Element, spoke: str, result: Result) -> None:
    check = result.check
    case = Xml.SubElement(
        suite, "testcase", classname=_text(spoke), name=_text(f"{check.code} {check.title}")
    )
    saw = _text(result.saw)
    if result.outcome is Outcome.PASSED:
        return
    if result.holds:
        why = f"accepted: {result.accepted}" if result.accepted else "stated as exposure"
        Xml.SubElement(case, "skipped", message=_text(f"{why}: {saw}"))
    elif result.outcome is Outcome.FAILED:
        Xml.SubElement(case, "failure", message=saw, type=check.code)
    else:
        Xml.SubElement(case, "error", message=saw, type=result.outcome.value)


def _count(element: Xml.Element) -> None:
    for name, tag in (
        ("tests", "testcase"),
        ("failures", "failure"),
        ("errors", "error"),
        ("skipped", "skipped"),
    ):
        element.set(name, str(sum(1 for _ in element.iter(tag))))


def _text(text: str) -> str:
    """Without the characters that XML cannot carry."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
