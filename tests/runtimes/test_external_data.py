"""Weights in a file beside the model, and what can be wrong with that file."""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.runtimes import OnnxModel
from codomyrmex_lab.runtimes.onnx_file import read_onnx_file
from tests.runtimes.graphs import save_graph


@pytest.fixture
def external(tmp_path: Path) -> Path:
    """A model whose weights are in a file beside it."""
    path = save_graph(
        tmp_path / "model.onnx",
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        {"x": ("batch", 8)},
        {"y": ("batch", 4)},
        {"w": np.ones((8, 4), np.float32)},
    )
    onnx.save(
        onnx.load(path), path, save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    return path


def change_entry(path: Path, **entries: str | None) -> None:
    """Set or remove entries of where the only tensor is."""
    model = onnx.load(path, load_external_data=False)
    (tensor,) = model.graph.initializer
    kept = {item.key: item.value for item in tensor.external_data} | entries
    del tensor.external_data[:]
    for key, value in kept.items():
        if value is not None:
            tensor.external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_onnx_file(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_it_belongs_to_hash_and_size(external: Path) -> None:
    before = read_onnx_file(external)
    weights = external.with_name("weights.bin")
    assert before.size_bytes == external.stat().st_size + weights.stat().st_size
    weights.write_bytes(bytes(weights.stat().st_size))
    assert read_onnx_file(external).sha256 != before.sha256


def test_every_variant_of_it_runs(external: Path, tmp_path: Path) -> None:
    with OnnxModel(external, cache_dir=tmp_path / "cache") as model:
        int8 = model.variant(QuantizationType.INT8)
        np.testing.assert_allclose(int8([np.ones(8, np.float32)])[0], np.full(4, 8), rtol=0.02)


def test_change_of_it_after_opening_is_refused(external: Path) -> None:
    with OnnxModel(external) as model:
        external.with_name("weights.bin").write_bytes(bytes(4096))
        with pytest.raises(ModelError, match="has changed since it was opened"):
            model.variant(QuantizationType.FP32)


def test_missing_file_is_named(external: Path) -> None:
    external.with_name("weights.bin").unlink()
    assert "'weights.bin', which is missing" in refusal(external)


def test_truncated_file_is_refused(external: Path) -> None:
    weights = external.with_name("weights.bin")
    weights.write_bytes(weights.read_bytes()[:-1])
    assert "'w' ends at byte 128" in refusal(external)


def test_truncated_file_is_refused_where_the_model_gives_no_length(external: Path) -> None:
    change_entry(external, length=None)
    weights = external.with_name("weights.bin")
    weights.write_bytes(weights.read_bytes()[:100])
    assert "has 100 bytes, but tensor 'w' ends at byte 128" in refusal(external)


def test_file_larger_than_memory_is_refused_without_reading_it(external: Path) -> None:
    os.truncate(external.with_name("weights.bin"), 1 << 42)  # sparse: it takes no room on disk
    message = refusal(external)
    assert "weights.bin have 4,398 GB, but this machine has" in message


def test_model_file_beyond_the_limit_of_its_format_is_refused(external: Path) -> None:
    os.truncate(external, 1 << 31)
    assert "holds at most 2 GiB; export the model with its weights in external" in refusal(external)


@pytest.mark.parametrize(
    "entry", [{"offset": "-8"}, {"length": "many"}, {"offset": "1e3"}, {"length": "²"}]
)
def test_place_that_is_no_number_of_bytes_is_refused(external: Path, entry: dict[str, str]) -> None:
    change_entry(external, **entry)
    assert "expected whole numbers of bytes" in refusal(external)


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/passwd", ""])
def test_file_outside_the_folder_of_the_model_is_refused(external: Path, location: str) -> None:
    change_entry(external, location=location)
    message = refusal(external)
    assert f"is in {location!r}; expected a file in the model's own folder" in message
