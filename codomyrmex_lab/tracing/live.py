"""The figures of the last seconds, quick enough to be asked for while traffic runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.optimization.models import check_duration
from codomyrmex_lab.tracing.columns import MISSING_TICK, NONE
from codomyrmex_lab.tracing.rows import as_rows, columns_of

__all__ = ["LiveBlock", "WindowFigures", "figures_of_window"]

_PERCENTS = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class WindowFigures:
    """Figures of the requests that ended within a window of time.

    Parameters
    ----------
    seconds : float
        Length of the window.
    n_requests, n_errors : int
        Requests that ended in it, and how many of them failed.
    throughput_rps : float
        Answers without error per second of the window.
    cache_hit_rate : float
        Answers from the cache among all look-ups, 0 to 1; 0 where the cache was never asked.
    p50_ms, p95_ms, p99_ms : float
        Latency of the requests answered without error; NaN where there was none.
    mean_batch_size : float
        Requests computed per model call that ended in the window; 0 where there was none.
    mean_queue_length : float
        Mean number that waited, by Little's law: answers per second times their mean wait.
    """

    seconds: float
    n_requests: int
    n_errors: int
    throughput_rps: float
    cache_hit_rate: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    mean_batch_size: float
    mean_queue_length: float


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a window needs to know of the requests of one block, or of some of them."""

    oldest_end_ns: int
    n_requests: int
    n_lookups: int
    n_hits: int
    n_batches: int
    n_computed: int
    waited_ns: int
    latency_ms: NDArray[np.float64]


class LiveBlock:
    """A block of rows whose facts are worked out once, when a window first needs them.

    Parameters
    ----------
    packed_ns : int
        Tick at which the block was packed: no end in it is later.
    block : bytes
        Rows as :mod:`codomyrmex_lab.tracing.rows` describes them, packed.
    """

    def __init__(self, packed_ns: int, block: bytes) -> None:
        self.packed_ns = packed_ns
        self.block = block

    @cached_property
    def facts(self) -> _Facts:
        """Facts of all its requests."""
        return self.facts_since(MISSING_TICK)

    def facts_since(self, since_ns: int) -> _Facts:
        """Return facts of the requests that ended after a tick."""
        requests, batches = columns_of(as_rows([self.block]))
        inside = requests.end_ns > since_ns
        ended = batches.end_ns > since_ns
        answered = inside & (requests.error == NONE)
        arrival_ns = requests.arrival_ns[answered]
        return _Facts(
            oldest_end_ns=int(requests.end_ns.min(initial=np.iinfo(np.int64).max)),
            n_requests=int(inside.sum()),
            n_lookups=int((requests.has_key & inside).sum()),
            n_hits=int((requests.from_cache & inside).sum()),
            n_batches=int(ended.sum()),
            n_computed=int(batches.size[ended].sum()),
            waited_ns=int((requests.start_ns[answered] - arrival_ns).clip(min=0).sum()),
            latency_ms=(requests.end_ns[answered] - arrival_ns) / 1e6,
        )


def figures_of_window(blocks: Sequence[LiveBlock], now_ns: int, seconds: float) -> WindowFigures:
    """Return the figures of ``seconds`` before a tick.

    Parameters
    ----------
    blocks : sequence of LiveBlock
        In the order in which they were packed.
    now_ns : int
        End of the window.
    seconds : float
        Above 0.
    """
    check_duration("seconds", seconds, above_zero=True)
    since_ns = now_ns - int(seconds * 1e9)
    recent = [block for block in blocks if block.packed_ns > since_ns]
    facts = [
        block.facts if block.facts.oldest_end_ns > since_ns else block.facts_since(since_ns)
        for block in recent
    ]
    latency_ms = np.concatenate([np.empty(0), *(fact.latency_ms for fact in facts)])
    n_requests, n_answered = sum(fact.n_requests for fact in facts), len(latency_ms)
    n_lookups, n_batches = sum(f.n_lookups for f in facts), sum(f.n_batches for f in facts)
    p50, p95, p99 = [math.nan] * 3
    if n_answered:
        p50, p95, p99 = np.percentile(latency_ms, _PERCENTS, overwrite_input=True).tolist()
    return WindowFigures(
        seconds=seconds,
        n_requests=n_requests,
        n_errors=n_requests - n_answered,
        throughput_rps=n_answered / seconds,
        cache_hit_rate=sum(fact.n_hits for fact in facts) / n_lookups if n_lookups else 0.0,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        mean_batch_size=sum(f.n_computed for f in facts) / n_batches if n_batches else 0.0,
        mean_queue_length=sum(fact.waited_ns for fact in facts) / 1e9 / seconds,
    )
