"""Predicted against measured: the simulation beside the real engine."""

from tests.benchmarks.fidelity import digits, encoder

MEASURES = (digits, encoder)
PEERS = ("onnxruntime", "numba")
DID_NOT_PAY: tuple[str, ...] = (
    "Service times from calls in a bare loop: in an engine, where inputs come from another core "
    "and Python runs between two calls, 16 requests took 0.62 ms and not 0.43, and the time from "
    "one call to the next 196 µs and not 126, as bursts without a model had it.",
    "The same from an engine that is kept saturated by a closed loop: its driver sends a whole "
    "batch as soon as one is answered, and with small batches holds the interpreter when the next "
    "call ends; p50 of batches of 8 was off by 67%.",
    "One or two calls of warm-up: the first calls of a single text took 5.2 ms and the ninth 2.5, "
    "and at 85% of its capacity batches of 1 were predicted to be overloaded; MiniLM's median "
    "errors of p50 and p95 were 5.1 and 4.0%, and 2.2 and 2.0% with eight calls before.",
    "Calls of a visit that went on after its driver was done: two cores of a virtual machine may "
    "be one, and a call beside a driver at work took up to a quarter longer; the digits' median "
    "error of p50 at 50% was 3.8%, and 1.2% with the driver's company.",
    "Rests that are all alike, to measure what a call takes longer after one: after 1 ms without "
    "a call 0.38 ms instead of 0.31; in traffic with rests of 1 ms on average 0.32, and as much "
    "under random arrivals.",
    "Visits of 4 ms to each point: the first 2 to 4 ms after a pause are up to 1.8 times as slow.",
    "One addition for a call after a pause, whatever the batch: a call of 64 requests is slower by "
    "0.7 ms after 1 ms of rest, one of 4 by 0.16.",
    "What a call takes longer after a rest by the latest rest alone: it explains 37% of the "
    "variance of 8 requests' times over five loads, the average of the latest rests 47%.",
    "Replays of 10 s: the profile is older by then, and the machine another.",
    "Noise drawn from the residuals of all points: small batches and calls that share the cores "
    "vary far more, and p99 of one worker came out twice too high.",
    "Load as a share of a closed loop's throughput: at 85% of it an open loop was overloaded.",
    "Noise that stays as it was in one visit of the profile for 0.1, 0.3 or 1 s, since slow "
    "seconds last: MiniLM at 70%, p95 and p99 off by 3.6 and 4.7% without it, by 3.0 to 4.0 and "
    "5.5 to 5.7% with it; a visit holds three calls, which tell little of its second.",
)
