"""Numbers that a workload says of its requests, beside arrival and key."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import WorkloadError
from codomyrmex_lab.workloads.workload import Workload

__all__ = ["TIMEOUT_COLUMN", "numbers_of", "timeouts_ms"]

TIMEOUT_COLUMN = "timeout_ms"
"""Column of a workload that gives requests a deadline, in ms from their arrival."""


def numbers_of(workload: Workload, name: str) -> NDArray[np.float64]:
    """Return a column of :attr:`Workload.columns`, NaN where it holds nothing.

    Raises
    ------
    WorkloadError
        It holds something that is no number.
    """
    column = workload.columns[name]
    try:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise WorkloadError(f"Column {name!r} must hold numbers only: {error}.") from error


def timeouts_ms(workload: Workload) -> NDArray[np.float64] | None:
    """Return each request's time from arrival to deadline, in ms, NaN where it has none.

    Returns
    -------
    float64, shape (n_requests,), or None
        None where the workload has no column of them.

    Raises
    ------
    WorkloadError
        The column holds something else than numbers above 0.
    """
    if TIMEOUT_COLUMN not in workload.columns:
        return None
    found = numbers_of(workload, TIMEOUT_COLUMN)
    given = found[~np.isnan(found)]
    if not (given > 0).all() or np.isinf(given).any():
        raise WorkloadError(
            f"Column {TIMEOUT_COLUMN!r} holds a deadline that is not a finite number of ms above "
            "0; expected one, or NaN for none."
        )
    return found
