"""What a person sees and does on each screen, with a real keyboard and mouse."""

import base64
import json
import re
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from codomyrmex_lab.export import load_config
from codomyrmex_lab.optimization.models import OptimizationConfig
from tests.browser.conftest import Opened
from tests.browser.jupyter import WAIT_MS
from tests.browser.screens import SCREENS, screen, value_of

CONFIG = OptimizationConfig(batch_timeout_ms=5.0)


def new_picture(found: Locator, before: str | None) -> str:
    """Wait for a frame other than one seen before."""
    picture = found.locator("img.codomyrmex-picture").first
    expect(picture).not_to_have_attribute("src", before or "", timeout=WAIT_MS)
    return picture.get_attribute("src") or ""


def picture_of(found: Locator) -> str | None:
    return found.locator("img.codomyrmex-picture").first.get_attribute("src")


def corner_of(found: Locator) -> tuple[int, ...]:
    """Return the colour of the picture's upper left corner on the page."""
    encoded: str = found.locator("img.codomyrmex-picture").first.evaluate(
        """async (picture) => {
          const blob = await (await fetch(picture.src)).blob();
          const bytes = new Uint8Array(await blob.arrayBuffer());
          return btoa(String.fromCharCode(...bytes));
        }"""
    )
    with Image.open(BytesIO(base64.b64decode(encoded))) as picture:
        colour = picture.convert("RGB").getpixel((0, 0))
    assert isinstance(colour, tuple)
    return colour


def in_kernel(page: Page, expression: str) -> str:
    """Return what an expression prints in the last cell, which is then run anew."""
    cell = page.locator(".jp-CodeCell").last
    cell.scroll_into_view_if_needed()
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(f"print('<<' + str({expression}) + '>>')")
    before = cell.locator(".jp-InputPrompt").text_content() or ""
    page.keyboard.press("Control+Enter")
    expect(cell.locator(".jp-InputPrompt")).not_to_have_text(before, timeout=WAIT_MS)
    expect(cell.locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]"), timeout=WAIT_MS)
    output = cell.locator(".jp-OutputArea-output").get_by_text("<<").text_content() or ""
    (printed,) = re.findall(r"<<(.*?)>>", output, re.DOTALL)
    return printed


def test_every_slider_and_picture_has_a_name_for_screen_readers(screens: Opened) -> None:
    page = screens.page
    sliders = page.locator(".codomyrmex-screen .noUi-handle").all()
    assert len(sliders) > 12
    for handle in sliders:
        expect(handle).to_have_attribute("aria-label", re.compile(r"\w"), timeout=WAIT_MS)
    tuning = screen(page, "tuning")
    timeout = tuning.get_by_role("slider", name="Timeout (ms)")
    expect(timeout).to_have_attribute("aria-valuetext", "5", timeout=WAIT_MS)
    cache = tuning.get_by_role("slider", name="Cache size")
    expect(cache).to_have_attribute("aria-valuetext", "1,000", timeout=WAIT_MS)
    without_effect = tuning.get_by_role("slider", name="Target (ms)")
    expect(without_effect).to_have_attribute("aria-disabled", "true", timeout=WAIT_MS)
    expect(without_effect).to_have_attribute("tabindex", "-1", timeout=WAIT_MS)
    for picture in page.locator("img.codomyrmex-picture").all():
        expect(picture).to_have_attribute("alt", re.compile(r"\w"), timeout=WAIT_MS)


def test_a_slider_moved_by_keyboard_is_answered_by_the_simulator(screens: Opened) -> None:
    page, found = screens.page, screen(screens.page, "tuning")
    before = picture_of(found)
    handle = found.get_by_role("slider", name="Batch size")
    handle.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    new_picture(found, before)
    expect(handle).to_have_attribute("aria-valuetext", re.compile(r"^2(\.0+)?$"))
    status = found.get_by_role("status").first
    expect(status).to_contain_text("Simulated, n = 5,000", timeout=WAIT_MS)
    row = found.locator("table tbody tr").first
    expect(row).to_contain_text(re.compile("batch\u00a02\\b"), timeout=WAIT_MS)
    printed = in_kernel(page, "f'{tuning.findings.summary.p99_ms:.3g}'")
    assert value_of(screen(page, "tuning"), "p99") == f"{printed} ms"


