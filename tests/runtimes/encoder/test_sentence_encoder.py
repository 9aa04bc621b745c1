from pathlib import Path

import numpy as np
import pytest

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig, QuantizationType
from codomyrmex_lab.optimization.models import SupportsVariants
from codomyrmex_lab.runtimes.encoder import SentenceEncoder
from tests.runtimes.encoder.tiny import HIDDEN, MAX_TOKENS, random_weights, write_json

TEXTS = ["a", "the quick brown", "", "fox jumps over"]


def test_texts_become_vectors_of_length_one_in_their_order(tiny: SentenceEncoder) -> None:
    outputs = np.stack(tiny(TEXTS))
    assert outputs.shape == (len(TEXTS), HIDDEN)
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(outputs, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(tiny(TEXTS[::-1]), outputs[::-1], atol=1e-6)


def test_variant_is_a_batch_function_of_texts(tiny: SentenceEncoder) -> None:
    assert isinstance(tiny, SupportsVariants)
    variant = tiny.variant(QuantizationType.FP32)
    np.testing.assert_array_equal(variant(TEXTS), tiny(TEXTS))
    assert tiny.identity in variant.identity
    assert (tiny.intra_op_threads, tiny.providers) == (1, variant.providers)


def test_graph_is_built_once(tiny_folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with SentenceEncoder(tiny_folder, cache_dir=cache) as first:
        (file,) = cache.iterdir()
        built_ns = file.stat().st_mtime_ns
        with SentenceEncoder(tiny_folder, cache_dir=cache) as second:
            assert second.identity == first.identity
    assert [path.stat().st_mtime_ns for path in cache.iterdir()] == [built_ns]


def test_graph_that_was_cut_off_is_built_again(tiny_folder: Path, tmp_path: Path) -> None:
    with SentenceEncoder(tiny_folder, cache_dir=tmp_path / "cache") as encoder:
        path, expected = encoder.onnx.path, encoder(TEXTS)
    path.write_bytes(path.read_bytes()[:1000])
    with SentenceEncoder(tiny_folder, cache_dir=tmp_path / "cache") as encoder:
        np.testing.assert_array_equal(encoder(TEXTS), expected)


def test_quality_is_agreement_with_fp32(tiny: SentenceEncoder) -> None:
    frame = tiny.quality(TEXTS)
    assert frame["available"].all()
    assert frame.loc["fp32", "mean_cosine"] == pytest.approx(1)
    assert (frame["mean_cosine"].drop("fp32") < 1).all()


def test_another_tokenizer_is_another_model(tiny_folder: Path, tmp_path: Path) -> None:
    identities = []
    for _ in range(2):
        with SentenceEncoder(tiny_folder, cache_dir=tmp_path / "cache") as encoder:
            identities.append(encoder.identity)
        with (tiny_folder / "tokenizer.json").open("a") as stream:
            stream.write("\n")
    assert len(set(identities)) == 2


def test_weights_that_are_cut_off_are_refused_and_leave_nothing(
    tiny_folder: Path, tmp_path: Path
) -> None:
    path = tiny_folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="is cut off, or holds no safetensors"):
        SentenceEncoder(tiny_folder, cache_dir=tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_weights_of_another_model_are_refused(tiny_folder: Path, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    weights = random_weights()
    del weights["encoder.layer.1.output.dense.bias"]
    save_file(weights, tiny_folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"lacks the weight 'encoder\.layer\.1\.output\.dense"):
        SentenceEncoder(tiny_folder, cache_dir=tmp_path / "cache")


def test_weights_of_another_shape_are_refused(tiny_folder: Path, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    weights = random_weights()
    weights["encoder.layer.1.output.dense.bias"] = np.zeros(7, np.float32)
    save_file(weights, tiny_folder / "model.safetensors")
    with pytest.raises(ModelError, match="do not fit each other"):
        SentenceEncoder(tiny_folder, cache_dir=tmp_path / "cache")


def test_longer_maximum_is_another_model(tiny_folder: Path, tmp_path: Path) -> None:
    write_json(tiny_folder / "sentence_bert_config.json", {"max_seq_length": 4})
    with SentenceEncoder(tiny_folder, cache_dir=tmp_path / "cache") as encoder:
        assert encoder.max_tokens == 4
        assert encoder.token_counts(["abcdef"]).tolist() == [4]


def test_token_counts_are_the_rows_that_the_model_sees(tiny: SentenceEncoder) -> None:
    counts = tiny.token_counts(TEXTS)
    assert counts.dtype == np.int64
    mask = tiny.feeds(TEXTS)["attention_mask"]
    np.testing.assert_array_equal(counts, mask.sum(axis=1))


def test_length_bucket_rounds_up_in_half_octaves(tiny: SentenceEncoder) -> None:
    buckets = [tiny.length_bucket("a" * (n_tokens - 2)) for n_tokens in range(2, MAX_TOKENS + 1)]
    assert buckets == [8] * 7 + [12] * 4 + [16] * 4


def test_buckets_keep_long_texts_out_of_the_batches_of_short_ones(tiny: SentenceEncoder) -> None:
    config = OptimizationConfig(max_batch_size=8, batch_timeout_ms=5.0, num_workers=1)
    with InferenceOptimizer(tiny, config, bucket_fn=tiny.length_bucket) as engine:
        texts = [letter * length for letter in "abcdefgh" for length in (2, 12)]
        futures = [engine.submit(text) for text in texts]
        batches: dict[object, set[int]] = {}
        for text, future in zip(texts, futures, strict=True):
            batches.setdefault(future.result(30).batch_id, set()).add(len(text))
    assert all(len(lengths) == 1 for lengths in batches.values())


def test_wrong_payload_fails_with_one_sentence(tiny: SentenceEncoder) -> None:
    with pytest.raises(ModelError, match="Payload 1 of the batch is a int; expected a text"):
        InferenceOptimizer(tiny).infer_batch(["a", 3])


def test_calibration_data_that_is_no_text_is_refused_by_its_place(
    tiny_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"^Calibration data, payload 1: it is a int; expected a"):
        SentenceEncoder(tiny_folder, cache_dir=tmp_path / "cache", calibration=["a", 3])  # type: ignore[list-item]


def test_closed_encoder_says_so(tiny_folder: Path, tmp_path: Path) -> None:
    with SentenceEncoder(tiny_folder, cache_dir=tmp_path / "cache") as encoder:
        pass
    with pytest.raises(ModelError, match="is closed"):
        encoder(["a"])
