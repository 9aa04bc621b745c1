from concurrent.futures import wait

import numpy as np
import pytest

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig
from codomyrmex_lab.runtimes.encoder import SentenceEncoder, TokenizingRecorder
from codomyrmex_lab.tracing import TraceRecorder
from tests.runtimes.encoder.tiny import MAX_TOKENS


def test_service_time_of_each_batch_is_tokenizing_and_model(tiny: SentenceEncoder) -> None:
    recorder, tokenizing = TraceRecorder(), TokenizingRecorder(tiny)
    config = OptimizationConfig(max_batch_size=4, num_workers=3, enable_caching=False)
    with InferenceOptimizer(tiny, config, observer=recorder) as engine:
        engine.attach(tokenizing)
        wait([engine.submit("a" * (n % 9)) for n in range(200)])
    batches, parts = recorder.trace().batches, tokenizing.frame()
    assert set(parts.index) == set(batches["batch_id"])
    joined = batches.join(parts, on="batch_id")
    assert (joined["n_texts"] == joined["size"]).all()
    assert (joined["tokenize_ms"] > 0).all()
    assert (joined["model_ms"] > 0).all()
    sums = joined["tokenize_ms"] + joined["model_ms"]
    np.testing.assert_allclose(sums, joined["service_ms"])


def test_tokens_padding_and_cut_texts_are_counted(tiny: SentenceEncoder) -> None:
    tokenizing = TokenizingRecorder(tiny)
    engine = InferenceOptimizer(tiny, observer=tokenizing)
    engine.infer_batch(["a", "abc", "z" * 50])
    (row,) = tokenizing.frame().drop(columns=["tokenize_ms", "model_ms"]).to_dict("records")
    assert row == {
        "n_texts": 3,
        "longest_tokens": MAX_TOKENS,
        "n_tokens": 3 + 5 + MAX_TOKENS,
        "n_padding": 2 * MAX_TOKENS - 8,
        "n_truncated": 1,
    }


def test_answers_from_the_cache_and_failed_batches_are_left_out(tiny: SentenceEncoder) -> None:
    tokenizing = TokenizingRecorder(tiny)
    engine = InferenceOptimizer(tiny, observer=tokenizing)
    engine.infer("a")
    assert engine.infer("a").from_cache
    with pytest.raises(ModelError):
        engine.infer(3)
    assert len(tokenizing.frame()) == 1


def test_call_of_another_model_is_not_taken_for_this_ones(tiny: SentenceEncoder) -> None:
    tokenizing = TokenizingRecorder(tiny)
    tiny(["a"])
    InferenceOptimizer(lambda texts: texts, observer=tokenizing).infer("a")
    frame = tokenizing.frame()
    assert frame.empty
    assert frame["tokenize_ms"].dtype == np.float64
