"""Predicted against measured: the simulation beside the real engine."""

from tests.benchmarks.fidelity import digits, encoder

MEASURES = (digits, encoder)
PEERS = ("onnxruntime", "numba")
DID_NOT_PAY: tuple[str, ...] = (
    "Service times from calls one right after the other, and nothing else: a call of the digits "
    "model that follows 10 ms of rest takes 0.65 ms, not 0.08, and p50 was off by 60%.",
    "What a call takes longer after a rest, measured in a thread that sleeps: half of what it is "
    "in the engine, where the driver works meanwhile.",
    "One constant for how late the driver is: answers from the cache were predicted at 155 µs, "
    "where they take 80; a driver that is awake already is not late.",
)
