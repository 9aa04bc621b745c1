"""The Pareto front: the trials that no other beats at everything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.tuning.goals import FIGURES

__all__ = ["is_efficient", "pareto_front"]


def pareto_front(trials: pd.DataFrame, figures: Sequence[str]) -> pd.DataFrame:
    """Return the trials that no other trial beats in one figure without losing in another.

    Parameters
    ----------
    trials : pandas.DataFrame
        One row per config.
    figures : sequence of str
        Some of :data:`codomyrmex_lab.tuning.FIGURES`, which say which way is good.

    Returns
    -------
    pandas.DataFrame
        Rows of ``trials``, sorted by the first figure. A figure that is unknown throughout is
        passed over; a row that lacks another is left out.
    """
    unknown = [name for name in figures if name not in FIGURES]
    if unknown or not figures:
        raise SettingError(f"figures is {list(figures)!r}; expected some of {', '.join(FIGURES)}.")
    known = [name for name in figures if trials[name].notna().any()]
    rows = trials.dropna(subset=known)
    losses = rows[known].to_numpy(dtype=np.float64) * [
        1.0 if FIGURES[name].less_is_better else -1.0 for name in known
    ]
    return rows[is_efficient(losses)].sort_values(figures[0])


def is_efficient(losses: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which rows no other row is at least as good as everywhere, and better somewhere.

    Parameters
    ----------
    losses : float64, shape (n_rows, n_figures)
        Less is better, without NaN.
    """
    order = np.lexsort(losses.T[::-1])
    efficient = np.zeros(len(losses), dtype=np.bool_)
    front = np.empty((0, losses.shape[1]))
    # in this order a row can only be beaten by one before it, and then by one of the front
    for row in order:
        beaten = (front <= losses[row]).all(axis=1) & (front < losses[row]).any(axis=1)
        if not beaten.any():
            efficient[row] = True
            front = np.vstack([front, losses[row]])
    return efficient
