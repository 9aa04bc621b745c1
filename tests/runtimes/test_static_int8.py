"""INT8 with calibration data: scales fixed beforehand, so batch mates do not matter."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.runtimes import ConversionSettings, OnnxModel, compare_outputs
from codomyrmex_lab.runtimes.payloads import Encode
from tests.runtimes.conftest import Heldout
from tests.runtimes.graphs import save_graph

FP32, FP16, INT8, INT4 = QuantizationType
N_CALIBRATION = 64


@pytest.fixture(scope="module")
def static(digits_path: Path, digits_cache: Path, heldout: Heldout) -> Iterator[OnnxModel]:
    calibration = heldout.payloads[:N_CALIBRATION]
    with OnnxModel(digits_path, cache_dir=digits_cache, calibration=calibration) as model:
        yield model


def operators(path: Path) -> set[str]:
    return {node.op_type for node in onnx.load(path).graph.node}


def test_scales_are_in_the_file_and_not_taken_while_running(
    static: OnnxModel, digits: OnnxModel
) -> None:
    assert "QuantizeLinear" in operators(static.variant(INT8).path)
    assert not {o for o in operators(static.variant(INT8).path) if o.startswith("Dynamic")}
    assert "DynamicQuantizeLinear" in operators(digits.variant(INT8).path)
    assert static.variants()[INT8].method == "static, per channel"
    assert digits.variants()[INT8].method == "dynamic, per channel"


def test_output_does_not_depend_on_batch_mates(static: OnnxModel, heldout: Heldout) -> None:
    run = static.variant(INT8)
    assert not run.depends_on_batch
    alone = [run([payload])[0] for payload in heldout.payloads[:64]]
    np.testing.assert_allclose(run(heldout.payloads[:64]), alone, atol=1e-6)


def test_digits_keep_their_answers(static: OnnxModel, heldout: Heldout) -> None:
    quality = compare_outputs(
        np.stack(static.variant(INT8)(heldout.payloads)),
        np.stack(static(heldout.payloads)),
        heldout.labels,
    )
    assert quality.accuracy >= 0.95
    assert quality.top1_agreement >= 0.98
    assert quality.mean_cosine < 1.0


def test_calibration_data_is_a_part_of_the_identity_of_int8_alone(
    static: OnnxModel, digits: OnnxModel, digits_cache: Path, heldout: Heldout
) -> None:
    fewer = heldout.payloads[: N_CALIBRATION - 1]
    with OnnxModel(static.path, cache_dir=digits_cache, calibration=fewer) as other:
        models = (static, digits, other)
        assert len({model.variant(INT8).identity for model in models}) == 3
        assert len({model.variant(FP16).identity for model in models}) == 1


def test_weights_have_one_scale_each_where_asked(
    digits_path: Path, tmp_path: Path, heldout: Heldout
) -> None:
    with OnnxModel(
        digits_path,
        cache_dir=tmp_path,
        calibration=heldout.payloads[:8],
        conversion=ConversionSettings(int8_per_channel=False),
    ) as model:
        status = model.variants()[INT8]
        assert status.method == "static, per tensor"
        scales = [t for t in onnx.load(status.path).graph.initializer if "scale" in t.name]
        assert scales
        assert all(np.prod(scale.dims) == 1 for scale in scales)


def test_progress_counts_every_payload_of_the_calibration_data(
    digits_path: Path, tmp_path: Path, heldout: Heldout
) -> None:
    told: list[tuple[str, int, int]] = []
    with OnnxModel(
        digits_path,
        cache_dir=tmp_path,
        calibration=heldout.payloads[:5],
        progress=lambda *step: told.append(step),
    ) as model:
        model.variant(INT8)
        n_told = len(told)
        model.variant(INT8)
    assert {title for title, _, _ in told} == {"Converting digits.onnx to INT8"}
    assert [done for _, done, _ in told] == list(range(7))
    assert {total for _, _, total in told} == {6}
    assert len(told) == n_told  # nothing was converted again


@pytest.mark.parametrize(
    ("calibration", "message"),
    [
        ([], "The calibration data is empty"),
        ([np.zeros(63, np.float32)], r"payload 0: input 'pixels' takes .*\(64,\), got .*\(63,\)"),
        (
            [np.zeros(64, np.float32), np.zeros(64)],
            r"payload 1: input 'pixels' takes a float32 .*float64",
        ),
        ([["a", "b"]], "payload 0: .*got a list, not an array"),
        ([np.full(64, np.nan, np.float32)], "payload 0: input 'pixels' holds NaN or infinity"),
        (
            (row for row in np.zeros((2, 64), np.float32)),
            "data is a generator; expected a sequence",
        ),
        (5, "data is a int; expected a sequence"),
    ],
)
def test_calibration_data_that_does_not_fit_is_refused_when_opening(
    digits_path: Path, calibration: Sequence[object], message: str
) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        OnnxModel(digits_path, calibration=calibration)
    assert str(caught.value).lower().count("calibration data") == 1
    assert "Payload 0 of the batch" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_calibration_payloads_may_differ_in_length(tmp_path: Path) -> None:
    weights = np.eye(3, dtype=np.float32)
    path = save_graph(
        tmp_path / "rows.onnx",
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        {"x": ("batch", "length", 3)},
        {"y": ("batch", "length", 3)},
        {"w": weights},
    )
    rows = [np.full((n, 3), n, np.float32) for n in (1, 2, 5)]
    with OnnxModel(path, cache_dir=tmp_path, calibration=rows) as model:
        (output,) = model.variant(INT8)([rows[2]])
    np.testing.assert_allclose(output, rows[2], rtol=0.02)


@pytest.mark.parametrize(
    ("encode", "message"),
    [
        (
            lambda rows: {"image": np.stack(rows)},
            r"it gives the inputs \['image'\]; expected \['pix",
        ),
        (np.stack, "encode gives a ndarray; expected a dict of input name to"),
        (lambda rows: {"pixels": rows}, "input 'pixels' is a list; expected an array"),
        (
            lambda rows: {"pixels": np.stack(rows)[:, :63]},
            r"'pixels' is float32 of shape \(1, 63\); expected .* a float32 array of shape \(64,\)",
        ),
        (
            lambda rows: {"pixels": np.stack(rows).astype(float)},
            r"'pixels' is float64 of shape \(1, 64\); expected .* a float32 array of shape \(64,\)",
        ),
        (
            lambda rows: {"pixels": rows[0]},
            r"'pixels' is float32 of shape \(64,\); expected a batch",
        ),
        (lambda rows: {"pixels": rows[1]}, "encode failed .IndexError: list index out of range"),
    ],
)
def test_encode_that_does_not_fit_the_graph_is_refused_when_opening(
    digits_path: Path, heldout: Heldout, encode: Encode, message: str
) -> None:
    with pytest.raises(ModelError, match=f"^Calibration data, payload 0: .*{message}") as caught:
        OnnxModel(digits_path, calibration=heldout.payloads[:1], encode=encode)
    assert "\n" not in str(caught.value)


def test_what_is_not_multiplied_with_weights_keeps_its_range(tmp_path: Path) -> None:
    path = save_graph(
        tmp_path / "masked.onnx",
        [
            helper.make_node("MatMul", ["x", "w"], ["scores"]),
            helper.make_node("Add", ["scores", "mask"], ["masked"]),
            helper.make_node("Softmax", ["masked"], ["y"], axis=-1),
        ],
        {"x": ("batch", 4), "mask": ("batch", 4)},
        {"y": ("batch", 4)},
        {"w": np.eye(4, dtype=np.float32)},
    )
    unmasked = {"x": np.ones(4, np.float32), "mask": np.zeros(4, np.float32)}
    masked = unmasked | {"mask": np.array([-1e4, 0, 0, 0], np.float32)}
    with OnnxModel(path, cache_dir=tmp_path, calibration=[unmasked] * 3) as model:
        (output,) = model.variant(INT8)([masked])
    np.testing.assert_allclose(output, [0, 1 / 3, 1 / 3, 1 / 3], atol=0.01)


def test_products_of_activations_stay_as_they_are(tmp_path: Path) -> None:
    path = save_graph(
        tmp_path / "attention.onnx",
        [
            helper.make_node("MatMul", ["x", "w"], ["query"]),
            helper.make_node("Transpose", ["query"], ["key"], perm=[0, 2, 1]),
            helper.make_node("MatMul", ["query", "key"], ["y"]),
        ],
        {"x": ("batch", "length", 3)},
        {"y": ("batch", "length", "length")},
        {"w": np.eye(3, dtype=np.float32)},
    )
    with OnnxModel(path, cache_dir=tmp_path, calibration=[np.ones((2, 3), np.float32)]) as model:
        nodes = onnx.load(model.variant(INT8).path).graph.node
    made_by = {output: node.op_type for node in nodes for output in node.output}
    inputs = [{made_by[name] for name in n.input} for n in nodes if n.op_type == "MatMul"]
    assert inputs == [{"DequantizeLinear"}, {"MatMul", "Transpose"}]


def test_activations_are_rounded_for_products_alone(tmp_path: Path) -> None:
    path = save_graph(
        tmp_path / "layer.onnx",
        [
            helper.make_node("Relu", ["x"], ["states"]),
            helper.make_node("MatMul", ["states", "w"], ["change"]),
            helper.make_node("Add", ["states", "change"], ["y"]),
        ],
        {"x": ("batch", "length", 3)},
        {"y": ("batch", "length", 3)},
        {"w": np.zeros((3, 3), np.float32)},
    )
    calibration = [np.full((1, 3), 100, np.float32)]
    row = np.array([[0.1, 0.2, 0.3]], np.float32)  # all of it less than a step of the scale
    with OnnxModel(path, cache_dir=tmp_path, calibration=calibration) as model:
        (output,) = model.variant(INT8)([row])
    np.testing.assert_array_equal(output, row)
