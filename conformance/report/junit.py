"""A result as JUnit XML, for the test page of a CI system: a suite for each item, a case for each property.

The form is that of the Jenkins xUnit plug-in's ``junit-10.xsd``, which pytest's ``xunit2`` family follows too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from conformance.report.files import write_whole
from conformance.report.message import message_of
from conformance.report.model import ItemResult, PropertyResult, Result, Status
from conformance.report.text import clean, one_line
from conformance.report.words import absent, judged, reason_of, sentence_of

# "error" is JUnit's word for a test that did not get as far as a comparison.
ERRORS = (Status.CRASH, Status.TIMEOUT, Status.JUDGE_ERROR)


def junit_xml(result: Result, *, says: Mapping[str, str]) -> str:
    """Returns the result as the text of an XML document.

    A property that does not count and does not hold is a skipped case, so that no CI turns red over it; so is an item
    of an exercise that the submission does not contain.

    Args:
        result: what to write.
        says: for each requirement's id the sentence of the exercise.
    """
    gone = absent(result)
    suites = [_suite(item, result, says, item.exercise in gone) for item in result.items.values()]
    root = ET.Element("testsuites", name=one_line(result.submission), time=_seconds(result.seconds))
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in suites)))
    root.extend(suites)
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def write_junit(result: Result, path: Path, *, says: Mapping[str, str]) -> None:
    """Writes the document to a file, whole or not at all.

    Raises:
        OSError: the folder is not there or cannot be written to.
    """
    write_whole(path, junit_xml(result, says=says))


def _suite(item: ItemResult, result: Result, says: Mapping[str, str], gone: bool) -> ET.Element:
    # A property that judges several requirements has several cases, and its time once.
    times = {row.id: row.seconds for row in item.properties}
    seconds = sum(times.values())
    cases = [_case(row, result, says, times.pop(row.id, 0.0)) for row in item.properties]
    if item.status not in (Status.PASS, *(row.status for row in item.properties if result.counts(row))) or not cases:
        cases.append(_whole_item(item, gone))
    suite = ET.Element("testsuite", name=item.name, tests=str(len(cases)), time=_seconds(seconds))
    for count, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(count, str(sum(case.find(kind) is not None for case in cases)))
    suite.extend(cases)
    return suite


def _case(row: PropertyResult, result: Result, says: Mapping[str, str], seconds: float) -> ET.Element:
    name = clean(judged(row), 500)
    case = ET.Element("testcase", name=name, classname=f"conformance.{row.item}", time=_seconds(seconds))
    if row.status is Status.PASS:
        return case
    if not result.counts(row):
        reason = f"does not count ({row.level}); {row.status.value}: {reason_of(row)}"
        ET.SubElement(case, "skipped", type=row.status.value, message=reason)
    else:
        _outcome(case, row.status, reason_of(row), message_of(row, sentence_of(row, says)))
    return case


def _whole_item(item: ItemResult, gone: bool) -> ET.Element:
    case = ET.Element("testcase", name=item.name, classname=f"conformance.{item.name}", time=_seconds(0.0))
    if gone:
        reason = f"exercise {item.exercise} is not in this submission"
        ET.SubElement(case, "skipped", type=item.status.value, message=reason)
    elif item.status is not Status.PASS:
        _outcome(case, item.status, one_line(item.reason), clean(item.reason))
    return case


def _outcome(case: ET.Element, status: Status, reason: str, text: str) -> None:
    kind = "skipped" if status is Status.SKIPPED else "error" if status in ERRORS else "failure"
    ET.SubElement(case, kind, type=status.value, message=reason).text = text


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"
