"""What a workload says of its requests' costs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import WorkloadError
from codomyrmex_lab.workloads import Workload
from codomyrmex_lab.workloads.request_numbers import numbers_of

__all__ = ["costs_of"]


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
