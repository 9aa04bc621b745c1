"""The cache of the kernel, and the requests that are being computed for it, in two arrays.

``seen[key]`` is the position in ``log`` of the key's last access while the key is cached,
``ABSENT`` while it is neither cached nor being computed, and ``FLIGHT - i`` while request i
computes it. The log is the order of accesses: its entries that are not the last of their key are
passed over when something is evicted, so that the least recently used key is found at its front
without any list being relinked.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.simulation.compiling import index, part

__all__ = ["ABSENT", "FLIGHT", "evict", "note_access"]

ABSENT = -1
FLIGHT = -2


@part
def note_access(seen: NDArray[np.int32], log: NDArray[np.int32], log_end: int, key: int) -> int:
    """Make a key the most recently used; return the new end of the log."""
    log[index(log_end)] = key
    seen[key] = log_end
    return log_end + 1


@part
def evict(seen: NDArray[np.int32], log: NDArray[np.int32], log_start: int) -> int:
    """Forget the least recently used key; return the new front of the log."""
    key = index(log[index(log_start)])
    while seen[key] != log_start:
        log_start += 1
        key = index(log[index(log_start)])
    seen[key] = ABSENT
    return log_start + 1
