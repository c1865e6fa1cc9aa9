"""The pages in a real browser: they open, load nothing, filter, and hand out the reproducer as it is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from conformance.report.html import write_html
from conformance.report.overview import class_row, write_overview
from conformance.selftest.report.samples import LAYER_NORM_REPRODUCER, SAMPLES, SAYS

pytestmark = pytest.mark.browser

# Without these the browser itself calls home, and a test could not tell that from the page's doing.
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"]
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1100,900", *QUIET]

SUBMISSION = """
import torch
class LayerNorm(torch.nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.eps = eps
    def forward(self, x):
        mean, std = x.mean(-1, keepdim=True), x.std(-1, keepdim=True, correction=0)
        return (x - mean) / (std + self.eps)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for name, make in SAMPLES.items():
        write_html(make(), folder / f"{name}.html", says=SAYS)
    rows = [class_row(make(), f"{name}.html") for name, make in SAMPLES.items()]
    write_overview(rows, folder / "overview.html", says=SAYS)
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("no Chromium here: apt-get install chromium chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium here: pip install selenium")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield made
    made.quit()


def shown(browser: Any) -> list[str]:
    """The names of the items that are to be seen."""
    script = "return [...document.querySelectorAll('.item')].filter(n => n.checkVisibility()).map(n => n.id.slice(5))"
    return list(browser.execute_script(script))


def opened(browser: Any, folder: Path, name: str) -> Any:
    browser.get((folder / f"{name}.html").as_uri())
    return browser


def press(browser: Any, *keys: str) -> None:
    # By name, so that the types check where selenium is not installed.
    import_module("selenium.webdriver").ActionChains(browser).send_keys(*keys).perform()


@pytest.mark.parametrize("name", [*SAMPLES, "overview"])
def test_a_page_opens_without_a_complaint_and_asks_nobody_for_anything(name: str, browser: Any, folder: Path) -> None:
    browser.get("about:blank")
    browser.get_log("performance")
    browser.get_log("browser")
    opened(browser, folder, name)
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith("data:")] == [(folder / f"{name}.html").as_uri()]
    assert browser.get_log("browser") == []
    assert "owned" not in browser.title.split(":")[0]


def test_typing_filters_the_items_and_escape_brings_them_back(browser: Any, folder: Path) -> None:
    opened(browser, folder, "half_done")
    every = shown(browser)
    press(browser, "/", "sqrt(mean")
    assert shown(browser) == ["RMSNorm"]
    press(browser, "\ue00c")
    assert shown(browser) == every
    press(browser, "nothing has this")
    assert shown(browser) == []
    assert browser.find_element("id", "none").is_displayed()


def test_status_buttons_filter_by_mouse_and_by_keyboard(browser: Any, folder: Path) -> None:
    opened(browser, folder, "half_done")
    button = browser.find_element("css selector", "[data-show=pass]")
    button.click()
    assert shown(browser) == ["Embedding", "Dropout"]
    browser.find_element("css selector", "[data-show=wrong]").send_keys(" ")
    assert shown(browser) == ["Embedding", "Dropout", "LayerNorm", "RMSNorm"]
    button.click()
    assert shown(browser) == ["LayerNorm", "RMSNorm"]


def test_a_link_to_an_item_opens_it_even_when_it_is_filtered_away(browser: Any, folder: Path) -> None:
    opened(browser, folder, "half_done")
    press(browser, "/", "rmsnorm")
    browser.find_element("css selector", "nav a[href='#item-Embedding']").click()
    browser.execute_async_script("setTimeout(arguments[0], 50)")
    assert "Embedding" in shown(browser)
    assert browser.find_element("id", "item-Embedding").get_attribute("open")


def test_the_copied_reproducer_is_the_reproducer_and_runs(browser: Any, folder: Path, tmp_path: Path) -> None:
    opened(browser, folder, "half_done")
    button = browser.find_element("css selector", "#item-LayerNorm button.copy")
    button.click()
    browser.execute_async_script("setTimeout(arguments[0], 200)")
    assert button.text == "Copied"
    browser.execute_script(
        "const area = document.createElement('textarea'); area.id = 'paste'; document.body.append(area); area.focus()"
    )
    browser.find_element("id", "paste").send_keys("\ue009v")
    copied = browser.find_element("id", "paste").get_attribute("value")
    assert copied == LAYER_NORM_REPRODUCER

    (tmp_path / "submission.py").write_text(SUBMISSION)
    (tmp_path / "case.py").write_text(copied)
    done = subprocess.run([sys.executable, "case.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("got\ntensor([[-0.92")


@pytest.mark.parametrize("name", [*SAMPLES, "overview"])
def test_nothing_is_cut_off_on_a_phone(name: str, browser: Any, folder: Path) -> None:
    size = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        opened(browser, folder, name)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_dark_mode_is_followed_and_readable(browser: Any, folder: Path) -> None:
    def lightness(scheme: str) -> tuple[float, float]:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        opened(browser, folder, "half_done")
        script = "const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]"
        page, ink = (sum(map(int, text[4:-1].split(","))) / 765 for text in browser.execute_script(script))
        return page, ink

    try:
        assert lightness("light")[0] > 0.9 > 0.2 > lightness("light")[1]
        assert lightness("dark")[0] < 0.15 < 0.8 < lightness("dark")[1]
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_on_paper_everything_is_open(browser: Any, folder: Path) -> None:
    opened(browser, folder, "half_done")
    count = "return document.querySelectorAll('details:not([open])').length"
    assert browser.execute_script(count) > 0
    assert browser.execute_script(f"dispatchEvent(new Event('beforeprint')); {count}") == 0
    assert browser.execute_script(f"dispatchEvent(new Event('afterprint')); {count}") > 0
    assert len(browser.print_page()) > 10_000
