"""Judge a sentence encoder by how its embeddings rank pairs of sentences, beside people."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from codomyrmex_lab.errors import ModelError

__all__ = ["SentencePairs", "read_sentence_pairs", "spearman"]

_COLUMNS = 3


@dataclass(frozen=True, slots=True, eq=False)
class SentencePairs:
    """Pairs of sentences, each with the likeness that people gave it.

    Parameters
    ----------
    texts : tuple of str
        The two sentences of the first pair, of the second, and so on.
    scores : float64, shape (n_pairs,)
        Likeness; larger is more alike.
    """

    texts: tuple[str, ...]
    scores: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.scores)


def read_sentence_pairs(path: str | os.PathLike[str]) -> SentencePairs:
    """Read a CSV file of sentence, sentence and score, without a header, as of the STS benchmark.

    Raises
    ------
    ModelError
        The file cannot be read, or a line is not of this form; the message names it.
    """
    texts: list[str] = []
    scores: list[float] = []
    try:
        with Path(path).open(encoding="utf-8", newline="") as stream:
            for number, row in enumerate(csv.reader(stream), start=1):
                scores.append(_score(row))
                texts += row[:2]
                if not np.isfinite(scores[-1]):
                    raise ModelError(
                        f"Row {number} of {path} is {row!r}; expected a sentence, a sentence and "
                        "a score."
                    )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ModelError(f"The sentence pairs {path} cannot be read: {error}.") from error
    if not scores:
        raise ModelError(f"{path} is empty; expected rows of a sentence, a sentence and a score.")
    return SentencePairs(tuple(texts), np.array(scores))


def _score(row: list[str]) -> float:
    try:
        return float(row[2]) if len(row) == _COLUMNS else float("nan")
    except ValueError:
        return float("nan")


def spearman(outputs: NDArray[Any], references: ArrayLike) -> float:
    """Correlate the ranks of the embeddings' cosines with the ranks of the scores.

    Parameters
    ----------
    outputs : ndarray of float, shape (2 * n_pairs, n_elements)
        Embeddings, the two of a pair one behind the other.
    references : array_like of float, shape (n_pairs,)
        The pairs' scores.

    Returns
    -------
    float
        Spearman's rank correlation, -1 to 1; ties share their mean rank. NaN where all cosines or
        all scores are equal.

    Raises
    ------
    ModelError
        There are not two embeddings for each score.

    References
    ----------
    C. Spearman, American Journal of Psychology, 1904. D. Cer et al., SemEval-2017 Task 1, 2017.
    """
    embeddings, scores = np.asarray(outputs), np.asarray(references, np.float64)
    if scores.ndim != 1 or len(embeddings) != 2 * len(scores):
        raise ModelError(
            f"There are {len(embeddings)} embeddings for scores of shape {scores.shape}; expected "
            "two embeddings for each score, those of a pair one behind the other."
        )
    first, second = embeddings[::2], embeddings[1::2]
    lengths = np.sqrt(np.vecdot(first, first) * np.vecdot(second, second))
    products = np.vecdot(first, second)
    cosines = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
    ranks = pd.DataFrame({"cosine": cosines, "score": scores}).rank()
    return float(ranks.corr().to_numpy()[0, 1])