def test_a_dragged_slider_ends_where_the_pointer_let_go(screens: Opened) -> None:
    page, found = screens.page, screen(screens.page, "tuning")
    before = picture_of(found)
    handle = found.get_by_role("slider", name="Timeout (ms)")
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] - 300, box["y"] + box["height"] / 2, steps=12)
    page.mouse.up()
    new_picture(found, before)
    assert in_kernel(page, "tuning.config.batch_timeout_ms") == "0.0"


def test_keys_on_a_screen_are_no_commands_of_the_notebook(screens: Opened) -> None:
    page, n_cells = screens.page, screens.page.locator(".jp-CodeCell").count()
    before = in_kernel(page, "tuning.config")
    found = screen(page, "tuning")
    for name in ("Batch size", "Timeout (ms)"):
        found.get_by_role("slider", name=name, exact=True).focus()
        page.keyboard.type("xabdd")
    strategy = found.get_by_role("combobox", name="Strategy")
    strategy.focus()
    page.keyboard.press("ArrowDown")
    chosen = strategy.input_value()
    page.keyboard.press("ArrowUp")
    assert chosen != strategy.input_value()
    expect(page.locator(".jp-CodeCell")).to_have_count(n_cells)
    expect(page.locator(".codomyrmex-screen")).to_have_count(3)
    assert in_kernel(page, "tuning.config") == before


def test_a_number_typed_beside_a_slider_moves_it_there(screens: Opened) -> None:
    page, found = screens.page, screen(screens.page, "tuning")
    handle = found.get_by_role("slider", name="Timeout (ms)")
    stood = handle.get_attribute("aria-valuetext") or ""
    typed = found.get_by_role("textbox", name="Timeout (ms), typed")
    for text, shown in (("7.5", "7.5"), ("soon", "7.5"), (stood, stood)):
        typed.click()
        page.keyboard.press("Control+A")
        page.keyboard.type(text)
        page.keyboard.press("Enter")
        expect(typed).to_have_text(shown, timeout=WAIT_MS)
        expect(handle).to_have_attribute("aria-valuetext", shown, timeout=WAIT_MS)


def test_verify_shows_measured_beside_simulated(screens: Opened) -> None:
    page, found = screens.page, screen(screens.page, "tuning")
    found.get_by_role("button", name="Verify").click()
    status = found.get_by_role("status").first
    expect(status).to_contain_text("Verified on the real engine", timeout=WAIT_MS)
    names = found.locator("table tbody tr th").all_text_contents()
    assert names == [
        "simulated",
        "measured",
        "simulated, the same requests",
        "error of the prediction",
    ]
    measured = found.locator("table tbody tr").nth(1).locator("td").all_text_contents()
    printed = in_kernel(page, "f'{tuning.verification.measured.summary.n_requests:,}'")
    assert measured[7] == printed


def test_the_text_of_a_target_is_shown_and_then_written(screens: Opened) -> None:
    found = screen(screens.page, "tuning")
    found.get_by_role("tab", name="Export").click()
    found.get_by_role("combobox", name="Target").select_option("triton")
    text = found.get_by_role("region", name="Text of the file")
    expect(text).to_contain_text("dynamic_batching", timeout=WAIT_MS)
    found.get_by_role("combobox", name="Target").select_option("json")
    expect(text).to_contain_text('"max_batch_size": 2,', timeout=WAIT_MS)
    shown = text.text_content() or ""
    found.get_by_role("button", name="Write").click()
    expect(found.get_by_text(re.compile("^Written: "))).to_be_visible(timeout=WAIT_MS)
    written = screens.folder / "tuned.json"
    assert written.read_text() == shown
    assert load_config(written) == CONFIG.replace(max_batch_size=2, batch_timeout_ms=0.0)
    found.get_by_role("tab", name="What if").click()


