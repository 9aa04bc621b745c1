"""Texts to token ids: cut at the model's maximum, padded to the longest of their batch."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.logging_monitoring import get_logger
from codomyrmex_lab.runtimes.encoder.installation import encoder_library

__all__ = ["TokenBatch", "Tokenizer"]

_CHARACTERS_PER_TOKEN = 32
_ENOUGH_CHUNKS = 2
_logger = get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class TokenBatch:
    """One batch of texts, ready for the model.

    Parameters
    ----------
    ids : int64, shape (n_texts, longest)
        Token ids, padded at the end of each row.
    mask : int64, shape (n_texts, longest)
        1 for a token, 0 for padding.
    n_truncated : int
        Texts of which the model does not see the end.
    start_ns, end_ns : int
        When it was made, in ``perf_counter_ns`` ticks.
    """

    ids: NDArray[np.int64]
    mask: NDArray[np.int64]
    n_truncated: int
    start_ns: int
    end_ns: int


class Tokenizer:
    """Turns texts into token ids; may be called from several threads.

    Texts are encoded one by one: the library's own way with many starts a pool of threads, which
    would fight the engine's workers for the cores.

    Parameters
    ----------
    path : pathlib.Path
        The tokenizer as JSON.
    max_tokens : int
        Where texts are cut, the two marker tokens included.

    Raises
    ------
    ModelError
        The library is not installed, or the file holds no tokenizer.
    """

    def __init__(self, path: Path, max_tokens: int) -> None:
        library = encoder_library("tokenizers")
        try:
            self._tokenizer = library.Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises no narrower class
            raise ModelError(f"{path} holds no tokenizer: {error}.") from error
        self._pad_id = (self._tokenizer.padding or {}).get("pad_id", 0)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        self._max_tokens = max_tokens
        self._last = threading.local()
        self._said_truncated = False

    def counts(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Return how many tokens of each text the model sees, padding not counted."""
        return np.array([len(self._encode(n, text).ids) for n, text in enumerate(texts)], np.int64)

    def feeds(self, texts: Sequence[Any]) -> dict[str, NDArray[np.int64]]:
        """Tokenize one batch and pad it to its longest text.

        Parameters
        ----------
        texts : sequence of str
            At least one.

        Returns
        -------
        dict of str to numpy.ndarray
            ``input_ids`` and ``attention_mask``, int64, shape ``(n_texts, longest)``.

        Raises
        ------
        ModelError
            The batch is empty, or a payload is no text.
        """
        start_ns = perf_counter_ns()
        if not len(texts):
            raise ModelError("The batch is empty; expected at least one text.")
        encodings = [self._encode(n, text) for n, text in enumerate(texts)]
        ids, mask = self._padded([encoding.ids for encoding in encodings])
        n_truncated = sum(bool(encoding.overflowing) for encoding in encodings)
        if n_truncated and not self._said_truncated:
            self._said_truncated = True
            _logger.warning(
                "A text has more than %d tokens; the model does not see its end. This is said "
                "once; TokenizingRecorder counts such texts.",
                self._max_tokens,
            )
        self._last.batch = TokenBatch(ids, mask, n_truncated, start_ns, perf_counter_ns())
        return {"input_ids": ids, "attention_mask": mask}

    def last_batch(self) -> TokenBatch | None:
        """Return what the current thread last tokenized, if it did."""
        batch: TokenBatch | None = getattr(self._last, "batch", None)
        return batch

    def _padded(self, rows: Sequence[list[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        shape = (len(rows), max(map(len, rows)))
        ids, mask = np.full(shape, self._pad_id, np.int64), np.zeros(shape, np.int64)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row
            mask[index, : len(row)] = 1
        return ids, mask

    def _encode(self, index: int, text: Any) -> Any:
        """Encode one text; of a very long one only as much as fills the model."""
        if not isinstance(text, str):
            raise ModelError(
                f"Payload {index} of the batch is a {type(text).__name__}; expected a text (str)."
            )
        head = _CHARACTERS_PER_TOKEN * self._max_tokens
        try:
            while head < len(text):
                encoding = self._tokenizer.encode(text[:head])
                # A word that the cut went through lies behind the tokens that are kept.
                if len(encoding.overflowing) >= _ENOUGH_CHUNKS:
                    return encoding
                head *= 4
            return self._tokenizer.encode(text)
        except TypeError as error:
            raise ModelError(
                f"Payload {index} of the batch is no valid Unicode text (it holds half of a "
                "surrogate pair); decode it with errors='replace'."
            ) from error
