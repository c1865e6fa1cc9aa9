"""Charts and marks: right in ordinary cases, quiet in odd ones."""

from __future__ import annotations

import math
import re

from conformance.report.charts import HEIGHT, POINTS, WIDTH, error_chart, loss_chart
from conformance.report.diff import Piece, differing


def test_a_point_is_inside_exactly_where_its_error_is_within_its_bound() -> None:
    chart = error_chart([(1e-6, 1e-6), (1e-6, 0.0), (1e-6, 2e-6), (1e-6, math.nan), (1e-6, math.inf)])
    assert chart is not None
    assert (chart.inside.count("M"), chart.outside.count("M")) == (2, 3)
    assert chart.summary == "5 comparisons, 3 of them outside their bound"


def test_every_point_is_drawn_inside_the_picture() -> None:
    chart = error_chart([(10.0**i, 10.0**j) for i in range(-300, 300, 60) for j in range(-320, 300, 61)])
    assert chart is not None
    for x, y in re.findall(r"M(-?[\d.]+) (-?[\d.]+)", chart.inside + chart.outside):
        assert 0 <= float(x) <= WIDTH
        assert 0 <= float(y) <= HEIGHT


def test_thinning_keeps_the_worst() -> None:
    chart = error_chart([(1.0, 0.1)] * 10_000 + [(1.0, 5.0)])
    assert chart is not None
    assert chart.outside.count("M") == 1
    assert chart.inside.count("M") <= POINTS


def test_nothing_to_draw_is_no_chart() -> None:
    assert error_chart([]) is None
    assert error_chart([(0.0, 0.0), (math.inf, 1.0), (math.nan, 1.0)]) is None
    assert loss_chart([]) is None
    assert loss_chart([math.nan, "1.0", None, 2.0]) is None


def test_a_loss_curve_of_any_length_is_drawn() -> None:
    for losses in ([1.0, 1.0], [0.0, 0.0], [math.nan, 3.0, 2.0, math.inf, 1.0], [1 / (i + 1) for i in range(100_000)]):
        chart = loss_chart(losses)
        assert chart is not None
        assert "nan" not in chart.raw + chart.smooth
        assert len(chart.raw) < 20_000


def marked(pieces: list[Piece]) -> list[str]:
    return [piece.text for piece in pieces if piece.differs]


def test_entries_that_differ_are_marked_on_both_sides() -> None:
    got, expected = differing("tensor([1.00, 2.5, nan])", "tensor([1.0,  2.6, nan])")
    assert (marked(got), marked(expected)) == (["2.5"], ["2.6"])
    assert "".join(piece.text for piece in expected) == "tensor([1.0,  2.6, nan])"


def test_values_of_another_shape_are_aligned() -> None:
    got, expected = differing("tensor([1., 2., 3., 4.])", "tensor([1., 3., 4.])")
    assert (marked(got), marked(expected)) == (["2.", ","], []) or marked(got) == [",", "2."]


def test_an_error_beside_a_value_is_left_unmarked() -> None:
    got, expected = differing("RuntimeError: shapes do not match", "tensor([1., 2.])")
    assert marked(got) == marked(expected) == []


def test_two_sentences_that_share_their_blanks_only_are_left_unmarked() -> None:
    got, expected = differing("it reached backward (the engine)", "the gradient comes from grad, not it")
    assert marked(got) == marked(expected) == []


def test_a_number_written_in_another_way_is_no_difference() -> None:
    got, expected = differing("f(p, eps=1e-08, decay=0.0): 0.0 where 0.1 was asked", "f(p, eps=1e-8, decay=0.1)")
    assert "eps=1e-08" in "".join(piece.text for piece in got if not piece.differs)
    assert marked(expected) == ["0.1"]


def test_a_huge_value_costs_no_time() -> None:
    got, _ = differing("1 " * 100_000, "2 " * 99_999)
    assert marked(got) == []
