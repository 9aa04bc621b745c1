from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.runtimes.encoder import SentencePairs, read_sentence_pairs, spearman


def test_sts_file_is_read_pair_by_pair(pairs: SentencePairs) -> None:
    assert len(pairs) == 1379
    assert len(pairs.texts) == 2 * len(pairs)
    assert pairs.texts[:2] == ("A girl is styling her hair.", "A girl is brushing her hair.")
    assert pairs.scores[0] == 2.5
    assert (pairs.scores.min(), pairs.scores.max()) == (0.0, 5.0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b,1\na,b\n", r"Row 2 of .* is \['a', 'b'\]; expected a sentence"),
        ("first,second,score\n", "Row 1 of"),
        ("a,b,nan\n", "Row 1 of"),
        ("", "is empty"),
    ],
)
def test_file_of_another_form_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(content)
    with pytest.raises(ModelError, match=message):
        read_sentence_pairs(path)


def test_unreadable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes(b"\xe9,b,1\n")
    for name in ("latin.csv", "absent.csv"):
        with pytest.raises(ModelError, match="cannot be read"):
            read_sentence_pairs(tmp_path / name)


scores = st.lists(st.integers(0, 5), min_size=3, max_size=30)


@given(scores, st.integers(0, 2**32 - 1))
def test_correlation_is_scipys(scores: list[int], seed: int) -> None:
    assume(len(set(scores)) > 1)
    outputs = np.random.default_rng(seed).normal(size=(2 * len(scores), 3))
    unit = outputs / np.linalg.norm(outputs, axis=1, keepdims=True)
    expected = spearmanr((unit[::2] * unit[1::2]).sum(axis=1), scores).statistic
    assert spearman(outputs, scores) == pytest.approx(expected)


def test_correlation_counts_ranks_alone_and_shares_ties() -> None:
    angles = np.array([0.1, 0.5, 0.5, 1.2])
    outputs = np.empty((8, 2))
    outputs[::2] = [1, 0]
    outputs[1::2] = np.column_stack([np.cos(angles), np.sin(angles)])
    assert spearman(outputs, [100, 2, 2, 1]) == pytest.approx(1.0)
    assert spearman(7 * outputs, [0, 3, 3, 5]) == pytest.approx(-1.0)
    expected = spearmanr(np.cos(angles), [3, 2, 1, 0]).statistic
    assert spearman(outputs, [3, 2, 1, 0]) == pytest.approx(expected)


def test_correlation_without_an_order_is_not_a_number() -> None:
    assert np.isnan(spearman(np.ones((6, 2)), [1, 2, 3]))


@pytest.mark.parametrize(("n_outputs", "references"), [(3, [1.0]), (4, [1.0]), (2, [[1.0]])])
def test_outputs_that_are_not_two_for_each_score_are_refused(
    n_outputs: int, references: list[object]
) -> None:
    with pytest.raises(ModelError, match="two embeddings for each score"):
        spearman(np.ones((n_outputs, 2)), references)  # type: ignore[arg-type]
