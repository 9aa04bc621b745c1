"""Which rows a changed workload takes from where; the changes themselves are methods of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.errors import SettingError, UnkeyableInputError
from codomyrmex_lab.optimization.keys import exact_key
from codomyrmex_lab.workloads.ranges import check_number

__all__ = ["merged_keys", "repetition_starts_s", "sampled_rows"]


def sampled_rows(n_requests: int, fraction: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the positions of a random share of the requests, at least one, in order."""
    check_number("fraction", fraction, above_zero=True)
    if fraction > 1:
        raise SettingError(f"fraction is {fraction!r}; expected at most 1.")
    n_kept = max(round(n_requests * fraction), 1)
    return np.sort(rng.choice(n_requests, n_kept, replace=False))


def repetition_starts_s(
    arrival_s: NDArray[np.float64], n: int, every_s: float | None
) -> NDArray[np.float64]:
    """Return when each of ``n`` repetitions begins; by default with a mean gap in between."""
    last_s = float(arrival_s[-1])
    if every_s is None:
        every_s = last_s + float(arrival_s[-1] - arrival_s[0]) / max(len(arrival_s) - 1, 1)
    check_number("every_s", every_s, above_zero=False)
    span_s = last_s - float(arrival_s[0])
    if every_s < span_s:
        raise SettingError(
            f"every_s is {every_s!r}; expected at least the {span_s:.6g} s from the first request "
            "to the last, or the repetitions overlap."
        )
    return np.arange(n, dtype=np.float64) * every_s


def merged_keys(
    keys: NDArray[Any], payloads: Sequence[Any], others: NDArray[Any], other_payloads: Sequence[Any]
) -> NDArray[Any]:
    """Return the keys of both, one after the other, equal only for equal payloads.

    They stay as they are, unless one key stands for different payloads in the two: then the
    others' that do are new ones, and all become numbers.
    """
    inputs, other_inputs = _inputs_of(keys, payloads), _inputs_of(others, other_payloads)
    clashing = {key for key in other_inputs if key in inputs and inputs[key] != other_inputs[key]}
    both = np.concatenate([keys.astype(object), others.astype(object)])
    if not clashing:
        return np.concatenate([keys, others]) if keys.dtype.kind == others.dtype.kind else both
    codes, distinct = pd.factorize(both)
    renamed = np.isin(codes[len(keys) :], np.flatnonzero([key in clashing for key in distinct]))
    codes[len(keys) :][renamed] += len(distinct)
    return codes


def _inputs_of(keys: NDArray[Any], payloads: Sequence[Any]) -> dict[Any, Any]:
    """Return the payload of each key, in a form that can be compared."""
    first = np.unique(pd.factorize(keys)[0], return_index=True)[1].tolist()
    return {keys[row]: _comparable(payloads[row]) for row in first}


def _comparable(payload: Any) -> Any:
    try:
        return exact_key(payload)
    except UnkeyableInputError:
        return id(payload)
