from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from codomyrmex_lab.errors import SettingError, VariantError
from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.runtimes import ConversionSettings, OnnxModel, conversion_progress
from codomyrmex_lab.runtimes.conversion import Conversion
from codomyrmex_lab.runtimes.conversion_progress import ProgressFunction
from codomyrmex_lab.runtimes.onnx_file import depends_on_batch
from tests.runtimes.graphs import save_graph, save_relu

FP16, INT8, INT4 = QuantizationType.FP16, QuantizationType.INT8, QuantizationType.INT4
CONVERTED = [FP16, INT8, INT4]
DEFAULT = ConversionSettings()


def convert(
    source: Path,
    target: Path,
    quantization: QuantizationType,
    settings: ConversionSettings = DEFAULT,
    progress: ProgressFunction | bool = False,
) -> Path:
    Conversion(source, "hash", quantization, settings).run(target, progress)
    return target


def weight_types(path: Path) -> set[int]:
    """Types of the stored matrices of a model."""
    return {t.data_type for t in onnx.load(path).graph.initializer if np.prod(t.dims) > 2048}


def test_each_variant_stores_its_weights_in_its_format(digits: OnnxModel) -> None:
    assert weight_types(digits.path) == {TensorProto.FLOAT}
    assert weight_types(digits.variant(FP16).path) == {TensorProto.FLOAT16}
    assert weight_types(digits.variant(INT8).path) == {TensorProto.INT8}
    int4 = onnx.load(digits.variant(INT4).path)
    assert {t.data_type for t in int4.graph.initializer if t.name.endswith("_Q4")} == {
        TensorProto.UINT8  # two weights in each byte
    }
    products = [node for node in int4.graph.node if "MatMul" in node.op_type]
    bits = {a.i for node in products for a in node.attribute if a.name == "bits"}
    assert [node.op_type for node in products] == ["MatMulNBits"] * 3
    assert bits == {4}


def test_fewer_bits_make_smaller_files(digits: OnnxModel) -> None:
    sizes = [digits.variants()[q].file_bytes for q in QuantizationType]
    assert sizes == sorted(sizes, reverse=True)
    fp32, fp16, int8, int4 = sizes
    n_weights = fp32 / 4
    assert fp16 == pytest.approx(2 * n_weights, rel=0.02)
    assert int8 == pytest.approx(n_weights, rel=0.05)
    assert int4 == pytest.approx((0.5 + 4 / DEFAULT.int4_block_size) * n_weights, rel=0.05)


def test_settings_reach_the_converted_file(digits_path: Path, tmp_path: Path) -> None:
    convert(digits_path, tmp_path / "a.onnx", INT8, ConversionSettings(int8_per_channel=False))
    scales = [t for t in onnx.load(tmp_path / "a.onnx").graph.initializer if "scale" in t.name]
    assert scales
    assert all(np.prod(scale.dims) == 1 for scale in scales)


def test_int4_blocks_beyond_32_are_known_to_depend_on_batch_mates(
    digits_path: Path, tmp_path: Path
) -> None:
    for size in (16, 32, 64, 128):
        target = tmp_path / f"{size}.onnx"
        convert(digits_path, target, INT4, ConversionSettings(int4_block_size=size))
        assert depends_on_batch(target) == (size > 32)


@pytest.mark.parametrize("quantization", CONVERTED)
def test_model_with_nothing_to_convert_is_refused_with_the_reason(
    tmp_path: Path, quantization: QuantizationType
) -> None:
    path = save_relu(tmp_path / "relu.onnx")
    with pytest.raises(VariantError, match=r"relu\.onnx cannot be converted to .*weights to store"):
        convert(path, tmp_path / "out.onnx", quantization, DEFAULT)


def test_constant_nodes_count_as_weights(tmp_path: Path) -> None:
    value = onnx.numpy_helper.from_array(np.ones((3, 3), np.float32))
    path = save_graph(
        tmp_path / "constant.onnx",
        [
            helper.make_node("Constant", [], ["w"], value=value),
            helper.make_node("MatMul", ["x", "w"], ["y"]),
        ],
        {"x": ("batch", 3)},
        {"y": ("batch", 3)},
    )
    convert(path, tmp_path / "out.onnx", FP16, DEFAULT)


def test_conversion_prints_nothing(
    digits_path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    convert(digits_path, tmp_path / "out.onnx", INT8, DEFAULT)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("quiet_s", "is_shown"), [(0.0, True), (600.0, False)])
def test_bar_appears_by_the_clock_also_in_a_conversion_of_one_step(
    digits_path: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    quiet_s: float,
    is_shown: bool,
) -> None:
    monkeypatch.setattr(conversion_progress, "_QUIET_S", quiet_s)
    convert(digits_path, tmp_path / "out.onnx", FP16, progress=True)
    shown = capfd.readouterr().err
    assert ("Converting digits.onnx to FP16" in shown) == is_shown
    assert ("1/1" in shown) == is_shown


def test_reason_of_a_failing_tool_is_one_line_without_its_source_code(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(VariantError, match=r"cannot be converted to INT8: .*DecodeError") as caught:
        convert(tmp_path / "text.onnx", tmp_path / "out.onnx", INT8, DEFAULT)
    assert "\n" not in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_key_depends_on_source_format_and_the_settings_of_that_format() -> None:
    def key(sha256: str, quantization: QuantizationType, **settings: int) -> str:
        return Conversion(Path("m"), sha256, quantization, ConversionSettings(**settings)).key()

    assert len({key(source, q) for source in ("a", "b") for q in CONVERTED}) == 6
    assert key("a", INT4, int4_block_size=64) != key("a", INT4)
    assert key("a", INT8, int4_block_size=64) == key("a", INT8)


@pytest.mark.parametrize("size", [8, 33, 512, 0, 32.0, True])
def test_block_size_outside_its_range_is_refused(size: object) -> None:
    with pytest.raises(SettingError, match="int4_block_size is"):
        ConversionSettings(int4_block_size=size)  # type: ignore[arg-type]


def test_per_channel_is_true_or_false() -> None:
    with pytest.raises(SettingError, match="int8_per_channel is 'no'; expected True or False"):
        ConversionSettings(int8_per_channel="no")  # type: ignore[arg-type]
