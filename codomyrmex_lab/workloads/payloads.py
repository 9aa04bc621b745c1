"""Inputs of the model, as they are given to a workload."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from codomyrmex_lab.errors import WorkloadError

__all__ = ["payload_pool", "plain_values"]


def plain_values(payloads: Iterable[Any]) -> Iterable[Any]:
    """Turn a column of scalars into plain Python values, and leave anything else as it is."""
    if isinstance(payloads, pd.Series) or (isinstance(payloads, np.ndarray) and payloads.ndim == 1):
        values: list[Any] = payloads.tolist()
        return values
    return payloads


def payload_pool(payloads: Iterable[Any]) -> tuple[Any, ...]:
    """Return the inputs that the keys from 0 stand for.

    Raises
    ------
    WorkloadError
        There are none.
    """
    pool = tuple(plain_values(payloads))
    if not pool:
        raise WorkloadError("payloads is empty; expected at least one input.")
    return pool
