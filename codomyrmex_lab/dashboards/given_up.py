"""Work in the background that nobody waits for any more."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["GivenUpError", "until_given_up"]


class GivenUpError(Exception):
    """Leaves work that was given up, from within its own report of progress."""


def until_given_up(
    stop: threading.Event, show: Callable[[int, int], object]
) -> Callable[[int, int], None]:
    """Return a report of progress that ends the work which calls it once ``stop`` is set."""

    def report(n_done: int, n_total: int) -> None:
        if stop.is_set():
            raise GivenUpError
        show(n_done, n_total)

    return report
