"""The recorder against what people record latencies with today."""

from tests.benchmarks.tracing import frames, memory, recording, throughput, window

MEASURES = (recording, memory, frames, throughput, window)
PEERS = ("hdrhistogram", "prometheus_client", "numpy", "pandas", "pyarrow")
DID_NOT_PAY = (
    "Keeping the batches themselves and reading them 16 at a time: 0.70 µs per request in batches "
    "of one, against 0.54 for copying at once, and it holds on to inputs and outputs.",
    "Packing rows with array('q', rows): 22 ns per integer, NumPy 20-29, struct.pack 12.",
    "Decoding the whole window of 5 s at each call: 7-24 ms on a busy machine; remembering what "
    "each block of records holds: 2.7 ms.",
)
