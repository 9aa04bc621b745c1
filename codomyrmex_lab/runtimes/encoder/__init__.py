"""A sentence encoder: texts in, embeddings out."""

from codomyrmex_lab.runtimes.encoder.sentence_encoder import SentenceEncoder
from codomyrmex_lab.runtimes.encoder.sentence_pairs import (
    SentencePairs,
    read_sentence_pairs,
    spearman,
)
from codomyrmex_lab.runtimes.encoder.tokenizing_recorder import TokenizingRecorder

__all__ = [
    "SentenceEncoder",
    "SentencePairs",
    "TokenizingRecorder",
    "read_sentence_pairs",
    "spearman",
]
