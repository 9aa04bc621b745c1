"""Batch sizes: their numbers, then what is drawn of them."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from codomyrmex_lab.optimization.models import CloseReason
from codomyrmex_lab.plots import batch_sizes, plot_batch_sizes
from codomyrmex_lab.tracing import Trace
from tests.plots.traces import trace_of_batches


@pytest.fixture
def mixed() -> Trace:
    return trace_of_batches({CloseReason.FULL: [4, 4, 4], CloseReason.TIMEOUT: [1, 2, 2]})


def test_each_size_has_a_bar_per_reason(mixed: Trace) -> None:
    sizes = batch_sizes(mixed)
    assert_array_equal(sizes.edges, [0.5, 1.5, 2.5, 3.5, 4.5])
    assert list(sizes.counts) == [CloseReason.FULL, CloseReason.TIMEOUT]
    assert_array_equal(sizes.counts[CloseReason.FULL], [0, 0, 0, 3])
    assert_array_equal(sizes.counts[CloseReason.TIMEOUT], [1, 2, 0, 0])
    assert_array_equal(sizes.total, [1, 2, 0, 3])


@pytest.mark.parametrize("largest", [1, 39, 40, 41, 100, 128, 1000])
def test_every_batch_is_in_a_bar_however_large(largest: int) -> None:
    sizes = batch_sizes(trace_of_batches({CloseReason.FULL: [1, largest]}))
    assert sizes.total.sum() == 2
    assert len(sizes.edges) <= 42
    assert set(np.diff(sizes.edges)) == {-(-largest // 40)}


def test_the_drawing_stacks_the_counts(mixed: Trace) -> None:
    axes = plot_batch_sizes(mixed)
    full, timeout = axes.containers
    assert [bar.get_height() for bar in full] == [0, 0, 0, 3]
    assert [bar.get_height() for bar in timeout] == [1, 2, 0, 0]
    assert [bar.get_y() for bar in timeout] == [0, 0, 0, 3]
    assert full[0].get_hatch() != timeout[0].get_hatch()
    assert axes.get_legend_handles_labels()[1] == ["full (3)", "timeout (3)"]
    assert "n = 6 batches" in axes.get_title("right")


def test_earlier_runs_share_the_bars(mixed: Trace) -> None:
    axes = plot_batch_sizes(mixed, earlier=[trace_of_batches({CloseReason.FULL: [90]})])
    (outline,) = axes.patches[:1]
    values, edges, _ = outline.get_data()
    assert values.sum() == 1
    assert edges[1] - edges[0] == 3
    assert [bar.get_width() for bar in axes.containers[0]] == [3] * (len(edges) - 1)


def test_no_batch_is_said(empty: Trace) -> None:
    axes = plot_batch_sizes(empty)
    assert [text.get_text() for text in axes.texts] == ["no batch ran"]