def test_a_best_trade_off_is_picked_and_moves_the_sliders(screens: Opened) -> None:
    page, found = screens.page, screen(screens.page, "tuning")
    found.get_by_role("tab", name="Pareto front").click()
    expect(found.get_by_role("img", name="Pareto front")).to_be_hidden()
    found.get_by_role("button", name="Search").click()
    expect(found.get_by_text(re.compile("settings hold"))).to_be_visible(timeout=WAIT_MS)
    handle = found.get_by_role("slider", name="Point")
    expect(found.get_by_role("img", name="Pareto front")).to_be_visible(timeout=WAIT_MS)
    handle.focus()
    page.keyboard.press("ArrowRight")
    chosen = found.get_by_text(re.compile(r"^p99 .* ms, worker time"))
    expect(chosen).to_be_visible(timeout=WAIT_MS)
    words = chosen.text_content() or ""
    printed = in_kernel(
        page,
        "__import__('codomyrmex_lab.dashboards.settings', fromlist=['x'])"
        ".describe_config(tuning.config)",
    )
    assert words.endswith(printed)
    screen(page, "tuning").get_by_role("tab", name="What if").click()


@pytest.mark.parametrize("name", ["Batch size", "Cache size"])
def test_a_click_on_a_slider_is_expected_where_the_pointer_rests(
    screens: Opened, name: str
) -> None:
    page, found = screens.page, screen(screens.page, "tuning")
    handle = found.get_by_role("slider", name=name)
    handle.scroll_into_view_if_needed()
    aim = found.locator(".codomyrmex-aim input")
    expected = aim.input_value()
    for share in (0.37, 0.62, 0.11):
        track = handle.locator("xpath=ancestor::*[contains(@class, 'noUi-base')]").bounding_box()
        assert track is not None
        x, y = track["x"] + share * track["width"], track["y"] + track["height"] / 2
        stood = handle.get_attribute("aria-valuenow") or ""
        page.mouse.move(x, y)
        expect(aim).not_to_have_value(expected, timeout=WAIT_MS)
        expected = aim.input_value()
        expect(handle).to_have_attribute("aria-valuenow", stood)
        expect(found.locator(".noUi-state-tap")).to_have_count(0)  # until then it takes no click
        page.mouse.click(x, y)
        aimed_at, place, _ = expected.split("|")
        there = float(handle.get_attribute("aria-valuemin") or "nan") + int(place)
        assert aimed_at == name
        expect(handle).to_have_attribute("aria-valuenow", f"{there:.1f}", timeout=WAIT_MS)
        page.mouse.move(0, 0)


def test_a_live_screen_starts_scrolls_changes_and_stops(screens: Opened) -> None:
    page, found = screens.page, screen(screens.page, "live")
    found.get_by_role("button", name="Start").click()
    status = found.get_by_role("status").first
    expect(status).to_contain_text("Offering", timeout=WAIT_MS)
    shown = picture_of(found)
    for _ in range(5):
        shown = new_picture(found, shown)
    handle = found.get_by_role("slider", name="Batch size")
    handle.focus()
    page.keyboard.press("PageDown")
    expect(found.get_by_text(re.compile(r"s ago: batch 32 → \d+"))).to_be_visible(timeout=WAIT_MS)
    config, live = (
        in_kernel(page, "(live.engine.config.max_batch_size, live.config.max_batch_size)")
        .strip("()")
        .split(", ")
    )
    assert config == live != "32"
    found = screen(page, "live")
    found.get_by_role("button", name="Pause").click()
    expect(status).to_have_text("Paused.", timeout=WAIT_MS)
    printed = in_kernel(page, "f'{live.history.latest.figures.cache_hit_rate:.1%}'")
    reading = screen(page, "live").get_by_role("listitem").filter(has_text="hit rate")
    expect(reading).to_contain_text(printed, timeout=WAIT_MS)
    screen(page, "live").get_by_role("button", name="Stop").click()
    expect(status).to_contain_text("Stopped", timeout=WAIT_MS)
    assert in_kernel(page, "(live.trace().summary().n_errors, live.engine.is_running)") == (
        "(0, False)"
    )


