"""What tokenizing took of each batch's service time."""

from __future__ import annotations

from typing import Any, Protocol

import pandas as pd

from codomyrmex_lab.optimization.observer import ObservedBatch, ObservedRequest
from codomyrmex_lab.runtimes.encoder.tokenizing import TokenBatch

__all__ = ["TokenizingRecorder"]

_NS_PER_MS = 1e6
_COLUMNS = {
    "n_texts": "int64",
    "longest_tokens": "int64",
    "n_tokens": "int64",
    "n_padding": "int64",
    "n_truncated": "int64",
    "tokenize_ms": "float64",
    "model_ms": "float64",
}


class Tokenizes(Protocol):
    """A model that knows when it last tokenized."""

    def last_batch(self) -> TokenBatch | None:
        """Return the batch that the current thread last tokenized, if it did."""
        ...


class TokenizingRecorder:
    """Observes an engine that runs a sentence encoder, and divides each batch's service time.

    An observer is told of a batch in the thread that ran it, so the two halves belong to one
    batch for certain, with any number of workers.

    Parameters
    ----------
    encoder : SentenceEncoder
        The engine's model.

    Examples
    --------
    >>> recorder = TokenizingRecorder(encoder)
    >>> engine.attach(recorder)
    >>> trace.batches.join(recorder.frame(), on="batch_id")
    """

    def __init__(self, encoder: Tokenizes) -> None:
        self._encoder = encoder
        self._rows: list[tuple[Any, ...]] = []

    def on_batch(self, batch: ObservedBatch) -> None:
        """Note how a batch's time divides; one that failed, or ran elsewhere, is left out."""
        last = self._encoder.last_batch()
        if batch.error is not None or last is None or last.start_ns < batch.start_ns:
            return
        n_texts, longest = last.mask.shape
        n_tokens = int(last.mask.sum())
        n_padding = n_texts * longest - n_tokens
        tokenize_ns = last.end_ns - last.start_ns
        self._rows.append(
            (
                batch.id,
                *(n_texts, longest, n_tokens, n_padding, last.n_truncated),
                tokenize_ns / _NS_PER_MS,
                (batch.end_ns - batch.start_ns - tokenize_ns) / _NS_PER_MS,
            )
        )

    def on_cache_hit(
        self, request_id: int, priority: int, key: Any, arrival_ns: int, end_ns: int
    ) -> None:
        """Ignore an answer from the cache: nothing was tokenized for it."""

    def on_unserved(self, request: ObservedRequest, end_ns: int, error: BaseException) -> None:
        """Ignore a request that reached no model."""

    def frame(self) -> pd.DataFrame:
        """Return one row per batch.

        Returns
        -------
        pandas.DataFrame
            Indexed by ``batch_id``, as in ``Trace.batches``: ``n_texts``,
            ``longest_tokens``, ``n_tokens`` and ``n_padding`` (summed over the texts),
            ``n_truncated``, and ``tokenize_ms`` and ``model_ms``, which sum to ``service_ms``.
        """
        frame = pd.DataFrame(list(self._rows), columns=["batch_id", *_COLUMNS])
        return frame.astype({"batch_id": "int64", **_COLUMNS}).set_index("batch_id")
