"""The engine against the batchers and caches that people use today."""

from tests.benchmarks.engine import (
    adaptive,
    cache_hit,
    closed_loop,
    lateness,
    observer_cost,
    open_loop,
    saturation,
    stress,
)

MEASURES = (
    open_loop,
    closed_loop,
    cache_hit,
    saturation,
    lateness,
    observer_cost,
    adaptive,
    stress,
)
PEERS = ("batched", "async-batcher", "cachetools", "cachebox", "onnxruntime")
DID_NOT_PAY: tuple[str, ...] = (
    "A second worker that prepares and delivers while the first is in the model: 0.92 of the raw "
    "model on a device that is a lock, against 0.94 with one worker: the thread that delivers "
    "holds the GIL which the other needs to enter the model. A device with a queue of its own has "
    "the next batch before it needs it: 0.999.",
    "A thread beside the worker that answers the last batch and collects the next full one while "
    "the model runs: 0.967 of the raw digits instead of 0.93, since one thread is still woken for "
    "each batch; and requests would be chosen a whole model call before they run, past deadlines "
    "and past arrivals of a higher priority.",
    "A request without slots, its seldom used fields as class attributes: 5.8 µs per open-loop "
    "request against 5.2 with slots.",
    "Applying the recent accesses of the cache without repetitions (the last one of each key): "
    "3.6 million hits/s in one thread against 4.7 with all of them.",
    "A longer buffer of recent accesses (1,024 and 4,096 instead of 256): four threads reached "
    "0.64 and 0.61 of one, within the noise of the 0.52-0.70 before.",
    "Testing requests that leave the line for being ordinary all at once instead of one by one: "
    "32 µs between two model calls of 64 either way, with warm caches.",
    "Requests from the inbox into the line in one go, tested for being ordinary by their set of "
    "terms: 4 µs instead of 11 for 64 in a loop of its own, nothing at saturation, where caches "
    "are cold.",
    "Waking one, three or four callers of a batch at a time instead of two: 58,000, 50,000 and "
    "47,000 requests/s of 64 threads against 56,000 to 62,000.",
    "One lock for each thread, used again, instead of one for each request: as quick.",
)
