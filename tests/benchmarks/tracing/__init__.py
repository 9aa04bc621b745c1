"""The recorder against what people record latencies with today, and the making of workloads."""

from tests.benchmarks.tracing import (
    frames,
    generating,
    loadgen,
    memory,
    recording,
    throughput,
    window,
)

MEASURES = (recording, memory, frames, throughput, window, generating, loadgen)
PEERS = (
    "hdrhistogram",
    "prometheus_client",
    "mlcommons-loadgen",
    "numpy",
    "pandas",
    "pyarrow",
)
DID_NOT_PAY = (
    "Keeping the batches themselves and reading them 16 at a time: 0.70 µs per request in batches "
    "of one, against 0.54 for copying at once, and it holds on to inputs and outputs.",
    "Packing rows with array('q', rows): 22 ns per integer, NumPy 20-29, struct.pack 12.",
    "A list of packed events, joined now and then, instead of one bytearray: 0.47 µs per request "
    "in batches of one, against 0.49; blocks would no longer be of one size.",
    "Decoding the whole window of 5 s at each call: 7-24 ms on a busy machine; block by block, "
    "each once: 2.7 ms, 18 at worst; all new blocks together, into memory that is kept: 2.2 ms.",
    "Partitioning the latencies of all 100,000 requests of 5 s at each call: 2.8 ms, 9.5 at worst "
    "on a busy machine, against 2.0 and 5.8 with sorted stretches, each decoded in half the steps, "
    "of which only the samples near a percentile are looked at.",
)
