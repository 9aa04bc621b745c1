import numpy as np

from codomyrmex_lab.optimization.snapshot import snapshot


def test_a_stored_array_does_not_follow_its_producer_and_cannot_be_written():
    batch = np.zeros((4, 2))
    stored = snapshot(batch[1])
    batch[1] = 7
    assert stored.tolist() == [0, 0]
    assert stored.base is None
    assert not stored.flags.writeable


def test_a_stored_container_is_a_deep_copy():
    output = {"scores": [1, 2]}
    stored = snapshot(output)
    output["scores"].append(3)
    assert stored == {"scores": [1, 2]}


def test_immutable_values_are_kept_as_they_are():
    text = "x" * 1000
    assert snapshot(text) is text