def test_a_span_is_brushed_with_the_mouse_and_with_the_keyboard(screens: Opened) -> None:
    page, found = screens.page, screen(screens.page, "explorer")
    picture = found.locator("img.codomyrmex-picture")
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    assert box is not None
    y = box["y"] + 0.25 * box["height"]
    page.mouse.move(box["x"] + 0.15 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.3 * box["width"], y, steps=6)
    band = page.locator(".codomyrmex-band").bounding_box()
    assert band is not None
    assert band["width"] == pytest.approx(0.15 * box["width"], abs=3)
    page.mouse.up()
    expect(page.locator(".codomyrmex-band")).to_have_count(0)
    status = found.get_by_role("status").first
    expect(status).not_to_contain_text("2,000 of 2,000", timeout=WAIT_MS)
    brushed = int(re.sub(r"\D", "", (status.text_content() or "").split(" of ")[0]))
    assert 0 < brushed < 1_500
    low, high = json.loads(in_kernel(page, "list(explorer.filters.time.value)"))
    counted = in_kernel(
        page,
        f"int(trace.requests['arrival'].dt.total_seconds().between({low}, {high}).sum())",
    )
    assert brushed == int(counted)
    found = screen(page, "explorer")
    found.get_by_role("slider", name="Time (s), to").focus()
    page.keyboard.press("End")
    expect(status).not_to_contain_text(f"{brushed:,} of", timeout=WAIT_MS)
    found.get_by_role("combobox", name="Answered").select_option("from the cache")
    hits = in_kernel(page, "int(explorer.selected.results['from_cache'].all())")
    assert hits == "1"
    screen(page, "explorer").get_by_role("button", name="Select all").click()
    expect(status).to_contain_text("2,000 of 2,000", timeout=WAIT_MS)


@pytest.mark.parametrize(("x", "y"), [(0.55, 0.25), (0.3, -0.2), (-0.1, 0.25), (0.2, 1.3)])
def test_a_brush_that_ends_off_its_panel_ends_at_its_edge(
    screens: Opened, x: float, y: float
) -> None:
    page, found = screens.page, screen(screens.page, "explorer")
    box = found.locator("img.codomyrmex-picture").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.16 * box["width"], box["y"] + 0.25 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=6)
    page.mouse.up()
    status = found.get_by_role("status").first
    expect(status).to_contain_text(re.compile(r"^\d{1,3} of 2,000|^1,\d+ of"), timeout=WAIT_MS)
    found.get_by_role("button", name="Select all").click()
    expect(status).to_contain_text("2,000 of 2,000", timeout=WAIT_MS)


@pytest.mark.parametrize("name", ["tuning", "live", "explorer"])
def test_each_screen_fits_beside_its_controls(screens: Opened, name: str) -> None:
    found = screen(screens.page, name)
    if name == "tuning":
        found.get_by_role("tab", name="What if").click()
    outer = found.bounding_box()
    picture = found.locator("img.codomyrmex-picture").first
    box = picture.bounding_box()
    assert outer is not None
    assert box is not None
    assert box["x"] >= outer["x"] + 340
    assert box["x"] + box["width"] <= outer["x"] + outer["width"] + 1
    assert box["width"] >= 600
    assert box["height"] < 620  # the height of a page of 720 lines that is left for it


