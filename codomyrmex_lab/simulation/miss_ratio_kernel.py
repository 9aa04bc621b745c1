"""Counts, in one pass, how many requests a cache of each size would answer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.simulation.compiling import compiled

__all__ = ["count_distances"]

_WORD = 64


@compiled
def _n_ones(word: np.uint64) -> np.int64:
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@compiled
def count_distances(codes: NDArray[np.int32], n_keys: int) -> NDArray[np.int64]:
    """Return how many requests there are of each reuse distance.

    One bit per request is set while the request is the last of its key. The distance is the
    number of bits set behind the previous request of the key. Bits are counted word by word, and
    the words by a Fenwick tree.

    Parameters
    ----------
    codes : int32, shape (n_requests,)
        Keys numbered from 0 to ``n_keys - 1``, in order of arrival.
    n_keys : int
        At least 1.

    Returns
    -------
    int64, shape (n_keys,)
        Requests with so many other keys since the previous request of the same key. First
        requests are in none.

    References
    ----------
    R. L. Mattson et al., Evaluation techniques for storage hierarchies, IBM Systems Journal 9,
    1970. P. M. Fenwick, A new data structure for cumulative frequency tables, Software: Practice
    and Experience 24, 1994.
    """
    n = len(codes)
    n_words = n // _WORD + 1
    words = np.zeros(n_words, np.uint64)
    tree = np.zeros(n_words + 1, np.int32)
    last = np.full(n_keys, -1, np.int64)
    counts = np.zeros(n_keys, np.int64)
    n_set = 0
    for now in range(n):
        key = codes[now]
        before = last[key]
        if before >= 0:
            word, bit = before // _WORD, np.uint64(before % _WORD)
            not_behind = _n_ones(words[word] & ((np.uint64(2) << bit) - np.uint64(1)))
            at = word
            while at > 0:
                not_behind += tree[at]
                at &= at - 1
            counts[n_set - not_behind] += 1
            words[word] &= ~(np.uint64(1) << bit)
            at = word + 1
            while at <= n_words:
                tree[at] -= 1
                at += at & -at
            n_set -= 1
        last[key] = now
        word = now // _WORD
        words[word] |= np.uint64(1) << np.uint64(now % _WORD)
        at = word + 1
        while at <= n_words:
            tree[at] += 1
            at += at & -at
        n_set += 1
    return counts
