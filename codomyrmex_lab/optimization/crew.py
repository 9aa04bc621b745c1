"""The worker threads of a dispatcher: how many, and who takes whose place."""

from __future__ import annotations

import threading
from collections.abc import Callable

from codomyrmex_lab.optimization.clock import Clock

__all__ = ["Crew"]


class Crew:
    """Daemon threads, one for each place; a thread works for as long as it holds its place.

    Parameters
    ----------
    work : callable
        Run by each thread with the index of its place; must end soon after :meth:`employs_me`
        turned false.
    """

    def __init__(self, work: Callable[[int], None]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._places: dict[int, threading.Thread] = {}
        self._threads: set[threading.Thread] = set()

    def employs_me(self, place: int) -> bool:
        """Tell whether the current thread holds a place."""
        return self._places.get(place) is threading.current_thread()

    def resize(self, n_places: int) -> None:
        """Bring the crew to ``n_places``; one who is too many leaves after its batch."""
        with self._lock:
            for place in [index for index in self._places if index >= n_places]:
                del self._places[place]
            for place in range(n_places):
                if place not in self._places:
                    self._fill(place)

    def leave(self, place: int) -> None:
        """Give up the current thread's place."""
        with self._lock:
            if self._places.get(place) is threading.current_thread():
                del self._places[place]

    def replace(self, place: int, thread: threading.Thread) -> None:
        """Put a fresh thread in the place of one that hangs or died."""
        with self._lock:
            self._threads.discard(thread)
            if self._places.get(place) is thread:
                self._fill(place)

    def join(self, due_ns: float | None, clock: Clock) -> None:
        """Wait until all threads have ended, or the tick ``due_ns``; None waits without limit."""
        while True:
            with self._lock:
                others = self._threads - {threading.current_thread()}
            left_s = None if due_ns is None else (due_ns - clock.now_ns()) / 1e9
            if not others or (left_s is not None and left_s <= 0):
                return
            others.pop().join(left_s)

    def _fill(self, place: int) -> None:
        thread = threading.Thread(
            target=self._run, args=(place,), name=f"batch-worker-{place}", daemon=True
        )
        self._places[place] = thread
        self._threads.add(thread)
        thread.start()

    def _run(self, place: int) -> None:
        try:
            self._work(place)
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())
