import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import onnxruntime
import pytest
from onnx import helper

from codomyrmex_lab.errors import ModelError, SettingError, VariantError
from codomyrmex_lab.optimization.models import QuantizationType, SupportsVariants
from codomyrmex_lab.runtimes import ConversionSettings, OnnxModel
from tests.runtimes.conftest import Heldout
from tests.runtimes.graphs import save_graph, save_relu

FP32, INT8 = QuantizationType.FP32, QuantizationType.INT8


@pytest.fixture
def copied(digits_path: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(digits_path, tmp_path / "digits.onnx"))


def test_calling_the_model_runs_fp32(digits: OnnxModel, heldout: Heldout) -> None:
    session = onnxruntime.InferenceSession(digits.path, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"pixels": np.stack(heldout.payloads)})
    np.testing.assert_array_equal(digits(heldout.payloads), expected)
    np.testing.assert_array_equal(digits.variant(FP32)(heldout.payloads), expected)


@pytest.mark.parametrize("quantization", QuantizationType)
def test_outputs_are_probabilities_in_the_order_of_the_inputs(
    digits: OnnxModel, heldout: Heldout, quantization: QuantizationType
) -> None:
    run = digits.variant(quantization)
    outputs = run(heldout.payloads[:50])
    assert len(outputs) == 50
    assert {(output.shape, output.dtype.name) for output in outputs} == {((10,), "float32")}
    np.testing.assert_allclose(np.sum(outputs, axis=1), 1.0, atol=1e-3)
    np.testing.assert_allclose(run(heldout.payloads[49::-1])[::-1], outputs, atol=1e-5)


@pytest.mark.parametrize("quantization", [q for q in QuantizationType if q is not INT8])
def test_output_does_not_depend_on_batch_mates(
    digits: OnnxModel, heldout: Heldout, quantization: QuantizationType
) -> None:
    # INT8 is left out: it scales activations over the whole batch.
    run = digits.variant(quantization)
    alone = [run([payload])[0] for payload in heldout.payloads[:64]]
    np.testing.assert_allclose(run(heldout.payloads[:64]), alone, atol=1e-5)


