"""Keeps Python's garbage collector away from what was there before a run."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["garbage_left_alone"]


@contextmanager
def garbage_left_alone() -> Iterator[None]:
    """Leave all objects that exist now out of garbage collections, until the end.

    A full collection goes through every object of every library that is loaded. In a notebook that
    is a stall of all threads for 50 to 100 ms every few seconds under load, which says nothing of
    the settings under test. What comes into being meanwhile is collected as ever.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
