"""Keys as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["key_codes_of"]


def key_codes_of(keys: NDArray[Any]) -> NDArray[np.int32]:
    """Return numbers from 0 on, in the order of first appearance, equal for equal keys.

    As in the engine's cache, keys are equal where their types are, too: 1, 1.0 and True are three.
    """
    codes = pd.factorize(keys, use_na_sentinel=False)[0]
    if keys.dtype == object:
        types, known = pd.factorize(np.array([type(key) for key in keys.tolist()], dtype=object))
        if len(known) > 1:
            codes = pd.factorize(codes * len(known) + types)[0]
    return codes.astype(np.int32)
