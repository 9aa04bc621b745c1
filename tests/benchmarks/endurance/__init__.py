"""What takes its time: nothing may grow while it runs."""

from tests.benchmarks.endurance import live_traffic

MEASURES = (live_traffic,)
PEERS = ("ipywidgets", "jupyterlab", "matplotlib", "playwright")
DID_NOT_PAY: tuple[str, ...] = ()
