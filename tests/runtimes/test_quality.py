from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from codomyrmex_lab.errors import ModelError, SettingError
from codomyrmex_lab.runtimes import OnnxModel, compare_outputs
from tests.runtimes.conftest import Heldout
from tests.runtimes.graphs import save_graph, save_relu

EYE = np.eye(4)


def test_equal_outputs_agree_fully() -> None:
    quality = compare_outputs(EYE, EYE, np.arange(4))
    assert (quality.n_samples, quality.top1_agreement, quality.mean_cosine) == (4, 1.0, 1.0)
    assert quality.accuracy == 1.0


def test_agreement_and_accuracy_are_fractions_of_the_samples() -> None:
    outputs = EYE[[0, 1, 2, 0]]
    quality = compare_outputs(outputs, EYE, np.array([0, 0, 0, 0]))
    assert quality.top1_agreement == 0.75
    assert quality.mean_cosine == 0.75
    assert quality.accuracy == 0.5


def test_zero_rows_are_like_zero_rows_only() -> None:
    zeros = np.zeros((1, 4))
    assert compare_outputs(zeros, zeros).mean_cosine == 1.0
    assert compare_outputs(zeros, EYE[:1]).mean_cosine == 0.0


def test_without_labels_or_classes_there_is_no_accuracy_and_no_top1() -> None:
    assert np.isnan(compare_outputs(EYE, EYE).accuracy)
    assert np.isnan(compare_outputs(np.ones((3, 1)), np.ones((3, 1))).top1_agreement)


def test_digits_keep_their_answers_in_every_variant(digits: OnnxModel, heldout: Heldout) -> None:
    frame = digits.quality(heldout.payloads, heldout.labels)
    assert list(frame.index) == ["fp32", "fp16", "int8", "int4"]
    assert frame["available"].all()
    assert (frame["reason"] == "").all()
    assert (frame["n_samples"] == len(heldout.payloads)).all()
    assert (frame["accuracy"] >= 0.95).all()
    assert (frame["top1_agreement"] >= 0.98).all()
    assert (frame["mean_cosine"] >= 0.99).all()
    assert frame.loc["fp32", ["top1_agreement", "mean_cosine"]].to_list() == pytest.approx([1, 1])
    assert (frame["mean_cosine"].drop("fp32") < 1.0).all()  # they are not FP32 under another name
    top = np.argmax([digits([payload])[0] for payload in heldout.payloads], axis=1)
    assert frame.loc["fp32", "accuracy"] == pytest.approx((top == heldout.labels).mean())


def test_missing_variants_keep_their_row_with_the_reason(tmp_path: Path) -> None:
    with OnnxModel(save_relu(tmp_path / "relu.onnx")) as model:
        frame = model.quality([np.ones(3, np.float32)] * 5, batch_size=2)
    assert frame["available"].to_list() == [True, False, False, False]
    assert frame["n_samples"].to_list() == [5, 0, 0, 0]
    assert frame["mean_cosine"].isna().to_list() == [False, True, True, True]
    assert "cannot be converted" in frame.loc["int4", "reason"]


@pytest.mark.parametrize("labels", [[1, 2], [[1, 2, 3]], [0.5, 1.0, 2.0], ["a", "b", "c"]])
def test_labels_that_do_not_fit_are_refused(
    digits: OnnxModel, heldout: Heldout, labels: list[object]
) -> None:
    with pytest.raises(ModelError, match="for each of the 3 payloads"):
        digits.quality(heldout.payloads[:3], labels)  # type: ignore[arg-type]


def test_no_payloads_and_bad_batch_size_are_refused(digits: OnnxModel, heldout: Heldout) -> None:
    with pytest.raises(ModelError, match="no payloads"):
        digits.quality([])
    with pytest.raises(SettingError, match="batch_size is 0"):
        digits.quality(heldout.payloads, batch_size=0)


def test_model_without_numbers_to_judge_is_refused(tmp_path: Path) -> None:
    path = save_graph(
        tmp_path / "words.onnx",
        [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.STRING)],
        {"x": ("batch", 3)},
        {"y": ("batch", 3)},
        output_type=TensorProto.STRING,
    )
    with OnnxModel(path) as model, pytest.raises(ModelError, match="floating-point"):
        model.quality([np.ones(3, np.float32)])
