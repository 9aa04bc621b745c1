"""A sentence encoder that is made in no time: random weights, one token per letter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from string import ascii_lowercase

import numpy as np
from scipy.special import erf

from codomyrmex_lab.runtimes.encoder.graph import EncoderShape

HIDDEN = 32
MAX_TOKENS = 16
SHAPE = EncoderShape(n_layers=2, n_heads=4, layer_norm_epsilon=1e-12)
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *ascii_lowercase]
VOCABULARY += [f"##{letter}" for letter in ascii_lowercase]
CONFIG = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "hidden_size": HIDDEN,
    "num_attention_heads": SHAPE.n_heads,
    "num_hidden_layers": SHAPE.n_layers,
    "layer_norm_eps": SHAPE.layer_norm_epsilon,
    "max_position_embeddings": 24,
}


def random_weights() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return (random.normal(size=shape) * 0.3).astype(np.float32)

    weights = {
        "embeddings.word_embeddings.weight": draw(len(VOCABULARY), HIDDEN),
        "embeddings.position_embeddings.weight": draw(24, HIDDEN),
        "embeddings.token_type_embeddings.weight": draw(2, HIDDEN),
    }
    sizes = {
        "attention.self.query": (HIDDEN, HIDDEN),
        "attention.self.key": (HIDDEN, HIDDEN),
        "attention.self.value": (HIDDEN, HIDDEN),
        "attention.output.dense": (HIDDEN, HIDDEN),
        "intermediate.dense": (2 * HIDDEN, HIDDEN),
        "output.dense": (HIDDEN, 2 * HIDDEN),
    }
    layers = [f"encoder.layer.{layer}" for layer in range(SHAPE.n_layers)]
    for prefix in layers:
        for name, (n_out, n_in) in sizes.items():
            weights[f"{prefix}.{name}.weight"] = draw(n_out, n_in)
            weights[f"{prefix}.{name}.bias"] = draw(n_out)
    norms = [f"{prefix}.{part}" for prefix in layers for part in ("attention.output", "output")]
    for name in ("embeddings", *norms):
        weights[f"{name}.LayerNorm.weight"] = 1 + draw(HIDDEN)
        weights[f"{name}.LayerNorm.bias"] = draw(HIDDEN)
    return weights


def write_tiny_encoder(folder: Path) -> Path:
    """Write the encoder as sentence-transformers saves one."""
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    (folder / "1_Pooling").mkdir(parents=True)
    words = {word: number for number, word in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordPiece(words, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_padding(length=MAX_TOKENS)
    tokenizer.save(str(folder / "tokenizer.json"))
    save_file(random_weights(), folder / "model.safetensors")
    write_json(folder / "config.json", CONFIG)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": MAX_TOKENS})
    write_json(folder / "1_Pooling" / "config.json", {"pooling_mode_mean_tokens": True})
    return folder


def write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def embedding_by_hand(weights: Mapping[str, np.ndarray], ids: list[int]) -> np.ndarray:
    """Encode one sequence in float64 with the formulas of the papers, one head at a time."""

    def linear(name: str, x: np.ndarray) -> np.ndarray:
        return x @ weights[f"{name}.weight"].T.astype(np.float64) + weights[f"{name}.bias"]

    def normalized(name: str, x: np.ndarray) -> np.ndarray:
        centred = x - x.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    x = weights["embeddings.word_embeddings.weight"][ids].astype(np.float64)
    x = x + weights["embeddings.position_embeddings.weight"][: len(ids)]
    x = normalized(
        "embeddings.LayerNorm", x + weights["embeddings.token_type_embeddings.weight"][0]
    )
    width = HIDDEN // SHAPE.n_heads
    for layer in range(SHAPE.n_layers):
        prefix = f"encoder.layer.{layer}"
        parts = (linear(f"{prefix}.attention.self.{p}", x) for p in ("query", "key", "value"))
        query, key, value = parts
        heads = []
        for first in range(0, HIDDEN, width):
            head = slice(first, first + width)
            scores = np.exp(query[:, head] @ key[:, head].T / np.sqrt(width))
            heads.append(scores / scores.sum(axis=1, keepdims=True) @ value[:, head])
        attended = linear(f"{prefix}.attention.output.dense", np.concatenate(heads, axis=1))
        x = normalized(f"{prefix}.attention.output.LayerNorm", x + attended)
        inner = linear(f"{prefix}.intermediate.dense", x)
        gelu = inner * 0.5 * (1 + erf(inner / np.sqrt(2)))
        x = normalized(f"{prefix}.output.LayerNorm", x + linear(f"{prefix}.output.dense", gelu))
    mean = x.mean(axis=0)
    return mean / np.linalg.norm(mean)
