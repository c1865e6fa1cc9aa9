"""The HTML page as text: complete, self-contained, and deaf to what a submission writes into it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from conformance.report.html import html_page
from conformance.report.model import Status
from conformance.report.overview import class_row, overview_page
from conformance.selftest.report.samples import SAMPLES, SAYS, conforming, half_done, hostile, parity

VOID = {"meta", "link", "input", "br", "img"}


class Page(HTMLParser):
    """Notes a page's elements, ids and attributes, and complains about tags that do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else at {self.getpos()}"


def pages() -> dict[str, str]:
    made = {name: html_page(make(), says=SAYS) for name, make in SAMPLES.items()}
    rows = [class_row(make(), f"{name}.html") for name, make in SAMPLES.items()]
    return {**made, "overview": overview_page(rows, says=SAYS), "nobody": overview_page([], says=SAYS)}


PAGES = pages()


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_well_formed(name: str) -> None:
    page = Page(PAGES[name])
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    targets = {value[1:] for _, attribute, value in page.attributes if attribute == "href" and value.startswith("#")}
    assert targets <= set(page.ids)
    assert {value for _, name, value in page.attributes if name == "data-copies"} <= set(page.ids)


@pytest.mark.parametrize("name", PAGES)
def test_the_page_loads_nothing(name: str) -> None:
    page = Page(PAGES[name])
    assert page.tags.count("script") == 1
    assert not {"img", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    assert [value for _, attribute, value in page.attributes if attribute == "src"] == []
    assert [value for tag, attribute, value in page.attributes if (tag, attribute) == ("link", "href")] == ["data:,"]
    assert not re.search(r"url\(|@import", PAGES[name])


@pytest.mark.parametrize("name", ["hostile", "overview"])
def test_a_submission_cannot_write_into_the_page(name: str) -> None:
    page = Page(PAGES[name])
    assert not [attribute for _, attribute, _ in page.attributes if attribute.startswith("on")]
    assert "<b>1.0" not in PAGES[name]
    assert "&lt;/script&gt;" in PAGES[name]
    assert not re.search("[\x00-\x08\x0b-\x1f\ud800-\udfff\u202a-\u202e]", PAGES[name])
    assert len(PAGES[name]) < 200_000


def test_a_finding_shows_its_parts_and_marks_what_differs() -> None:
    text = PAGES["half_done"]
    for part in ("normalize: (x - mean) / sqrt(var + eps)", "adds eps outside the square root", "cell 8, line 19"):
        assert part in text
    assert "<mark>-0.9211</mark>" in text
    assert "<mark>-0.9252</mark>" in text
    assert 'class="crosses"' in text


def test_what_says_the_same_of_another_dtype_stands_inside_of_the_first() -> None:
    again = PAGES["half_done"].partition('<details class="again">')[2]
    assert "The same in 1 more" in again[:200]
    assert "norm.LayerNorm.forward[float64]" in again.partition("What was asked")[0]


def test_one_exception_is_told_once_whatever_it_keeps_from_being_judged() -> None:
    result = half_done()
    crash = next(row for row in result.findings() if row.status is Status.CRASH)
    other = replace(
        crash, id="norm.LayerNorm.eps", requirement="norm.LayerNorm.formula", got="RuntimeError: of size (7)"
    )
    rows = [replace(crash, got="RuntimeError: of size (3)"), other, replace(other, got="RuntimeError: something else")]
    items = {"LayerNorm": replace(result.items["LayerNorm"], properties=rows)}
    text = html_page(replace(result, items=items), says=SAYS)
    assert text.count("The same exception in 1 more") == text.count('class="again"') == 1


def test_the_words_of_a_finding_are_explained_where_there_is_one() -> None:
    assert "How to read this page" in PAGES["half_done"]
    assert "How to read this page" not in PAGES["conforming"]


def test_a_requirement_that_was_skipped_says_why() -> None:
    result = half_done()
    row = replace(result.items["Linear"].properties[0], status=Status.SKIPPED, message="no such device here")
    items = {"Linear": replace(result.items["Linear"], properties=[row])}
    assert "no such device here" in html_page(replace(result, items=items), says=SAYS)


def test_entries_are_shown_once() -> None:
    result = half_done()
    row = next(row for row in result.findings() if row.entries)
    entry = row.entries[0]
    shown = replace(row, got=f"{entry.path} = {entry.got} (9 of 12 entries differ)", expected="as the table says")
    items = {"LayerNorm": replace(result.items["LayerNorm"], properties=[shown])}
    text = html_page(replace(result, items=items), says=SAYS)
    assert "9 of 12 entries differ" in text
    assert "as the table says" not in text


def test_the_loss_curve_is_drawn_where_there_is_one() -> None:
    assert "Loss curve" in PAGES["conforming"]
    assert "Loss curve" not in PAGES["half_done"]
    assert "Loss curve" not in html_page(replace(half_done(), extras={"loss_curve": "no list"}), says=SAYS)


def test_parity_findings_say_that_they_do_not_count() -> None:
    assert "parity, does not count" in html_page(parity(), says=SAYS)


def test_a_full_report_stays_below_a_megabyte() -> None:
    rows = conforming().items["Linear"].properties * 15
    items = {name: replace(item, properties=rows) for name, item in conforming().items.items()}
    items |= {f"{name}2": replace(item, name=f"{name}2") for name, item in items.items()}
    assert len(html_page(replace(conforming(), items=items), says=SAYS)) < 1_000_000


def test_the_same_result_gives_the_same_page() -> None:
    assert html_page(hostile(), says=SAYS) == PAGES["hostile"]
