"""The HTML page as text: complete, self-contained, and deaf to what a submission writes into it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from conformance.report.html import html_page
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
