"""The Markdown summary must survive whatever a submission prints, beyond what its snapshots show."""

from __future__ import annotations

import re

from conformance.report.markdown import markdown
from conformance.selftest.report.samples import SAYS, half_done, hostile


def test_a_submission_cannot_break_out_of_a_table_or_a_fence() -> None:
    text = markdown(hostile(), says=SAYS)
    outside = re.sub(r"(?ms)^(`{3,})\w*\n.*?^\1$", "", text)
    assert "<script" not in outside
    assert "```" not in outside
    tables = [line for line in outside.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables} <= {4, 5}


def test_a_job_summary_stays_far_below_a_megabyte() -> None:
    assert len(markdown(hostile(), says=SAYS)) < 20_000
    assert len(markdown(half_done(), says=SAYS)) < 10_000
