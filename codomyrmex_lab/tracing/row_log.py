"""Rows noted by many threads, cut into blocks for those who read them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence

from codomyrmex_lab.errors import TraceError
from codomyrmex_lab.tracing.live import LiveRows
from codomyrmex_lab.tracing.rows import WIDTH, n_requests, pack_row, packed

__all__ = ["BLOCK_BYTES", "RowLog"]

_ROW_BYTES = 8 * WIDTH
BLOCK_BYTES = 1024 * _ROW_BYTES
"""Size from which on rows are to be cut off as a block."""

_MOST_LATEST = 512


class RowLog:
    """Packed rows in the order in which they were noted.

    Rows are added by one ``rows.extend`` per event, which the interpreter does in one piece: it
    takes no lock and cannot be torn apart by another thread. All but adding needs a lock, which
    is the caller's.

    Parameters
    ----------
    clock_ns : callable
        The engine's clock.
    latest_only : bool
        Keep half a million rows at most.

    Attributes
    ----------
    rows : bytearray
        What has come since the last block; the same object for life.
    blocks : list of bytes
        The blocks so far.
    live : LiveRows
        The newest blocks.
    """

    def __init__(self, clock_ns: Callable[[], int], *, latest_only: bool) -> None:
        self.rows = bytearray()
        self.blocks: list[bytes] = []
        self.live = LiveRows()
        self._clock_ns = clock_ns
        self._latest_only = latest_only
        self._n_requests, self._n_counted = 0, 0
        self._unfit_ids: list[int] = []

    @property
    def n_rows(self) -> int:
        """Rows in the blocks."""
        return sum(map(len, self.blocks)) // _ROW_BYTES

    def add(self, numbers: Sequence[int]) -> None:
        """Add rows; those that are not all 64-bit integers are left out, and told of."""
        try:
            self.rows.extend(packed(numbers))
        except struct.error:
            self.rows.extend(b"".join(self._fitting(numbers)))

    def cut(self) -> None:
        """Make a block of what has come since the last one."""
        block = bytes(self.rows)
        if block:
            del self.rows[: len(block)]
            self.blocks.append(block)
            self.live.put(self._clock_ns(), block)
            if self._latest_only and len(self.blocks) > _MOST_LATEST:
                self.count_requests()
                del self.blocks[0]
                self._n_counted -= 1

    def take(self) -> tuple[bytes, ...]:
        """Return the blocks and keep them no longer, except for windows."""
        self.count_requests()
        taken, self.blocks, self._n_counted = tuple(self.blocks), [], 0
        return taken

    def count_requests(self) -> int:
        """Return the number of requests in all blocks so far, those taken included."""
        self._n_requests += n_requests(self.blocks[self._n_counted :])
        self._n_counted = len(self.blocks)
        return self._n_requests

    def clear(self) -> None:
        """Forget everything."""
        self.rows.clear()
        self.blocks, self._n_requests, self._n_counted = [], 0, 0
        self._unfit_ids = []
        self.live.clear()

    def check_all_fitted(self) -> None:
        """Raise ``TraceError``, once, if rows were left out."""
        ids, self._unfit_ids = self._unfit_ids, []
        if ids:
            count = "1 record was" if len(ids) == 1 else f"{len(ids)} records were"
            raise TraceError(
                f"{count} dropped, first that of request or batch {ids[0]}: not all of it is "
                "64-bit integers; give arrival_ns as a tick of time.perf_counter_ns()."
            )

    def _fitting(self, numbers: Sequence[int]) -> Iterator[bytes]:
        for row in range(0, len(numbers), WIDTH):
            try:
                yield pack_row(*numbers[row : row + WIDTH])
            except struct.error:
                self._unfit_ids.append(numbers[row])
