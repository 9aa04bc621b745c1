"""all-MiniLM-L6-v2 itself, judged on the STS benchmark."""

from concurrent.futures import Future, ThreadPoolExecutor
from itertools import cycle

import numpy as np
import pytest

from codomyrmex_lab.optimization import (
    InferenceOptimizer,
    InferenceResult,
    OptimizationConfig,
    QuantizationType,
)
from codomyrmex_lab.optimization.models import BatchFunction
from codomyrmex_lab.runtimes.batch_dependence import batch_dependence
from codomyrmex_lab.runtimes.encoder import (
    SentenceEncoder,
    SentencePairs,
    TokenizingRecorder,
    spearman,
)

FP32, FP16, INT8, INT4 = QuantizationType
MIXED = [
    "A plane is taking off.",
    "",
    "Three men are playing chess while a fourth, who has lost already, reads the newspaper aloud.",
    "yes",
]


def encode_by_length(
    encoder: SentenceEncoder, batch_function: BatchFunction, texts: tuple[str, ...]
) -> np.ndarray:
    """Encode texts of like length together, on two threads: less padding, same embeddings."""
    order = np.argsort(encoder.token_counts(texts), kind="stable")
    batches = [order[first : first + 32] for first in range(0, len(order), 32)]
    with ThreadPoolExecutor(2) as threads:
        outputs = threads.map(lambda rows: batch_function([texts[row] for row in rows]), batches)
        rows = np.concatenate([np.stack(output) for output in outputs])
    return rows[np.argsort(order)]


def test_fp32_ranks_the_sts_pairs_as_its_authors_weights_do(
    minilm: SentenceEncoder, pairs: SentencePairs
) -> None:
    outputs = encode_by_length(minilm, minilm.variant(FP32), pairs.texts)
    assert 100 * spearman(outputs, pairs.scores) == pytest.approx(82.03, abs=0.05)


def test_int8_keeps_the_ranking_in_a_quarter_of_the_size(
    minilm: SentenceEncoder, pairs: SentencePairs
) -> None:
    variant = minilm.variant(INT8)
    outputs = encode_by_length(minilm, variant, pairs.texts)
    assert spearman(outputs, pairs.scores) == pytest.approx(0.8203, abs=0.01)
    assert variant.path.stat().st_size < 0.27 * minilm.onnx.path.stat().st_size


def test_static_int8_keeps_the_ranking_and_does_not_depend_on_batch_mates(
    minilm: SentenceEncoder, pairs: SentencePairs
) -> None:
    cache, calibration = minilm.onnx.path.parent, pairs.texts[-64:]
    with SentenceEncoder(cache_dir=cache, calibration=calibration) as encoder:
        variant = encoder.variant(INT8)
        outputs = encode_by_length(encoder, variant, pairs.texts)
        dependence = batch_dependence(variant, MIXED, len(MIXED))
    assert spearman(outputs, pairs.scores) == pytest.approx(0.8203, abs=0.01)
    assert not variant.depends_on_batch
    assert dependence.worst_cosine > 1 - 1e-6


def test_fp16_differs_between_batches_by_rounding_alone(minilm: SentenceEncoder) -> None:
    dependence = batch_dependence(minilm.variant(FP16), MIXED, len(MIXED))
    assert dependence.largest_difference > 0
    assert not dependence.depends


@pytest.mark.parametrize("quantization", [FP32, INT4])
def test_text_alone_equals_the_text_in_a_batch_of_unequal_lengths(
    minilm: SentenceEncoder, quantization: QuantizationType
) -> None:
    variant = minilm.variant(quantization)
    alone = np.concatenate([variant([text]) for text in MIXED])
    np.testing.assert_allclose(variant(MIXED), alone, atol=1e-5)


def test_int8_output_depends_on_batch_mates(minilm: SentenceEncoder) -> None:
    variant = minilm.variant(INT8)
    (alone,) = variant(MIXED[:1])
    together, *_ = variant(MIXED)
    assert np.abs(alone - together).max() > 1e-3
    assert 0.95 < alone @ together < 0.9999


def test_token_counts_of_the_real_tokenizer(minilm: SentenceEncoder) -> None:
    assert minilm.max_tokens == 256
    assert minilm.token_counts(["", "A plane is taking off.", "x " * 500]).tolist() == [2, 8, 256]
    assert minilm.length_bucket("A plane is taking off.") == 8


def test_variants_swap_under_load_and_never_mix(
    minilm: SentenceEncoder, pairs: SentencePairs
) -> None:
    """Each answer is that of one of the two variants, and all of a batch are of the same one."""
    texts = [f"{number}: {text}" for number, text in enumerate(pairs.texts[:240])]
    expected = {q: encode_by_length(minilm, minilm.variant(q), tuple(texts)) for q in (FP32, INT4)}
    config = OptimizationConfig(max_batch_size=8, batch_timeout_ms=1.0, num_workers=2)
    tokenizing = TokenizingRecorder(minilm)
    futures: list[Future[InferenceResult[np.ndarray]]] = []
    with InferenceOptimizer(minilm, config, observer=tokenizing) as engine:
        for first, quantization in zip(range(0, 240, 40), cycle((FP32, INT4)), strict=False):
            if futures:
                futures[-40].result(60)  # a batch of this variant is through, others still wait
                engine.reconfigure(config.replace(quantization=quantization))
            futures += [engine.submit(text) for text in texts[first : first + 40]]
        answers = [future.result(60) for future in futures]
    used: dict[object, set[QuantizationType]] = {}
    for row, answer in enumerate(answers):
        near = {q for q in expected if np.allclose(answer.output, expected[q][row], atol=1e-4)}
        assert len(near) == 1
        used.setdefault(answer.batch_id, set()).update(near)
    assert all(len(variants) == 1 for variants in used.values())
    assert set.union(*used.values()) == {FP32, INT4}
    assert tokenizing.frame()["n_texts"].sum() == len(texts)
