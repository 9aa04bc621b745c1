"""Arrays that cannot be written to, and what must hold of those that tell inputs apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from codomyrmex_lab.errors import WorkloadError

__all__ = ["check_keys", "frozen_array"]


def frozen_array(name: str, values: ArrayLike, dtype: type[Any] | None = None) -> NDArray[Any]:
    """Copy into a one-dimensional array that cannot be written to.

    Raises
    ------
    WorkloadError
        The values are not of this type, or not one per request.
    """
    try:
        array = np.array(values, dtype=dtype)
        if dtype is np.int32 and (array != np.asarray(values)).any():
            raise ValueError("expected whole numbers")
    except (TypeError, ValueError, OverflowError) as error:
        raise WorkloadError(f"{name} cannot be read as an array: {error}") from None
    if array.ndim != 1:
        raise WorkloadError(f"{name} has shape {array.shape}; expected one value per request.")
    if array.dtype.kind in "US" and not isinstance(values, np.ndarray):
        array = np.array(values, dtype=object)  # 1 and "1" in one list stay two values
    array.setflags(write=False)
    return array


def check_keys(keys: NDArray[Any]) -> None:
    """Raise ``WorkloadError`` unless each key is there, and can be compared with others."""
    missing = pd.isna(keys)
    if missing.any():
        raise WorkloadError(
            f"keys[{int(np.argmax(missing))}] is missing; expected one value per request."
        )
    if keys.dtype == object:
        try:
            set(keys.tolist())
        except TypeError as error:
            raise WorkloadError(
                f"keys cannot be told apart ({error}); expected numbers, texts or tuples of them."
            ) from None
