from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.runtimes.onnx_file import read_onnx_file
from tests.runtimes.graphs import save_graph, save_relu


def test_digits_take_one_row_of_pixels_and_give_probabilities(digits_path: Path) -> None:
    file = read_onnx_file(digits_path)
    (spec,) = file.inputs
    assert (spec.name, spec.dtype, spec.shape) == ("pixels", np.dtype(np.float32), (64,))
    assert file.output_names == ("probabilities",)
    assert file.size_bytes == digits_path.stat().st_size


def test_axes_other_than_the_batch_may_be_dynamic(tmp_path: Path) -> None:
    file = read_onnx_file(save_relu(tmp_path / "m.onnx", ("batch", "length", 3)))
    assert file.inputs[0].shape == (None, 3)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.onnx does not exist"):
        read_onnx_file(tmp_path / "none.onnx")


def test_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is a folder"):
        read_onnx_file(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"hello\n", b"\x89PNG\r\n\x1a\n" + bytes(64), bytes(1000), b"PK\x03\x04zip"]
)
def test_file_that_is_not_onnx_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="is not a") as caught:
        read_onnx_file(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kept", [1, 20, 1000, 0.5, 0.999, -1])
def test_truncated_file_is_refused(tmp_path: Path, digits_path: Path, kept: float) -> None:
    whole = digits_path.read_bytes()
    path = tmp_path / "cut.onnx"
    path.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    with pytest.raises(ModelError, match="cut off"):
        read_onnx_file(path)


@pytest.mark.parametrize("shape", [(1, 3), (8, 3), ()])
def test_input_without_a_batch_axis_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="dynamic batch axis"):
        read_onnx_file(save_relu(tmp_path / "m.onnx", shape))


def test_input_without_an_element_type_is_refused(tmp_path: Path) -> None:
    path = save_relu(tmp_path / "m.onnx")
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UNDEFINED
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"Input 'x' of .* has no element type; export"):
        read_onnx_file(path)


def test_operator_that_onnx_does_not_know_is_named(tmp_path: Path) -> None:
    path = save_graph(
        tmp_path / "m.onnx",
        [helper.make_node("Fancy", ["x"], ["y"])],
        {"x": ("batch", 3)},
        {"y": ("batch", 3)},
    )
    with pytest.raises(ModelError, match="is not a valid ONNX model: No Op registered for Fancy"):
        read_onnx_file(path)


def test_input_that_is_no_tensor_is_refused(tmp_path: Path) -> None:
    path = save_relu(tmp_path / "m.onnx")
    model = onnx.load(path)
    model.graph.input.append(
        helper.make_tensor_sequence_value_info("list", TensorProto.FLOAT, ("batch",))
    )
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"'list' of .* is a sequence_type; expected a tensor"):
        read_onnx_file(path)
