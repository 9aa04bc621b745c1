"""How long variants take for batches of several sizes, measured in turn."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codomyrmex_lab.optimization.models import BatchFunction, QuantizationType
from codomyrmex_lab.tracing import percentiles

__all__ = ["ServiceLatency", "service_latencies"]

_FEWEST_CALLS, _MOST_CALLS = 5, 30
_BUDGET_S = 3.0


@dataclass(frozen=True, slots=True)
class ServiceLatency:
    """Time of one model call, from payloads to outputs.

    Parameters
    ----------
    quantization : QuantizationType
        Variant.
    batch_size : int
        Payloads per call.
    median_ms, ci_low_ms, ci_high_ms : float
        Median over the calls and its 95% confidence interval, in ms.
    encode_ms : float
        Median of the part that turns payloads into inputs (stacking, or tokenising and padding),
        in ms; NaN where a variant does not tell it apart.
    ratio : float
        Of FP32's time: the median of the rounds' own ratios, because what disturbs a round
        disturbs both; below 1 is faster.
    n_calls : int
        Calls measured.
    """

    quantization: QuantizationType
    batch_size: int
    median_ms: float
    ci_low_ms: float
    ci_high_ms: float
    encode_ms: float
    ratio: float
    n_calls: int


def service_latencies(
    variants: Mapping[QuantizationType, BatchFunction], payloads: Sequence[Any], batch_size: int
) -> list[ServiceLatency]:
    """Time variants on batches of one size, one call of each per round.

    All variants get the same batches. There are 30 rounds, or fewer, at least 5, where these
    would take more than 3 s.

    Parameters
    ----------
    variants : mapping of QuantizationType to callable
        Batch functions, FP32 among them.
    payloads : sequence
        Taken in order, and again from the start as often as needed.
    batch_size : int
        Payloads per call.

    Returns
    -------
    list of ServiceLatency
        One per variant.
    """
    total_ns: dict[QuantizationType, list[int]] = {quantization: [] for quantization in variants}
    encode_ns: dict[QuantizationType, list[int]] = {quantization: [] for quantization in variants}
    began_s = time.perf_counter()
    for round_number in range(-1, _MOST_CALLS):  # the first one warms up and does not count
        out_of_time = time.perf_counter() - began_s > _BUDGET_S
        if round_number >= _FEWEST_CALLS and out_of_time:
            break
        batch = _batch(payloads, round_number * batch_size, batch_size)
        for quantization, function in variants.items():
            encode = getattr(function, "encode", None)
            start_ns = time.perf_counter_ns()
            if encode is not None:
                encode(batch)
            middle_ns = time.perf_counter_ns()
            function(batch)
            end_ns = time.perf_counter_ns()
            if round_number >= 0:
                total_ns[quantization].append(end_ns - middle_ns)
                encode_ns[quantization].append(middle_ns - start_ns if encode else -1)
    reference = np.array(total_ns[QuantizationType.FP32])
    return [
        _summary(quantization, batch_size, np.array(times), encode_ns[quantization], reference)
        for quantization, times in total_ns.items()
    ]


def _batch(payloads: Sequence[Any], first: int, batch_size: int) -> list[Any]:
    return [payloads[index % len(payloads)] for index in range(first, first + batch_size)]


def _summary(
    quantization: QuantizationType,
    batch_size: int,
    times_ns: Any,
    encode_ns: list[int],
    reference_ns: Any,
) -> ServiceLatency:
    (middle,) = percentiles(times_ns / 1e6, [50])
    tells_apart = encode_ns[0] >= 0
    return ServiceLatency(
        quantization,
        batch_size,
        median_ms=middle.value,
        ci_low_ms=middle.ci_low,
        ci_high_ms=middle.ci_high,
        encode_ms=float(np.median(encode_ns)) / 1e6 if tells_apart else float("nan"),
        ratio=float(np.median(times_ns / reference_ns)),
        n_calls=len(times_ns),
    )
