"""What the parts of a service-time profile must be like."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from codomyrmex_lab.errors import ProfileError
from codomyrmex_lab.optimization.models import QuantizationType

__all__ = [
    "COLD_COLUMNS",
    "POINT_COLUMNS",
    "checked_cold_starts",
    "checked_points",
    "checked_ratios",
]

POINT_COLUMNS = (
    "quantization",
    "busy_workers",
    "batch_size",
    "cost",
    "service_ms",
    "ci_low_ms",
    "ci_high_ms",
    "n_samples",
)
COLD_COLUMNS = ("quantization", "n_workers", "batch_size", "idle_ms", "extra_ms")


_WHOLE = {"busy_workers", "batch_size", "n_samples", "n_workers"}


def _typed(name: str, frame: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return the columns, each of its type, or raise ``ProfileError``."""
    types = {
        one: str if one == "quantization" else np.int64 if one in _WHOLE else np.float64
        for one in columns
    }
    try:
        return frame[list(columns)].astype(types)
    except (TypeError, ValueError) as error:
        raise ProfileError(
            f"{name} must hold text in quantization, whole numbers in "
            f"{', '.join(one for one in columns if one in _WHOLE)}, and numbers elsewhere: {error}."
        ) from error


def checked_points(points: pd.DataFrame) -> pd.DataFrame:
    """Return measured points in order, each column of its type, or raise ``ProfileError``."""
    if "cost" not in points:
        points = points.assign(cost=0.0)
    missing = [name for name in POINT_COLUMNS if name not in points]
    if missing or points.empty:
        raise ProfileError(
            f"points has columns {', '.join(map(str, points.columns))} and {len(points)} rows; "
            f"expected {', '.join(POINT_COLUMNS)} and at least one row."
        )
    points = _typed("points", points, POINT_COLUMNS)
    by = ["quantization", "busy_workers", "batch_size", "cost"]
    times_and_costs = points[["service_ms", "cost"]].to_numpy()
    if (
        not (np.isfinite(times_and_costs) & (times_and_costs >= 0)).all()
        or (points[["busy_workers", "batch_size"]] < 1).any(axis=None)
        or points.duplicated(by).any()
    ):
        raise ProfileError(
            "Each point needs a finite service_ms and cost of at least 0, busy_workers and "
            f"batch_size of at least 1, and its own combination of {', '.join(by)}."
        )
    known = {one.value for one in QuantizationType}
    unknown = sorted(set(points["quantization"]) - known)
    if unknown:
        raise ProfileError(
            f"quantization is {unknown[0]!r}; expected one of {', '.join(sorted(known))}."
        )
    return points.sort_values(by).reset_index(drop=True)


def checked_ratios(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return ratios as an array that cannot be written to, or raise ``ProfileError``."""
    try:
        ratios = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ProfileError(f"{name} must be finite ratios above 0: {error}.") from error
    if ratios.ndim != 1 or len(ratios) == 0 or not (np.isfinite(ratios) & (ratios > 0)).all():
        raise ProfileError(f"{name} must be finite ratios above 0, at least one of them.")
    ratios.setflags(write=False)
    return ratios


def checked_cold_starts(cold_starts: pd.DataFrame) -> pd.DataFrame:
    """Return cold starts in order, each column of its type, or raise ``ProfileError``."""
    if "batch_size" not in cold_starts:
        cold_starts = cold_starts.assign(batch_size=1)
    missing = [name for name in COLD_COLUMNS if name not in cold_starts]
    if missing:
        raise ProfileError(
            f"cold_starts has no column {missing[0]!r}; expected {', '.join(COLD_COLUMNS)}."
        )
    cold_starts = _typed("cold_starts", cold_starts, COLD_COLUMNS)
    times = cold_starts[["idle_ms", "extra_ms"]].to_numpy()
    if not (np.isfinite(times) & (times >= 0)).all():
        raise ProfileError("idle_ms and extra_ms of cold_starts must be finite and at least 0.")
    by = ["quantization", "n_workers", "batch_size", "idle_ms"]
    return cold_starts.sort_values(by).reset_index(drop=True)
