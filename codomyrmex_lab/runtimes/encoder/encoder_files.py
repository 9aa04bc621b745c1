"""Read what a sentence encoder's files say and refuse a folder that holds another kind of model."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.runtimes.encoder.graph import GRAPH_RECIPE, EncoderShape

__all__ = ["EncoderFiles", "read_encoder_files"]

_WEIGHTS, _TOKENIZER, _CONFIG = "model.safetensors", "tokenizer.json", "config.json"
_LENGTH, _POOLING = "sentence_bert_config.json", "1_Pooling/config.json"


@dataclass(frozen=True, slots=True)
class EncoderFiles:
    """What is known of a sentence encoder before its weights are read.

    Parameters
    ----------
    weights, tokenizer : pathlib.Path
        The weights as safetensors, and the tokenizer's own JSON.
    shape : EncoderShape
        Architecture.
    max_tokens : int
        Longest input, the two marker tokens included.
    sha256 : str
        Hash of all that outputs depend on.
    """

    weights: Path
    tokenizer: Path
    shape: EncoderShape
    max_tokens: int
    sha256: str


def read_encoder_files(folder: Path) -> EncoderFiles:
    """Read the description of a BERT sentence encoder with mean pooling.

    Parameters
    ----------
    folder : pathlib.Path
        As sentence-transformers saves a model.

    Raises
    ------
    ModelError
        A file is missing or cannot be read, or describes a model of another kind.
    """
    weights, tokenizer = (_existing(folder / name) for name in (_WEIGHTS, _TOKENIZER))
    config, length, pooling = (
        _Description(_existing(folder / name)) for name in (_CONFIG, _LENGTH, _POOLING)
    )
    config.expect("model_type", "bert")
    config.expect("hidden_act", "gelu")
    config.expect("position_embedding_type", "absolute")
    pooling.expect("pooling_mode_mean_tokens", True)
    n_heads = config.number("num_attention_heads")
    config.multiple("hidden_size", n_heads)
    shape = EncoderShape(
        int(config.number("num_hidden_layers")),
        int(n_heads),
        float(config.number("layer_norm_eps")),
    )
    max_tokens = min(length.number("max_seq_length"), config.number("max_position_embeddings"))
    digest = hashlib.sha256(repr((GRAPH_RECIPE, shape, max_tokens)).encode())
    for path in (weights, tokenizer):
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return EncoderFiles(weights, tokenizer, shape, int(max_tokens), digest.hexdigest())


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ModelError(
            f"{path} is missing; expected a folder with {_WEIGHTS}, {_TOKENIZER}, {_CONFIG}, "
            f"{_LENGTH} and {_POOLING}, as sentence-transformers saves a model."
        )
    return path


class _Description:
    """A JSON object on disk, asked for one setting at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._settings: Any = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"{path} cannot be read: {error}.") from error
        if not isinstance(self._settings, dict):
            raise ModelError(f"{path} holds no JSON object; download the model again.")

    def expect(self, key: str, value: str | bool) -> None:
        """Raise ``ModelError`` unless a setting has the one value that can be run."""
        given = self._settings.get(key)
        if given != value:
            raise ModelError(
                f"{self._path} says {key} = {given!r}; only {value!r} can be run: expected a BERT "
                "encoder with mean pooling."
            )

    def number(self, key: str) -> float:
        """Return a setting that must be a number above 0."""
        given = self._settings.get(key)
        if isinstance(given, bool) or not isinstance(given, int | float) or not given > 0:
            raise ModelError(f"{self._path} says {key} = {given!r}; expected a number above 0.")
        return given

    def multiple(self, key: str, divisor: float) -> None:
        """Raise ``ModelError`` unless a setting can be divided into equal parts."""
        if self.number(key) % divisor:
            raise ModelError(
                f"{self._path} says {key} = {self.number(key)!r}; expected a multiple of {divisor}."
            )
