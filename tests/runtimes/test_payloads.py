import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.runtimes.payloads import TensorSpec, split_outputs, stack_payloads

FLOAT32 = np.dtype(np.float32)
ROW = TensorSpec("pixels", FLOAT32, (4,))
TOKENS = TensorSpec("ids", np.dtype(np.int64), (None,))


def rows(n: int) -> list[np.ndarray]:
    return [np.full(4, i, np.float32) for i in range(n)]


@given(npst.arrays(np.float32, npst.array_shapes(min_dims=1, max_dims=4)))
def test_what_is_stacked_is_split_again_unchanged(batch: np.ndarray) -> None:
    spec = TensorSpec("x", FLOAT32, batch.shape[1:])
    payloads = [np.asarray(row) for row in batch]
    stacked = stack_payloads([spec], payloads)["x"]
    assert stacked.dtype == FLOAT32
    for payload, row in zip(payloads, split_outputs(["y"], [stacked], len(batch)), strict=True):
        np.testing.assert_array_equal(row, payload)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_axes_of_any_length_take_one_length_per_batch(lengths: list[int]) -> None:
    payloads = [np.zeros(length, np.int64) for length in lengths]
    if len(set(lengths)) == 1:
        assert stack_payloads([TOKENS], payloads)["ids"].shape == (len(lengths), lengths[0])
    else:
        with pytest.raises(ModelError, match="pad the payloads"):
            stack_payloads([TOKENS], payloads)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros(4), "takes a float32 array of shape (4,), got float64 of shape (4,)"),
        (np.zeros(5, np.float32), "takes a float32 array of shape (4,), got shape (5,)"),
        (np.zeros((1, 4), np.float32), "takes a float32 array of shape (4,), got shape (1, 4)"),
        ([0.0] * 4, "got a list, not an array"),
        (None, "got a NoneType, not an array"),
    ],
)
@pytest.mark.parametrize("index", [0, 2])
def test_payload_that_does_not_fit_is_named_with_what_was_expected(
    bad: object, message: str, index: int
) -> None:
    payloads: list[object] = list(rows(3))
    payloads[index] = bad
    with pytest.raises(ModelError, match=re.escape(message)) as caught:
        stack_payloads([ROW], payloads)
    assert f"Payload {index} of the batch: input 'pixels'" in str(caught.value)


def test_shape_of_any_length_is_written_as_any() -> None:
    with pytest.raises(ModelError, match=re.escape("int64 array of shape (any,), got shape ()")):
        stack_payloads([TOKENS], [np.array(1)])


def test_empty_batch_is_refused() -> None:
    with pytest.raises(ModelError, match="batch is empty"):
        stack_payloads([ROW], [])


def test_several_inputs_come_as_a_mapping_by_name() -> None:
    feeds = stack_payloads(
        [ROW, TOKENS], [{"pixels": row, "ids": np.array([i])} for i, row in enumerate(rows(2))]
    )
    np.testing.assert_array_equal(feeds["pixels"], rows(2))
    np.testing.assert_array_equal(feeds["ids"], [[0], [1]])


@pytest.mark.parametrize("bad", [{"pixels": rows(1)[0]}, rows(1)[0]])
def test_payload_without_all_inputs_is_refused(bad: object) -> None:
    whole = {"pixels": rows(1)[0], "ids": np.array([1])}
    with pytest.raises(ModelError, match=re.escape("Payload 1 of the batch: expected a mapping")):
        stack_payloads([ROW, TOKENS], [whole, bad])


def test_several_outputs_come_as_a_dict_by_name() -> None:
    answers = split_outputs(["label", "scores"], [np.array([3, 5]), np.eye(2)], 2)
    assert [answer["label"] for answer in answers] == [3, 5]
    np.testing.assert_array_equal(answers[1]["scores"], [0.0, 1.0])


def test_outputs_own_their_memory_and_cannot_be_changed() -> None:
    batch = np.arange(6.0).reshape(3, 2)
    answers = split_outputs(["y"], [batch], 3)
    batch[:] = -1.0
    np.testing.assert_array_equal(answers, [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    assert all(answer.base is None for answer in answers)
    with pytest.raises(ValueError, match="read-only"):
        answers[0][0] = 9.0


def test_outputs_that_are_lists_are_dealt_out() -> None:
    assert split_outputs(["scores"], [[{0: 0.1}, {0: 0.9}]], 2) == [{0: 0.1}, {0: 0.9}]


@pytest.mark.parametrize("output", [np.zeros((1, 3)), np.array(0.5), [1, 2, 3]])
def test_output_without_one_element_per_request_is_refused(output: object) -> None:
    with pytest.raises(ModelError, match="for a batch of 2; expected its first axis"):
        split_outputs(["y"], [output], 2)
