from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codomyrmex_lab.runtimes.encoder.graph import build_graph
from tests.runtimes.encoder.tiny import SHAPE, VOCABULARY, embedding_by_hand, random_weights

WEIGHTS = random_weights()
MODEL = build_graph(WEIGHTS, SHAPE)
SESSION = onnxruntime.InferenceSession(MODEL.SerializeToString())

sequences = st.lists(st.integers(1, len(VOCABULARY) - 1), min_size=1, max_size=20)


def run(rows: list[list[int]], *, padding: int = 0) -> np.ndarray:
    longest = max(map(len, rows)) + padding
    ids, mask = np.zeros((2, len(rows), longest), np.int64)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
        mask[index, : len(row)] = 1
    return SESSION.run(None, {"input_ids": ids, "attention_mask": mask})[0]


@settings(max_examples=25, deadline=None)
@given(st.lists(sequences, min_size=1, max_size=4), st.integers(0, 4))
def test_each_row_is_what_the_papers_formulas_give_for_it_alone(
    rows: list[list[int]], padding: int
) -> None:
    outputs = run(rows, padding=padding)
    expected = [embedding_by_hand(WEIGHTS, row) for row in rows]
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_what_stands_in_the_padding_is_not_read() -> None:
    mask = np.array([[1, 1, 1, 0, 0]])
    outputs = [
        SESSION.run(None, {"input_ids": np.array([ids]), "attention_mask": mask})[0]
        for ids in ([2, 9, 3, 0, 0], [2, 9, 3, 17, 23])
    ]
    np.testing.assert_array_equal(*outputs)


def test_graph_is_a_whole_model_of_standard_operators(tmp_path: Path) -> None:
    onnx.checker.check_model(MODEL, full_check=True)
    assert [(opset.domain, opset.version) for opset in MODEL.opset_import] == [("", 20)]
    operators = [node.op_type for node in MODEL.graph.node]
    assert operators.count("Gelu") == SHAPE.n_layers
    assert operators.count("LayerNormalization") == 2 * SHAPE.n_layers + 1
    assert len({node.name for node in MODEL.graph.node}) == len(operators)


def test_missing_weight_is_named() -> None:
    with pytest.raises(KeyError, match=r"encoder\.layer\.2\.attention"):
        build_graph(WEIGHTS, type(SHAPE)(3, SHAPE.n_heads, SHAPE.layer_norm_epsilon))