@pytest.mark.parametrize("quantization", QuantizationType)
def test_threads_that_share_a_session_get_the_serial_outputs(
    digits: OnnxModel, heldout: Heldout, quantization: QuantizationType
) -> None:
    run = digits.variant(quantization)
    batches = [heldout.payloads[i : i + 20] for i in range(0, 540, 20)]
    serial = [run(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        np.testing.assert_array_equal(list(pool.map(run, batches)), serial)


def test_threads_that_ask_at_once_get_one_variant(digits_path: Path, digits_cache: Path) -> None:
    everyone = Barrier(8)
    with OnnxModel(digits_path, cache_dir=digits_cache) as model, ThreadPoolExecutor(8) as pool:

        def ask(_: int) -> object:
            everyone.wait()
            return model.variant(FP32)

        assert len(set(pool.map(ask, range(8)))) == 1


def test_all_variants_of_the_digits_are_available(digits: OnnxModel) -> None:
    statuses = digits.variants()
    assert list(statuses) == list(QuantizationType)
    for quantization, status in statuses.items():
        assert (status.quantization, status.available, status.reason) == (quantization, True, "")
        assert status.file_bytes == status.path.stat().st_size
        assert status.providers == ("CPUExecutionProvider",)
    assert statuses[FP32].path == digits.path


def test_variant_that_cannot_be_converted_is_listed_with_its_reason(tmp_path: Path) -> None:
    with OnnxModel(save_relu(tmp_path / "relu.onnx")) as model:
        np.testing.assert_array_equal(
            model([np.array([-1, 0, 2], np.float32)]), np.array([[0, 0, 2]], np.float32)
        )
        statuses = model.variants()
        assert [status.available for status in statuses.values()] == [True, False, False, False]
        assert "no float32 weights" in statuses[QuantizationType.FP16].reason
        assert statuses[INT8].file_bytes is None
        with pytest.raises(VariantError, match="cannot be converted to INT8"):
            model.variant(INT8)


def test_operator_that_the_runtime_lacks_is_a_reason(tmp_path: Path) -> None:
    path = save_graph(
        tmp_path / "fancy.onnx",
        [helper.make_node("Fancy", ["x"], ["y"], domain="test.ops")],
        {"x": ("batch", 3)},
        {"y": ("batch", 3)},
    )
    with OnnxModel(path) as model, pytest.raises(VariantError, match="Fancy") as caught:
        model.variant(FP32)
    assert str(caught.value).endswith(
        f" from {path}: Fatal error: test.ops:Fancy(-1) is not a registered function/op."
    )


def test_run_that_fails_is_one_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shape = np.array([7, 7], np.int64)
    path = save_graph(
        tmp_path / "reshape.onnx",
        [helper.make_node("Reshape", ["x", "shape"], ["y"])],
        {"x": ("batch", 3)},
        {"y": (7, 7)},
        {"shape": shape},
    )
    with (
        OnnxModel(path) as model,
        pytest.raises(ModelError, match="failed on a batch of 2: Non-zero status code") as caught,
    ):
        model([np.zeros(3, np.float32)] * 2)
    assert "cannot be reshaped to the requested shape" in str(caught.value)
    assert "/onnxruntime" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_payload_that_does_not_fit_leaves_the_model_usable(
    digits: OnnxModel, heldout: Heldout
) -> None:
    with pytest.raises(ModelError, match="Payload 1 of the batch: input 'pixels'"):
        digits([heldout.payloads[0], np.zeros(3, np.float32)])
    assert len(digits(heldout.payloads[:2])) == 2


def test_model_of_several_inputs_and_outputs(tmp_path: Path) -> None:
    path = save_graph(
        tmp_path / "two.onnx",
        [helper.make_node("Add", ["a", "b"], ["s"]), helper.make_node("Sub", ["a", "b"], ["d"])],
        {"a": ("batch", 2), "b": ("batch", 2)},
        {"s": ("batch", 2), "d": ("batch", 2)},
    )
    ones = np.ones(2, np.float32)
    with OnnxModel(path) as model:
        answers = model([{"a": ones * i, "b": ones} for i in range(3)])
    assert [answer["s"][0] for answer in answers] == [1, 2, 3]
    assert [answer["d"][0] for answer in answers] == [-1, 0, 1]


def test_closed_model_refuses_and_names_the_way_out(digits_path: Path, heldout: Heldout) -> None:
    with OnnxModel(digits_path) as model:
        run = model.variant(FP32)
    for call in (run, model):
        with pytest.raises(ModelError, match="is closed; open it again"):
            call(heldout.payloads[:1])


def test_file_that_changes_after_opening_is_refused(copied: Path) -> None:
    with OnnxModel(copied) as model:
        save_relu(copied)
        with pytest.raises(ModelError, match="has changed since it was opened"):
            model.variant(INT8)


def test_identity_follows_content_not_place(copied: Path, digits: OnnxModel) -> None:
    with OnnxModel(copied) as copy:
        assert copy.identity == digits.identity
        save_relu(copied)
    with OnnxModel(copied) as other:
        assert other.identity != digits.identity


def test_variants_have_different_identities(digits: OnnxModel, digits_cache: Path) -> None:
    identities = {digits.variant(quantization).identity for quantization in QuantizationType}
    assert len(identities) == 4
    with OnnxModel(digits.path, cache_dir=digits_cache) as same:
        assert same.variant(INT8).identity in identities
    per_tensor = ConversionSettings(int8_per_channel=False)
    with OnnxModel(digits.path, cache_dir=digits_cache, conversion=per_tensor) as other:
        assert other.variant(INT8).identity not in identities


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"intra_op_threads": 0}, "intra_op_threads is 0"),
        ({"providers": ["NoSuchProvider"]}, "NoSuchProvider.*CPUExecutionProvider"),
        ({"providers": []}, "providers is"),
        ({"providers": "CPUExecutionProvider"}, "a sequence of"),
    ],
)
def test_bad_settings_are_refused_when_opening(
    digits_path: Path, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        OnnxModel(digits_path, **settings)  # type: ignore[arg-type]


def test_model_tells_how_its_sessions_run(digits_path: Path, digits: OnnxModel) -> None:
    assert (digits.intra_op_threads, digits.providers) == (1, ("CPUExecutionProvider",))
    with OnnxModel(digits_path, intra_op_threads=2) as other:
        assert other.intra_op_threads == 2
        assert other.identity == digits.identity


def test_variant_must_be_named_by_its_type(digits: OnnxModel) -> None:
    with pytest.raises(SettingError, match=r"QuantizationType\.INT8"):
        digits.variant("int8")  # type: ignore[arg-type]


def test_model_is_what_the_engine_expects(digits: OnnxModel) -> None:
    assert isinstance(digits, SupportsVariants)
    assert "float32 array of shape (64,)" in repr(digits)
