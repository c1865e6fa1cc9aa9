"""The class overview: right counts, who is behind them, and cells that a spreadsheet does not run."""

from __future__ import annotations

from dataclasses import replace

from conformance.report.overview import class_row, common_mistakes, missed_most, overview_page, slow, summary_rows
from conformance.selftest.report.samples import SAYS, broken_judge, conforming, half_done, hostile


def test_the_most_missed_requirement_comes_first_with_who_misses_it() -> None:
    rows = [class_row(replace(half_done(), submission=name)) for name in "ab"] + [class_row(hostile())]
    first = missed_most(rows)[0]
    assert (first.item, first.what) == ("LayerNorm", "norm.LayerNorm.formula")
    assert [row.submission for row in first.who[:2]] == ["a", "b"]
    assert len(first.who) == 3


def test_a_mistake_is_the_same_whatever_the_count_of_cases_behind_it() -> None:
    other = half_done().items["RMSNorm"]
    fewer = replace(other.properties[0], suspect="adds eps outside the square root (3 of 9 cases)")
    result = replace(half_done(), items={"RMSNorm": replace(other, properties=[fewer])})
    mistakes = {
        (common.item, common.what): len(common.who)
        for common in common_mistakes([class_row(half_done()), class_row(result)])
    }
    assert mistakes["RMSNorm", "adds eps outside the square root"] == 2


def test_the_judges_own_failure_is_nobodys_mistake() -> None:
    row = class_row(broken_judge())
    assert row.missed == []
    assert not row.conforms
    assert row.headline == "NO VERDICT"


def test_only_far_outliers_in_time_are_named() -> None:
    rows = [class_row(replace(conforming(), submission=str(i), seconds=10 + i % 3)) for i in range(20)]
    assert slow(rows) == []
    late = class_row(replace(conforming(), submission="late", seconds=60))
    assert slow([*rows, late]) == [late]
    assert slow([late]) == []


def test_the_page_names_everybody_and_links_to_their_pages() -> None:
    text = overview_page([class_row(half_done(), "half%20done.html"), class_row(conforming())], says=SAYS)
    assert '<a href="half%20done.html">hw3.ipynb</a>' in text
    assert "1 of 2 conform" in text


def test_a_row_of_the_table_is_flat_and_starts_no_formula() -> None:
    first, second = summary_rows([half_done(), replace(conforming(), submission="=HYPERLINK(1)")])
    assert first["verdict"] == "does not conform"
    assert (first["passed"], first["judged"], first["LayerNorm"]) == (2, 11, "wrong")
    assert second["submission"] == "'=HYPERLINK(1)"
    assert set(first) == set(second)
