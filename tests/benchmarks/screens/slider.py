"""From a key on a slider to the painted frame: 100,000 requests simulated, four panels drawn.

The floor is a slider whose value comes back as text, on the same page, in turn; so does one that
shows a picture of the same size which was drawn before: what is above that is simulation and
drawing, what is below it browser and transport. One key at a time on *Batch size*. *A step* is as
long as the one before it; *another key* is a page key after an arrow key, or the other way round;
both were simulated and drawn while the screen rested. *A click* is one on the track of *Batch
size*, after one on another slider, against a click on that of the text; the pointer rests there for
150 ms before, half of what hands take on average [1]_, and the screen simulates and draws
meanwhile. *A tap* is a click on *Cache size* with no pointer before it, as of a finger: all is
simulated and drawn after it, so it has no mark. Then 100 keys within a second, after which the last
value's frame must show.

.. [1] A. Dieulot, Instant Pages with Just-In-Time Preloading, Web Performance Calendar, 2019: a
   pointer that has been on a link for 65 ms stays there for over 300 ms more before the click.
"""

from __future__ import annotations

import base64

from playwright.sync_api import Page

from tests.benchmarks.report import Reach, Row, alone
from tests.benchmarks.runner import Samples, quantile
from tests.benchmarks.screens.page import Clock, opened

N_KEYS = 60
OTHER_KEYS = ("PageUp", "ArrowRight") * 20
"""Five steps, then one, from 1 to 121: none is as long as the one before it."""
N_CLICKS = 30
AIM_MS = 150
CACHE_MATTERS = 0.8
"""Share of its slider; beyond, the cache holds all inputs, and the frame stays as it is."""
GOLDEN = 0.618034
"""Share of the track from one click to the next, on and on: they do not come near one another."""
QUANTILES = (("median", 0.5), ("p95", 0.95))
REACH = {"median": 1.3, "p95": 1.5}


def rows() -> list[Row]:
    with opened() as page:
        clock = Clock(page)
        text = page.locator(".noUi-handle").first
        screen = page.locator(".codomyrmex-screen").first
        batch = screen.get_by_role("slider", name="Batch size")
        ready = page.locator(".noUi-handle").last
        times_ms: dict[str, list[float]] = {"text": [], "picture": [], "step": []}
        for number in range(-5, N_KEYS):
            key = "ArrowRight" if number < N_KEYS / 2 else "ArrowLeft"
            for name, handle in (("text", text), ("picture", ready), ("step", batch)):
                _note(times_ms[name], number, clock.press_ms(handle, key))
        clock.press_ms(batch, "Home")
        times_ms["other key"] = [clock.press_ms(batch, key) for key in OTHER_KEYS]
        cache = screen.get_by_role("slider", name="Cache size")
        times_ms |= {"text click": [], "click": [], "tap": []}
        for share in (GOLDEN * n % 1 for n in range(1, N_CLICKS + 1)):
            far = (share + 0.5) % 1
            clock.click_ms(text, far, AIM_MS)  # JupyterLab makes this cell the active one
            times_ms["text click"].append(clock.click_ms(text, share, AIM_MS))
            clock.click_ms(cache, CACHE_MATTERS * far, AIM_MS)  # and then the screen's
            times_ms["click"].append(clock.click_ms(batch, share, AIM_MS))
            times_ms["tap"].append(clock.click_ms(cache, CACHE_MATTERS * share, 0))
        n_bytes = _frame_bytes(page)
        bursts = [clock.burst(batch, 100, 1.0) for _ in range(3)]
    return [
        *_times("text round trip", times_ms["text"]),
        *_times("picture drawn before", times_ms["picture"]),
        *_times("a step, to its painted frame", times_ms["step"]),
        *_against_text("a step against the text", times_ms["step"], times_ms["text"]),
        *_times("another key, to its painted frame", times_ms["other key"]),
        *_against_text("another key against the text", times_ms["other key"], times_ms["text"]),
        *_times("a click, to its painted frame", times_ms["click"]),
        *_times("a click of the text", times_ms["text click"]),
        *_against_text("a click against the text's", times_ms["click"], times_ms["text click"]),
        *_times("a tap, to its painted frame", times_ms["tap"]),
        alone("bytes per frame", "KB", _one(n_bytes / 1e3), Reach(at_most=100.0)),
        alone(
            "100 keys in a second: last frame after the last key",
            "ms",
            Samples(tuple(lag for lag, _ in bursts)),
            Reach(at_most=150.0),
        ),
        alone(
            "100 keys in a second: frames shown",
            "frames",
            Samples(tuple(float(n) for _, n in bursts)),
            None,
        ),
    ]


def _note(times_ms: list[float], number: int, time_ms: float) -> None:
    if number >= 0:
        times_ms.append(time_ms)


def _times(measure: str, times_ms: list[float]) -> list[Row]:
    return [
        alone(f"{measure}, {name}", "ms", _one(quantile(times_ms, share)), None)
        for name, share in QUANTILES
    ]


def _against_text(measure: str, times_ms: list[float], text_ms: list[float]) -> list[Row]:
    return [
        alone(
            f"{measure}: {name}",
            "times",
            _one(quantile(times_ms, share) / quantile(text_ms, share)),
            Reach(at_most=REACH[name]),
        )
        for name, share in QUANTILES
    ]


def _one(value: float) -> Samples:
    return Samples((value,))


def _frame_bytes(page: Page) -> int:
    """Return the size of the picture that is on the page."""
    encoded: str = page.evaluate(
        """async () => {
          const picture = document.querySelector(".codomyrmex-screen img.codomyrmex-picture");
          const data = new Uint8Array(await (await fetch(picture.src)).arrayBuffer());
          let text = ""; for (const byte of data) text += String.fromCharCode(byte);
          return btoa(text);
        }"""
    )
    return len(base64.b64decode(encoded))
