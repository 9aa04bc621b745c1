"""The figures of the last seconds, quick enough to be asked for while traffic runs.

What a window needs of a row is worked out once, for all rows together that are new since the
window before: each call of NumPy on more than a few hundred values lets go of the interpreter
lock and has to win it back from the engine's threads, so few calls on many rows wait less than
many calls on few.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.optimization.models import check_duration
from codomyrmex_lab.tracing.columns import NONE
from codomyrmex_lab.tracing.rows import SplitRows, as_rows, error_codes

__all__ = ["LiveRows", "WindowFigures"]

_MOST_BLOCKS, _MOST_REQUESTS = 512, 500_000
_BLOCKS_AT_ONCE = 8  # larger arrays leave the processor's cache
_PERCENTS = (50, 95, 99)
_LAST_TICK = np.iinfo(np.int64).max


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


class _Segment:
    """Some requests and batches, as far as windows need them.

    Parameters
    ----------
    requests : int64, shape (6, n_requests)
        End, latency and wait in ns; and, as 0 or 1, whether it was answered without error, looked
        up in the cache, and answered from there. A failed request has waited for nothing.
    batches : int64, shape (2, n_batches)
        End in ns, and requests computed.

    Attributes
    ----------
    counts : list of int
        Requests, batches, ns waited, answered, looked up, answered from the cache, computed.
    """

    def __init__(self, requests: NDArray[np.int64], batches: NDArray[np.int64]) -> None:
        self._requests, self._batches = requests, batches
        counts = requests[2:].sum(axis=1).tolist() + batches[1:].sum(axis=1).tolist()
        self.counts: list[int] = [requests.shape[1], batches.shape[1], *counts]
        self.latency_ns = requests[1][requests[3] == 1]
        ends_ns = np.concatenate([requests[0], batches[0]])
        self.oldest_end_ns = int(ends_ns.min(initial=_LAST_TICK))

    @property
    def n_requests(self) -> int:
        """How many it holds."""
        return self.counts[0]

    @classmethod
    def of(cls, blocks: Sequence[bytes]) -> _Segment:
        """Return what some blocks hold."""
        split = SplitRows(as_rows(blocks))
        _, arrival_ns, third, _, kind = split.requests
        _, batch_start_ns, batch_end_ns, _, batch_kind = split.batches
        end_ns = split.of_batch(batch_end_ns, third)
        wait_ns = np.maximum(split.of_batch(batch_start_ns, end_ns) - arrival_ns, 0)
        answered = split.of_batch(error_codes(batch_kind), error_codes(kind)) == NONE
        latency_ns, flags = end_ns - arrival_ns, (answered, split.has_key, split.is_hit)
        return cls(
            np.stack([end_ns, latency_ns, wait_ns * answered, *flags]),
            np.stack([batch_end_ns, split.size]),
        )

    def since(self, tick_ns: int) -> _Segment:
        """Return what ended after a tick."""
        if self.oldest_end_ns > tick_ns:
            return self
        requests, batches = self._requests, self._batches
        return _Segment(requests[:, requests[0] > tick_ns], batches[:, batches[0] > tick_ns])


class LiveRows:
    """The newest blocks of a recorder, for windows over them; both from any thread."""

    def __init__(self) -> None:
        self._new: deque[tuple[int, bytes]] = deque(maxlen=_MOST_BLOCKS)
        self._known: deque[tuple[int, _Segment]] = deque()
        self._latency_ns = np.empty(0, dtype=np.int64)  # kept: new memory costs more than to sort
        self._lock = threading.Lock()

    def put(self, packed_ns: int, block: bytes) -> None:
        """Take a block of rows, packed at a tick that no end in it is later than."""
        self._new.append((packed_ns, block))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._new.clear()
            self._known.clear()

    def figures(self, now_ns: int, seconds: float) -> WindowFigures:
        """Return the figures of ``seconds``, above 0, before a tick."""
        check_duration("seconds", seconds, above_zero=True)
        since_ns = now_ns - int(seconds * 1e9)
        with self._lock:
            self._get_to_know(since_ns)
            segments = [
                segment.since(since_ns)
                for packed_ns, segment in self._known
                if packed_ns > since_ns
            ]
            return self._figures(segments, seconds)

    def _get_to_know(self, since_ns: int) -> None:
        """Work out what is new and was packed after a tick."""
        new: list[tuple[int, bytes]] = []
        while self._new and self._new[-1][0] > since_ns:
            new.append(self._new.pop())
        while new:
            some = new[-_BLOCKS_AT_ONCE:]  # the oldest ones
            del new[-_BLOCKS_AT_ONCE:]
            packed_ns = max(tick_ns for tick_ns, _ in some)
            self._known.append((packed_ns, _Segment.of([block for _, block in some])))
        while sum(segment.n_requests for _, segment in self._known) > _MOST_REQUESTS:
            self._known.popleft()

    def _figures(self, segments: Sequence[_Segment], seconds: float) -> WindowFigures:
        counts = [sum(column) for column in zip(*(s.counts for s in segments), strict=True)]
        n_requests, n_batches, waited_ns, n_answered, n_lookups, n_hits, n_computed = (
            counts or [0] * 7
        )
        p50_ms, p95_ms, p99_ms = [math.nan] * 3
        if n_answered:
            if n_answered > len(self._latency_ns):
                self._latency_ns = np.empty(2 * n_answered, dtype=np.int64)
            latency_ns = self._latency_ns[:n_answered]
            np.concatenate([segment.latency_ns for segment in segments], out=latency_ns)
            in_ns = np.percentile(latency_ns, _PERCENTS, overwrite_input=True)
            p50_ms, p95_ms, p99_ms = (in_ns / 1e6).tolist()
        return WindowFigures(
            seconds=seconds,
            n_requests=n_requests,
            n_errors=n_requests - n_answered,
            throughput_rps=n_answered / seconds,
            cache_hit_rate=n_hits / n_lookups if n_lookups else 0.0,
            p50_ms=p50_ms,
            p95_ms=p95_ms,
            p99_ms=p99_ms,
            mean_batch_size=n_computed / n_batches if n_batches else 0.0,
            mean_queue_length=waited_ns / 1e9 / seconds,
        )
