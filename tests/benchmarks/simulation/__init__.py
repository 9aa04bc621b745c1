"""The simulator against a general one, and what its answers take."""

from tests.benchmarks.simulation import answers, first_use, kernel, miss_ratio

MEASURES = (kernel, answers, first_use, miss_ratio)
PEERS = ("simpy", "libcachesim", "numba", "numpy")
DID_NOT_PAY: tuple[str, ...] = (
    "The kernel's state in one record, shared by a function for each kind of event: 50 ns per "
    "request against 20 with one function and a variable for each number.",
    "Every small function of the kernel inlined into it: 8 s to compile against 4, and the kernel "
    "no faster.",
)
