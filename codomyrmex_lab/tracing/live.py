"""The figures of the last seconds, quick enough to be asked for while traffic runs.

What a window needs of a row is worked out once, for all rows together that are new since the
window before: each call of NumPy on more than a few hundred values lets go of the interpreter
lock and has to win it back from the engine's threads, so few calls on many rows wait less than
many calls on few. What is added up for a window is then only a few hundred numbers per stretch.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.tracing.rows import (
    ANSWERED,
    BATCH,
    HAS_KEY,
    HIT,
    JOINED,
    N_FACTS,
    UNSERVED,
    TimedRows,
    as_rows,
)
from codomyrmex_lab.tracing.sorted_samples import SortedSamples, percentiles_over

__all__ = ["LiveRows", "WindowFigures"]

_MOST_BLOCKS, _MOST_ROWS = 512, 500_000
_BLOCKS_AT_ONCE = 8  # larger arrays leave the processor's cache
_PERCENTS = (50, 95, 99)
_LAST_TICK = np.iinfo(np.int64).max
_FACTS = np.arange(N_FACTS)
_COUNTED = np.array(
    [
        _FACTS & BATCH == 0,
        _FACTS & BATCH != 0,
        _FACTS & ANSWERED != 0,
        _FACTS & (HAS_KEY | HIT) != 0,
        _FACTS & HIT != 0,
        _FACTS & (HIT | UNSERVED | BATCH | JOINED) == 0,
    ],
    dtype=np.int64,
)
"""Which facts make a request, a batch, an answer, a look-up, a hit, a computed request."""


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
    end_ns, latency_ns, waited_ns : int64, shape (n_rows,)
        Who was not answered has waited for nothing, and has no latency that counts.
    facts : int64, shape (n_rows,)
        What holds of each, as bits: :class:`~codomyrmex_lab.tracing.rows.TimedRows`.

    Attributes
    ----------
    n_by_facts : int64, shape (N_FACTS,)
        How many rows there are with each combination of facts.
    waited_ns : int
        By all together.
    latency_ns : SortedSamples
        Of those answered without error.
    """

    def __init__(
        self,
        end_ns: NDArray[np.int64],
        latency_ns: NDArray[np.int64],
        waited_ns: NDArray[np.int64],
        facts: NDArray[np.int64],
    ) -> None:
        self._rows = (end_ns, latency_ns, waited_ns, facts)
        self.n_by_facts = np.bincount(facts, minlength=N_FACTS)
        self.waited_ns = int(waited_ns.sum())
        self.latency_ns = SortedSamples(latency_ns[facts & ANSWERED != 0])
        self._oldest_end_ns = int(end_ns.min(initial=_LAST_TICK))

    def __len__(self) -> int:
        return len(self._rows[0])

    @classmethod
    def of(cls, blocks: Sequence[bytes]) -> _Segment:
        """Return what some blocks hold."""
        timed = TimedRows(as_rows(blocks))
        is_answered = timed.facts & ANSWERED != 0
        waited_ns = np.maximum(timed.start_ns - timed.arrival_ns, 0) * is_answered
        return cls(timed.end_ns, timed.end_ns - timed.arrival_ns, waited_ns, timed.facts)

    def since(self, tick_ns: int) -> _Segment:
        """Return what ended after a tick."""
        if self._oldest_end_ns > tick_ns:
            return self
        inside = self._rows[0] > tick_ns
        return _Segment(*(column[inside] for column in self._rows))


class LiveRows:
    """The newest blocks of a recorder, for windows over them; both from any thread."""

    def __init__(self) -> None:
        self._new: deque[tuple[int, bytes]] = deque(maxlen=_MOST_BLOCKS)
        self._known: deque[tuple[int, _Segment]] = deque()
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
        if not (isinstance(seconds, int | float) and 0 < seconds * 1e9 < math.inf):
            raise SettingError(
                f"seconds is {seconds!r}; expected a finite number of seconds above 0."
            )
        since_ns = now_ns - int(seconds * 1e9)
        with self._lock:
            self._get_to_know(since_ns)
            segments = [
                segment.since(since_ns)
                for packed_ns, segment in self._known
                if packed_ns > since_ns
            ]
            return _figures_of(segments, seconds)

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
        while sum(len(segment) for _, segment in self._known) > _MOST_ROWS:
            self._known.popleft()


def _figures_of(segments: Sequence[_Segment], seconds: float) -> WindowFigures:
    n_by_facts = sum((s.n_by_facts for s in segments), start=np.zeros(N_FACTS, dtype=np.int64))
    n_requests, n_batches, n_answered, n_lookups, n_hits, n_computed = (
        _COUNTED @ n_by_facts
    ).tolist()
    p50_ms = p95_ms = p99_ms = math.nan
    if n_answered:
        in_ns = percentiles_over([segment.latency_ns for segment in segments], _PERCENTS)
        p50_ms, p95_ms, p99_ms = (value / 1e6 for value in in_ns)
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
        mean_queue_length=sum(s.waited_ns for s in segments) / 1e9 / seconds,
    )
