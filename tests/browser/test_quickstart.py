"""What a person sees and does in the quickstart, with a real keyboard and mouse."""

import re
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect

from codomyrmex_lab.dashboards.settings import describe_config
from codomyrmex_lab.export import load_config
from tests.browser.conftest import Opened
from tests.browser.jupyter import NOTEBOOK, WAIT_MS, dashboard, failures, slider


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
    assert failures(quickstart.page).count() == 0


def test_a_slider_moved_by_keyboard_is_answered_and_exported(quickstart: Opened) -> None:
    page, screen = quickstart.page, dashboard(quickstart.page)
    status = screen.get_by_role("status").first
    expect(status).to_contain_text("Verified on the real engine", timeout=WAIT_MS)
    handle = slider(screen, "Batch size")
    picture = screen.locator("img").first
    before = picture.get_attribute("src")

    handle.click()
    page.keyboard.press("ArrowRight")
    expect(status).to_contain_text("Simulated, n = 4,000", timeout=WAIT_MS)
    expect(handle).to_have_attribute("aria-valuetext", re.compile(r"^17(\.0+)?$"))
    expect(picture).not_to_have_attribute("src", before or "")

    name, settings = (
        screen.locator("table tbody tr").first.locator("th, td").all_text_contents()[:2]
    )
    assert name == "simulated"
    assert "batch 17" in settings.replace("\xa0", " ")

    screen.get_by_role("tab", name="Export").click()
    screen.get_by_role("button", name="Write").click()
    expect(screen.get_by_text(re.compile("^Written: "))).to_be_visible(timeout=WAIT_MS)
    config = load_config(quickstart.folder / "tuned.json")
    assert config.max_batch_size == 17
    assert describe_config(config) == settings.replace("\xa0", " ")


def test_a_file_that_exists_is_not_replaced_unasked(quickstart: Opened) -> None:
    screen = dashboard(quickstart.page)
    (quickstart.folder / "mine.json").write_text("{}")
    screen.get_by_role("textbox", name="File").fill("mine.json")
    quickstart.page.keyboard.press("Tab")
    screen.get_by_role("button", name="Write").click()
    expect(screen.get_by_text(re.compile("^Not written: .*mine.json"))).to_be_visible(
        timeout=WAIT_MS
    )
    assert (quickstart.folder / "mine.json").read_text() == "{}"
