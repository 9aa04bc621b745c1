"""How a simulated request can fail: the ways of the engine, in its own words."""

from __future__ import annotations

from codomyrmex_lab.optimization.failures import (
    deadline_error,
    full_error,
    late_error,
    no_place_error,
    shed_error,
)

__all__ = ["EXPIRED", "LATE", "NO_PLACE", "REJECTED", "SHED", "messages"]

EXPIRED, LATE, REJECTED, SHED, NO_PLACE = range(5)


def messages(max_queue_size: int | None) -> tuple[str, ...]:
    """Return what a trace says of each failure."""
    errors = (
        deadline_error(),
        late_error(),
        full_error(max_queue_size),
        shed_error(),
        no_place_error(),
    )
    return tuple(f"{type(error).__name__}: {error}" for error in errors)
