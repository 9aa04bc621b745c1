"""Variants swapped while the engine serves, and sessions that go when nobody runs them."""

import gc
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from codomyrmex_lab.errors import BatchDependenceWarning
from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig
from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.runtimes import OnnxModel
from tests.runtimes.conftest import Heldout

FP32, FP16, INT8, INT4 = QuantizationType
N_CALLERS = 4
N_SWAPS = 40


@pytest.fixture
def static(digits_path: Path, digits_cache: Path, heldout: Heldout) -> Iterator[OnnxModel]:
    """Every variant of it gives an input one output, so that each output tells who computed it."""
    calibration = heldout.payloads[:64]
    with OnnxModel(digits_path, cache_dir=digits_cache, calibration=calibration) as model:
        yield model


@pytest.mark.parametrize("caching", [True, False])
def test_swapping_under_load_loses_no_request_and_never_mixes_variants(
    static: OnnxModel, heldout: Heldout, caching: bool
) -> None:
    payloads = heldout.payloads[:60]
    cycle = (FP32, INT8, INT4)
    own = {q: np.stack(static.variant(q)(payloads)) for q in cycle}
    apart = [np.abs(own[a] - own[b]).max(axis=1) for a, b in ((FP32, INT8), (FP32, INT4))]
    telling = [i for i in range(60) if min(d[i] for d in apart) > 1e-5]
    assert len(telling) > 10  # of these inputs each variant has an output of its own
    config = OptimizationConfig(
        max_batch_size=8, batch_timeout_ms=0.5, num_workers=2, enable_caching=caching
    )
    answers: list[tuple[int, np.ndarray]] = []
    running = threading.Event()

    def call(engine: InferenceOptimizer, first: int) -> int:
        n_calls = 0
        while n_calls < 200 or running.is_set():
            index = telling[(first + n_calls) % len(telling)]
            answers.append((index, engine.infer(payloads[index]).output))
            n_calls += 1
        return n_calls

    running.set()
    with InferenceOptimizer(static, config) as engine, ThreadPoolExecutor(N_CALLERS) as pool:
        callers = [pool.submit(call, engine, 7 * i) for i in range(N_CALLERS)]
        try:
            for step in range(N_SWAPS):
                engine.reconfigure(config.replace(quantization=cycle[step % len(cycle)]))
                engine.infer(payloads[0])
        finally:
            running.clear()
        n_calls = sum(caller.result() for caller in callers)
        settled = engine.infer_batch([payloads[i] for i in telling])
    assert len(answers) == n_calls
    seen = {q: 0 for q in cycle}
    for index, output in answers:
        fits = [q for q in cycle if np.abs(output - own[q][index]).max() < 2e-6]
        assert len(fits) == 1, f"output of payload {index} is of {len(fits)} variants"
        seen[fits[0]] += 1
    assert min(seen.values()) > 0
    in_force = own[cycle[(N_SWAPS - 1) % len(cycle)]]
    for index, answer in zip(telling, settled, strict=True):  # also those from the cache
        np.testing.assert_allclose(answer.output, in_force[index], atol=2e-6)


def is_gone(reference: Callable[[], object]) -> bool:
    gc.collect()
    return reference() is None


def test_session_of_a_swapped_variant_is_freed_after_its_last_batch(
    static: OnnxModel, heldout: Heldout
) -> None:
    config = OptimizationConfig(max_batch_size=1, num_workers=2)
    with InferenceOptimizer(static, config) as engine:
        engine.infer(heldout.payloads[0])
        session = weakref.ref(static.variant(FP32))
        assert not is_gone(session)
        engine.reconfigure(config.replace(quantization=INT8))
        engine.infer(heldout.payloads[0])
        assert is_gone(session)


def test_variant_that_another_engine_runs_stays_open(static: OnnxModel, heldout: Heldout) -> None:
    config = OptimizationConfig(max_batch_size=1, enable_caching=False)
    with (
        InferenceOptimizer(static, config) as engine,
        InferenceOptimizer(static, config) as other,
    ):
        engine.reconfigure(config.replace(quantization=INT8))
        for index in range(5):
            np.testing.assert_array_equal(
                other.infer(heldout.payloads[index]).output,
                static.variant(FP32)([heldout.payloads[index]])[0],
            )


def test_model_keeps_only_the_variant_last_asked_for(static: OnnxModel) -> None:
    first = weakref.ref(static.variant(FP32))
    assert static.variant(FP32) is first()
    static.variant(INT8)
    assert is_gone(first)


def test_variant_closed_by_hand_is_opened_anew(static: OnnxModel, heldout: Heldout) -> None:
    variant = static.variant(INT8)
    expected = variant(heldout.payloads[:3])
    variant.close()
    assert variant.is_closed
    np.testing.assert_array_equal(static.variant(INT8)(heldout.payloads[:3]), expected)


def test_cache_behind_a_variant_that_depends_on_batch_mates_is_warned_of(
    digits: OnnxModel,
) -> None:
    config = OptimizationConfig(quantization=INT8)
    with pytest.warns(BatchDependenceWarning, match="INT8 variant depend on what else") as caught:
        InferenceOptimizer(digits, config)
    assert caught[0].filename == __file__
    engine = InferenceOptimizer(digits)
    with pytest.warns(BatchDependenceWarning):
        engine.reconfigure(config)
    engine.reconfigure(config.replace(max_batch_size=2))  # said once
    engine.reconfigure(config.replace(enable_caching=False))
    with pytest.warns(BatchDependenceWarning):
        engine.reconfigure(config)


def test_nothing_is_warned_of_without_a_cache_or_without_dependence(
    digits: OnnxModel, static: OnnxModel
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        InferenceOptimizer(digits, OptimizationConfig(quantization=INT8, enable_caching=False))
        InferenceOptimizer(static, OptimizationConfig(quantization=INT8))
        for quantization in (FP32, FP16, INT4):
            InferenceOptimizer(digits, OptimizationConfig(quantization=quantization))
