"""A thread that works at a steady pace while it is wanted, and sleeps soundly otherwise."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Ticker"]


class Ticker:
    """Calls a function again and again while it runs, in a thread of its own.

    Paused, the thread waits without a timeout: it takes no time at all.

    Parameters
    ----------
    work : callable
        What is called. It handles its own errors.
    period_s : float
        Time from one call to the next, in s; a call that takes longer delays the next one.
    name : str
        Name of the thread.
    """

    def __init__(self, work: Callable[[], object], *, period_s: float, name: str) -> None:
        self._work = work
        self._period_s = period_s
        self._changed = threading.Condition()
        self._running = self._closed = False
        self._wanted_once = False
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether the function is being called."""
        return self._running

    def start(self) -> None:
        """Begin to call the function, at once."""
        self._set(running=True)

    def pause(self) -> None:
        """Call it no more until it is started again."""
        self._set(running=False)

    def once(self) -> None:
        """Call it once soon, paused or not."""
        with self._changed:
            self._wanted_once = True
            self._changed.notify_all()

    def close(self, timeout_s: float | None = 30.0) -> None:
        """End the thread, and wait for that."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _set(self, *, running: bool) -> None:
        with self._changed:
            self._running = running
            self._changed.notify_all()

    def _loop(self) -> None:
        due_s = time.monotonic()
        while self._wait(due_s):
            self._work()
            # a steady pace, which a call that took too long does not speed up afterwards
            due_s = max(due_s + self._period_s, time.monotonic())

    def _wait(self, due_s: float) -> bool:
        """Wait for the next call; False once closed."""
        with self._changed:
            while not self._closed:
                if self._wanted_once:
                    self._wanted_once = False
                    return True
                left_s = due_s - time.monotonic()
                if self._running and left_s <= 0:
                    return True
                self._changed.wait(left_s if self._running else None)
            return False
