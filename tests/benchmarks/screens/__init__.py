"""The screens at the speed of the hand, in a real browser and in one process."""

from tests.benchmarks.screens import live, slider

MEASURES = (slider, live)
PEERS = ("ipywidgets", "jupyterlab", "matplotlib", "playwright")
DID_NOT_PAY: tuple[str, ...] = (
    "Matplotlib's own legend beside each title: 10 ms of the 40 that one panel takes to be drawn "
    "anew. A line and a text per entry take 2.",
    "Percentiles as moving text in the picture: 1 to 1.8 ms each, per frame. They stand above it "
    "in HTML, where a screen reader finds them as well.",
)
