"""Numbers that a workload says of its requests, beside arrival and key."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import WorkloadError
from codomyrmex_lab.workloads import Workload

__all__ = ["costs_of", "numbers_of"]


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


def costs_of(workload: Workload, name: str) -> NDArray[np.float64]:
    """Return a column of costs, shape (n_requests,).

    Raises
    ------
    WorkloadError
        It holds something else than finite numbers of at least 0.
    """
    costs = numbers_of(workload, name)
    wrong = np.flatnonzero(~(np.isfinite(costs) & (costs >= 0)))
    if len(wrong):
        raise WorkloadError(
            f"Column {name!r} holds a cost of {costs[wrong[0]]:g} in row {wrong[0]}; expected a "
            "finite number of at least 0 for each request."
        )
    return costs
