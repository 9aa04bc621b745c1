"""One background thread that works on the newest item and drops what it overtakes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

__all__ = ["NewestWins"]

T = TypeVar("T")


class NewestWins(Generic[T]):
    """Works on one item at a time; a newer one stops the work on an older one.

    Nothing queues up: of all items handed in meanwhile only the last is taken. The thread sleeps
    while there is nothing to do.

    Parameters
    ----------
    work : callable
        Takes an item and the event that is set when a newer item makes it pointless. It handles
        its own errors.
    settle_s : float
        Quiet time that an item must last before the work on it begins, in s.
    name : str
        Name of the thread.
    """

    def __init__(
        self, work: Callable[[T, threading.Event], None], *, settle_s: float, name: str
    ) -> None:
        self._work = work
        self._settle_s = settle_s
        self._changed = threading.Condition()  # re-entrant
        self._next: list[T] = []  # at most one
        self._stop: threading.Event | None = None  # of the work that runs
        self._closed = False
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)
        self._thread.start()

    def submit(self, item: T) -> None:
        """Hand in the newest item; nothing happens on one that is closed."""
        with self._changed:
            if self._closed:
                return
            self._next[:] = [item]
            if self._stop is not None:
                self._stop.set()
            self._changed.notify_all()

    def drop(self) -> None:
        """Drop what waits and stop what runs."""
        with self._changed:
            self._next.clear()
            if self._stop is not None:
                self._stop.set()
            self._changed.notify_all()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until there is nothing left to do; return whether that came within the timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._next and self._stop is None, timeout_s)

    def close(self, timeout_s: float | None = 30.0) -> bool:
        """Drop what waits, stop what runs and end the thread; return whether it has ended."""
        with self._changed:
            self._closed = True
            self.drop()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _loop(self) -> None:
        while (taken := self._take()) is not None:
            item, stop = taken
            try:
                self._work(item, stop)
            finally:
                with self._changed:
                    self._stop = None
                    self._changed.notify_all()

    def _take(self) -> tuple[T, threading.Event] | None:
        """Wait for an item that has stood for the settling time; None once closed."""
        with self._changed:
            while not self._closed:
                self._changed.wait_for(lambda: self._closed or self._next)
                if self._closed:
                    break
                newest = self._next[0]
                if not self._changed.wait_for(partial(self._overtakes, newest), self._settle_s):
                    self._next.clear()
                    self._stop = threading.Event()
                    return newest, self._stop
            return None

    def _overtakes(self, item: T) -> bool:
        return self._closed or not self._next or self._next[0] is not item
