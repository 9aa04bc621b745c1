"""What a person sees and does in the quickstart, with a real keyboard and mouse."""

import re
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Locator, expect

from codomyrmex_lab.dashboards.measurement import describe_config
from codomyrmex_lab.export import load_config
from tests.browser.conftest import Opened
from tests.browser.jupyter import NOTEBOOK, WAIT_MS, dashboard, slider


def first_row(screen: Locator) -> list[str]:
    """Return the cells of the current run: number, settings, figures."""
    row = screen.locator("table tbody tr").first
    return [cell.replace("\xa0", " ").strip() for cell in row.locator("th, td").all_text_contents()]


def wait_for_run(screen: Locator, number: int) -> str:
    """Wait until a run has been measured and return the sentence about it."""
    status = screen.get_by_role("status").first
    expect(status).to_contain_text(f"Run {number} measured", timeout=WAIT_MS)
    return status.text_content() or ""


def test_the_printed_address_leads_to_the_notebook_and_needs_its_token(quickstart: Opened) -> None:
    assert re.fullmatch(
        rf"http://127\.0\.0\.1:\d+/\w+/tree/{NOTEBOOK}\?token=\w+", quickstart.address
    )
    host = quickstart.address.split("/doc/")[0]
    with pytest.raises(HTTPError, match="403") as refused:
        urlopen(f"{host}/api/contents")
    refused.value.close()


def test_every_cell_runs_without_error(quickstart: Opened) -> None:
    prompts = quickstart.page.locator(".jp-CodeCell .jp-InputPrompt").all_text_contents()
    assert prompts == [f"[{number}]:" for number in range(1, len(prompts) + 1)]
    assert quickstart.page.locator('[data-mime-type*="error"]').count() == 0


def test_a_slider_moved_by_keyboard_is_measured_and_exported(quickstart: Opened) -> None:
    page, screen = quickstart.page, dashboard(quickstart.page)
    wait_for_run(screen, 3)
    handle = slider(screen, "Batch size")
    picture = screen.locator("img").first
    before = picture.get_attribute("src")

    handle.click()
    page.keyboard.press("ArrowRight")
    sentence = wait_for_run(screen, 4)
    expect(handle).to_have_attribute("aria-valuetext", re.compile(r"^17(\.0+)?$"))
    expect(picture).not_to_have_attribute("src", before or "")

    run, settings, _, hit_rate, _, _, _, p99, n_requests, n_failed = first_row(screen)
    assert (run, n_requests, n_failed) == ("4", "4,000", "0")
    assert "batch 17" in settings
    assert f"{n_requests} requests" in sentence
    assert f"hit rate {hit_rate}" in sentence
    assert f"p99 {p99.split()[0]} ms" in sentence

    screen.get_by_role("button", name="Export").click()
    expect(screen.get_by_text(re.compile("^Written: "))).to_be_visible(timeout=WAIT_MS)
    config = load_config(quickstart.folder / "tuned.json")
    assert config.max_batch_size == 17
    assert describe_config(config) == settings


def test_a_file_that_exists_is_not_replaced_unasked(quickstart: Opened) -> None:
    screen = dashboard(quickstart.page)
    (quickstart.folder / "mine.json").write_text("{}")
    screen.get_by_role("textbox", name="File").fill("mine.json")
    quickstart.page.keyboard.press("Tab")
    screen.get_by_role("button", name="Export").click()
    expect(screen.get_by_text(re.compile("^Not written: .*mine.json"))).to_be_visible(
        timeout=WAIT_MS
    )
    assert (quickstart.folder / "mine.json").read_text() == "{}"


def test_everything_fits_beside_the_controls(quickstart: Opened) -> None:
    screen = dashboard(quickstart.page)
    outer = screen.bounding_box()
    assert outer is not None
    boxes = [image.bounding_box() for image in screen.locator("img").all()]
    handle = slider(screen, "Batch size").bounding_box()
    assert handle is not None
    assert len(boxes) == 4
    for box in boxes:
        assert box is not None
        assert box["x"] > handle["x"]
        assert box["x"] + box["width"] <= outer["x"] + outer["width"] + 1
        assert box["width"] >= 350
    scroller = screen.locator("table").locator("xpath=..")
    assert scroller.evaluate("element => element.scrollWidth <= element.clientWidth")