def test_the_pictures_are_in_the_theme_of_the_page_and_follow_it(screens: Opened) -> None:
    page = screens.page
    themes = "(tuning.theme.name, live.theme.name, explorer.theme.name)"
    assert in_kernel(page, themes) == "('dark', 'dark', 'dark')"
    assert corner_of(screen(page, "tuning")) == (0x11, 0x11, 0x11)
    before = {name: picture_of(screen(page, name)) for name in SCREENS}
    page.evaluate("document.body.dataset.jpThemeLight = 'true'")  # as the page's own menu does
    for name, dark in before.items():
        new_picture(screen(page, name), dark)
    assert in_kernel(page, themes) == "('light', 'light', 'light')"
    assert corner_of(screen(page, "tuning")) == (0xFF, 0xFF, 0xFF)


def test_two_traces_are_compared_with_intervals(screens: Opened) -> None:
    found = screen(screens.page, "explorer")
    table = found.locator("table").filter(has_text="Selected against the other trace")
    rows = table.locator("tbody tr")
    expect(rows.filter(has_text="p95")).to_contain_text("differs", timeout=WAIT_MS)
    shown = rows.filter(has_text="p95").locator("td").all_text_contents()
    printed = in_kernel(screens.page, "[f'{one.summary().p95_ms:.3g}' for one in (trace, other)]")
    assert shown[1:3] == json.loads(printed.replace("'", '"'))


@pytest.mark.parametrize(
    ("name", "moved"),
    [
        ("tuning", ("Batch size", "End")),
        ("live", ("Batch size", "End")),
        ("explorer", ("Time (s), to", "PageDown")),
    ],
)
def test_a_saved_state_comes_back(screens: Opened, name: str, moved: tuple[str, str]) -> None:
    page = screens.page
    label, key = moved
    handle = screen(page, name).get_by_role("slider", name=label)
    before = handle.get_attribute("aria-valuetext") or ""
    assert in_kernel(page, f"{name}.save('{name}.json').name") == f"{name}.json"
    assert (screens.folder / f"{name}.json").stat().st_size < 10_000
    handle = screen(page, name).get_by_role("slider", name=label)
    handle.focus()
    page.keyboard.press(key)
    expect(handle).not_to_have_attribute("aria-valuetext", before, timeout=WAIT_MS)
    in_kernel(page, f"{name}.restore('{name}.json')")
    handle = screen(page, name).get_by_role("slider", name=label)
    expect(handle).to_have_attribute("aria-valuetext", before, timeout=WAIT_MS)


def test_live_traffic_makes_neither_the_page_nor_the_kernel_grow(screens: Opened) -> None:
    page = screens.page
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def page_holds() -> dict[str, float]:
        session.send("HeapProfiler.collectGarbage")
        metrics = session.send("Performance.getMetrics")["metrics"]
        return {one["name"]: one["value"] for one in metrics}

    def shows(n_frames: int) -> None:
        found, shown = screen(page, "live"), picture_of(screen(page, "live"))
        for _ in range(n_frames):
            shown = new_picture(found, shown)

    resident = "int(open('/proc/self/statm').read().split()[1]) * 4096 // 10**6"
    screen(page, "live").get_by_role("button", name="Start").click()
    shows(25)
    kernel_mb, before = int(in_kernel(page, resident)), page_holds()
    shows(100)
    grown_mb, after = int(in_kernel(page, resident)) - kernel_mb, page_holds()
    screen(page, "live").get_by_role("button", name="Stop").click()
    assert grown_mb < 20
    assert after["Nodes"] < 1.2 * before["Nodes"]
    assert after["JSEventListeners"] < 1.2 * before["JSEventListeners"]
    assert after["JSHeapUsedSize"] < 1.2 * before["JSHeapUsedSize"]


def test_closed_screens_leave_no_thread(screens: Opened) -> None:
    printed = in_kernel(
        screens.page,
        "[tuning.close(), live.close(), explorer.close(), "
        "sorted((t.name, type(t).__module__) for t in set(threading.enumerate()) - threads_before "
        "if not (t.name.startswith('subshell') or type(t).__module__.startswith('zmq')))][-1]",
    )  # the kernel's own: for messages of widgets, and for large ones that are on their way
    assert printed == "[]"
