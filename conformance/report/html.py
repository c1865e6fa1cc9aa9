"""A result as one HTML page that needs nothing but a browser."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from conformance.report.charts import loss_chart
from conformance.report.files import write_whole
from conformance.report.model import Result
from conformance.report.page import fill
from conformance.report.views import item_view
from conformance.report.words import absent, by_exercise, environment, failed_judge, headline, summary, tally


def html_page(result: Result, *, says: Mapping[str, str]) -> str:
    """Returns the page as text.

    Args:
        result: what to show; ``result.extras["loss_curve"]``, a list of floats, is drawn if it is there.
        says: for each requirement's id the sentence of the exercise.
    """
    losses = result.extras.get("loss_curve")
    gone = absent(result)
    views = {
        exercise: [item_view(item, result, says) for item in items]
        for exercise, items in by_exercise(result).items()
        if exercise not in gone
    }
    return fill(
        "result.html.jinja",
        result=result,
        headline=headline(result),
        good=result.conforms and not failed_judge(result),
        summary=summary(result),
        tally=tally(result),
        absent=gone,
        exercises=views,
        explained=any(view.findings for part in views.values() for view in part),
        environment=environment(result),
        loss=loss_chart(losses) if isinstance(losses, list) else None,
    )


def write_html(result: Result, path: Path, *, says: Mapping[str, str]) -> None:
    """Writes the page to a file, whole or not at all.

    Raises:
        OSError: the folder is not there or cannot be written to.
    """
    write_whole(path, html_page(result, says=says))
