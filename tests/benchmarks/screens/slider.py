"""From a key on a slider to the painted frame: 100,000 requests simulated, four panels drawn.

The floor is a slider whose value comes back as text, on the same page, in turn; so does one that
shows a picture of the same size which was drawn before: what is above that is simulation and
drawing, what is below it browser and transport. One key at a time on *Batch size*; then 100 keys
within a second, after which the last value's frame must show.

Why it falls short: the picture that was drawn before takes 1.7 times as long as the text by itself,
because the browser loads and decodes it on a thread of its own and paints it a frame later.
Simulating 100,000 requests takes 7 ms and drawing 7 ms while nothing else runs; beside a browser
that paints on the second of two cores, 10 to 20 and 8 to 16.
"""

from __future__ import annotations

import base64

from playwright.sync_api import Page

from tests.benchmarks.report import Reach, Row, alone
from tests.benchmarks.runner import Samples, quantile
from tests.benchmarks.screens.page import Clock, opened

N_KEYS = 60


def rows() -> list[Row]:
    with opened() as page:
        clock = Clock(page)
        text = page.locator(".noUi-handle").first
        screen = page.locator(".codomyrmex-screen").first
        batch = screen.get_by_role("slider", name="Batch size")
        ready = page.locator(".noUi-handle").last
        floor, pictures, frames = [], [], []
        for number in range(-5, N_KEYS):
            key = "ArrowRight" if number % 20 < 10 else "ArrowLeft"
            times_ms = [clock.press_ms(handle, key) for handle in (text, ready, batch)]
            if number >= 0:
                for found, time_ms in zip((floor, pictures, frames), times_ms, strict=True):
                    found.append(time_ms)
        n_bytes = _frame_bytes(page)
        bursts = [clock.burst(batch, 100, 1.0) for _ in range(3)]
    return [
        alone("text round trip, median", "ms", _one(quantile(floor, 0.5)), None),
        alone("text round trip, p95", "ms", _one(quantile(floor, 0.95)), None),
        alone("picture drawn before, median", "ms", _one(quantile(pictures, 0.5)), None),
        alone("picture drawn before, p95", "ms", _one(quantile(pictures, 0.95)), None),
        alone("key to painted frame, median", "ms", _one(quantile(frames, 0.5)), None),
        alone("key to painted frame, p95", "ms", _one(quantile(frames, 0.95)), None),
        alone(
            "key to painted frame against the text: medians",
            "times",
            _one(quantile(frames, 0.5) / quantile(floor, 0.5)),
            Reach(at_most=1.3),
        ),
        alone(
            "key to painted frame against the text: p95",
            "times",
            _one(quantile(frames, 0.95) / quantile(floor, 0.95)),
            Reach(at_most=1.5),
        ),
        alone(
            "key to painted frame against the picture drawn before: medians",
            "times",
            _one(quantile(frames, 0.5) / quantile(pictures, 0.5)),
            None,
        ),
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
