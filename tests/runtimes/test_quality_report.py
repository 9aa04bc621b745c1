"""The report: real outputs, metrics with intervals, batch mates, sizes and times."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from codomyrmex_lab.errors import ModelError, SettingError
from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.runtimes import OnnxModel, QualityReport, accuracy, quality_report
from codomyrmex_lab.runtimes.batch_dependence import batch_dependence
from codomyrmex_lab.runtimes.service_latency import service_latencies
from tests.runtimes.conftest import Heldout
from tests.runtimes.graphs import save_relu

FP32, FP16, INT8, INT4 = QuantizationType


def same(inputs: list[np.ndarray]) -> list[np.ndarray]:
    return list(inputs)


def with_its_batch_mean(inputs: list[np.ndarray]) -> list[np.ndarray]:
    return list(np.stack(inputs) + np.mean(inputs, axis=0))


def rows(n: int, seed: int = 0) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).normal(size=(n, 6)))


def quick(model: object, payloads: object, *given: object, **settings: object) -> QualityReport:
    return quality_report(model, payloads, *given, batch_sizes=(), n_resamples=100, **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def report(digits: OnnxModel, heldout: Heldout) -> QualityReport:
    return quality_report(
        digits, heldout.payloads, heldout.labels, quality=accuracy, batch_sizes=(1, 8)
    )


def test_it_has_a_row_of_figures_for_every_variant(report: QualityReport) -> None:
    frame = report.frame()
    assert list(frame.index) == ["fp32", "fp16", "int8", "int4"]
    assert frame["available"].all()
    assert (frame["providers"] == "CPUExecutionProvider").all()
    assert (frame["intra_op_threads"] == 1).all()
    assert (frame["n_examples"] == 540).all()
    assert (frame["quality"] >= 0.95).all()
    assert (frame["quality_ci_low"] < frame["quality"]).all()
    assert (frame["quality"] < frame["quality_ci_high"]).all()
    assert frame["file_mb"].is_monotonic_decreasing
    assert frame.loc["fp32", ["change", "change_ci_low", "change_ci_high"]].tolist() == [0, 0, 0]
    assert frame["depends_on_batch"].tolist() == [False, False, True, False]
    assert (frame.drop(index="int8")["batch_mate_worst_cosine"] > 1 - 1e-9).all()
    assert report.quality() == dict(zip(QuantizationType, frame["quality"], strict=True))


def test_interval_of_a_mean_is_that_of_its_standard_error(
    report: QualityReport, heldout: Heldout
) -> None:
    quality = report[FP32].quality
    half_width = 1.96 * np.sqrt(quality.value * (1 - quality.value) / len(heldout.payloads))
    assert quality.n_samples == len(heldout.payloads)
    assert quality.ci_high - quality.ci_low == pytest.approx(2 * half_width, rel=0.2)


def test_worst_cases_are_the_payloads_furthest_from_fp32(
    report: QualityReport, digits: OnnxModel, heldout: Heldout
) -> None:
    worst = report.worst().loc["int4"]
    assert len(worst) == 5
    assert worst["cosine"].is_monotonic_increasing
    assert "fp32" not in report.worst().index
    assert worst["cosine"].iloc[0] <= report[INT4].agreement.mean_cosine
    payload = heldout.payloads[worst.index[0]]
    fp32, int4 = (digits.variant(q)([payload])[0].astype(float) for q in (FP32, INT4))
    cosine = fp32 @ int4 / np.linalg.norm(fp32) / np.linalg.norm(int4)
    assert worst["cosine"].iloc[0] == pytest.approx(cosine, abs=1e-6)


def test_latency_has_a_row_per_variant_and_batch_size(report: QualityReport) -> None:
    latency = report.latency()
    assert list(latency.loc["int8"].index) == [1, 8]
    assert (latency.loc["fp32", "ratio"] == 1.0).all()
    assert (latency["encode_ms"] < latency["median_ms"]).all()
    assert (latency["ci_low_ms"] <= latency["median_ms"]).all()
    assert (latency["n_calls"] == 30).all()


def test_it_says_what_it_rests_on(report: QualityReport) -> None:
    assert report.scope.startswith("quality is accuracy, a mean over examples, on 540 examples")
    assert report.scope in repr(report)
    assert "<table" in report._repr_html_()


def test_without_metric_quality_is_agreement_with_fp32_and_called_that(
    digits: OnnxModel, heldout: Heldout
) -> None:
    report = quick(digits, heldout.payloads[:50], resident=False)
    assert report.metric == "agreement with FP32 (top-1)"  # these outputs are probabilities
    assert report[INT8].quality.value == report[INT8].agreement.top1_agreement
    assert report[INT8].resident_bytes is None
    other = quick({FP32: same, INT8: lambda inputs: [x * 2 for x in inputs]}, rows(30))
    assert other.metric == "agreement with FP32 (mean cosine)"
    assert other[INT8].quality.value == pytest.approx(1.0)


def spearman(outputs: np.ndarray, references: np.ndarray) -> float:
    distance = np.linalg.norm(outputs[::2] - outputs[1::2], axis=1)
    return float(stats.spearmanr(-distance, references)[0])


def test_metric_that_is_no_mean_is_called_so_and_pairs_stay_together() -> None:
    payloads = rows(80)
    references = -np.linalg.norm(np.stack(payloads[::2]) - np.stack(payloads[1::2]), axis=1)
    noisy = references + np.random.default_rng(1).normal(size=40)
    report = quick({FP32: same}, payloads, noisy, quality=spearman)
    assert not report.metric_is_mean
    assert "quality is spearman, not a mean over examples, on 40 examples" in report.scope
    quality = report[FP32].quality
    assert quality.value == pytest.approx(stats.spearmanr(references, noisy)[0])
    assert quality.ci_low < quality.value < quality.ci_high
    exact = quick({FP32: same}, payloads, references, quality=spearman)[FP32].quality
    assert (exact.ci_low, exact.value, exact.ci_high) == pytest.approx((1, 1, 1))


def test_equal_seeds_give_equal_intervals(digits: OnnxModel, heldout: Heldout) -> None:
    frames = [
        quick(
            digits, heldout.payloads, heldout.labels, quality=accuracy, resident=False, seed=seed
        ).frame()
        for seed in (3, 3, 4)
    ]
    columns = [column for column in frames[0] if "conversion" not in column]
    pd.testing.assert_frame_equal(frames[0][columns], frames[1][columns])
    assert not frames[0]["quality_ci_low"].equals(frames[2]["quality_ci_low"])


def test_difference_from_fp32_is_paired() -> None:
    def one_wrong(inputs: list[np.ndarray]) -> list[np.ndarray]:
        return [-x if x[0] == 7 else x for x in inputs]

    payloads = [np.array([i, 10 * (i % 2), 3.5]) for i in range(40)]
    labels = np.stack(payloads).argmax(axis=1)
    payloads[7] = np.array([7.0, 0.0, 0.0])
    labels[:20] = 2  # FP32 itself is often wrong, and equally so
    labels[7] = 0
    change = quick({FP32: same, INT8: one_wrong}, payloads, labels, quality=accuracy)[INT8].change
    assert change.value == pytest.approx(-1 / 40)
    assert -0.1 < change.ci_low < change.value < change.ci_high == 0.0


def test_outputs_that_depend_on_batch_mates_are_found() -> None:
    dependent = batch_dependence(with_its_batch_mean, rows(10), 4)
    assert dependent.depends
    assert (dependent.n_samples, dependent.batch_size) == (10, 4)
    assert dependent.worst_cosine < dependent.mean_cosine < 1
    assert dependent.top1_changed > 0
    independent = batch_dependence(same, rows(10), 4)
    assert not independent.depends
    assert independent.largest_difference == independent.top1_changed == 0.0


def test_sums_in_another_order_are_not_taken_for_dependence() -> None:
    payloads, weights = rows(40), np.random.default_rng(1).normal(size=(6, 300))

    def half_precision(inputs: list[np.ndarray]) -> list[np.ndarray]:
        order = slice(None, None, 1 if len(inputs) == 1 else -1)
        terms = (np.stack(inputs)[:, order, None] * weights[order]).astype(np.float16)
        return list(terms.sum(axis=1, dtype=np.float16).astype(np.float32))

    rounded = batch_dependence(half_precision, payloads, 8)
    assert 0 < rounded.largest_difference < 1e-3
    assert not rounded.depends


def test_variant_that_fails_on_the_data_is_unavailable_with_its_reason() -> None:
    def fail(inputs: list[np.ndarray]) -> list[np.ndarray]:
        raise ModelError("out of order.")

    report = quick({FP32: same, FP16: fail, INT8: lambda xs: [x[:2] for x in xs]}, rows(8))
    reasons = {status.quantization: status.reason for status in report.unavailable}
    assert reasons[FP16] == "out of order."
    assert "outputs of shape (8, 2), but FP32 of (8, 6)" in reasons[INT8]
    assert "INT4, but the model was given for FP16, FP32, INT8" in reasons[INT4]
    assert report.frame()["available"].tolist() == [True, False, False, False]
    with pytest.raises(ModelError, match=r"out of order\."):
        quick({FP32: fail}, rows(3))


def test_model_without_convertible_weights_reports_fp32_alone(tmp_path: Path) -> None:
    with OnnxModel(save_relu(tmp_path / "relu.onnx")) as model:
        report = quick(model, [np.ones(3, np.float32)] * 4)
    assert [variant.status.quantization for variant in report.available] == [FP32]
    assert len(report.unavailable) == 3
    with pytest.raises(KeyError):
        report[INT8]


@pytest.mark.parametrize(
    ("references", "quality", "error", "message"),
    [
        ([1, 2], None, SettingError, "belong together"),
        (None, accuracy, SettingError, "belong together"),
        ([1, 2, 3], accuracy, ModelError, r"references has shape \(3,\) for 4 payloads"),
        (5, accuracy, ModelError, r"references has shape \(\) for 4 payloads"),
        ([1] * 4, lambda o, r: "good", ModelError, "'<lambda>' returned a str"),
        ([1] * 4, lambda o, r: 1 // 0, ModelError, "'<lambda>' failed on outputs of shape"),
    ],
)
def test_references_and_metrics_that_do_not_fit_are_one_sentence(
    references: object, quality: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        quick({FP32: same}, rows(4), references, quality=quality)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [{"batch_size": 0}, {"batch_sizes": (0,)}, {"n_worst": -1}, {"n_resamples": 10}],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(SettingError, match=next(iter(settings))):
        quality_report({FP32: same}, rows(4), **settings)  # type: ignore[arg-type]


def test_variants_are_timed_in_turn_on_the_same_batches() -> None:
    seen: list[tuple[str, tuple[int, ...]]] = []

    def noted(name: str):  # type: ignore[no-untyped-def]
        return lambda inputs: seen.append((name, tuple(inputs)))

    times = service_latencies({FP32: noted("a"), INT8: noted("b")}, [0, 1, 2], 2)
    assert [name for name, _ in seen[:4]] == ["a", "b", "a", "b"]
    assert [batch for name, batch in seen[2:8] if name == "a"] == [(0, 1), (2, 0), (1, 2)]
    assert [batch for name, batch in seen if name == "a"] == [b for n, b in seen if n == "b"]
    assert [time.n_calls for time in times] == [30, 30]
    assert np.isnan(times[0].encode_ms)
