"""What becomes of running engines when the interpreter exits or the process forks.

At exit, after all other threads have ended, each running engine gets a short time to answer what
it accepted; the rest fails with ``DrainTimeoutError``. In a forked child the engine's threads do
not exist: its copy there refuses requests, and futures made before the fork are answered in the
parent only.
"""

from __future__ import annotations

import atexit
import os
import weakref

from codomyrmex_lab.optimization.dispatcher import Dispatcher

__all__ = ["EXIT_DRAIN_S", "register"]

EXIT_DRAIN_S = 5.0
_running: weakref.WeakSet[Dispatcher] = weakref.WeakSet()  # the two hooks below are process-wide


def register(dispatcher: Dispatcher) -> None:
    """Look after a dispatcher for as long as it exists."""
    _running.add(dispatcher)


def _at_exit() -> None:
    for dispatcher in list(_running):
        dispatcher.stop(EXIT_DRAIN_S)


def _in_forked_child() -> None:
    for dispatcher in list(_running):
        dispatcher.forked()
    _running.clear()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
