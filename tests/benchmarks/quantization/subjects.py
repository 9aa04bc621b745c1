"""The models that are measured, and their variants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.runtimes import ConversionSettings, OnnxModel, OnnxVariant, accuracy
from codomyrmex_lab.runtimes.task_metric import Metric
from tests.benchmarks.public_data import sentences_at_hand

REPOSITORY = Path(__file__).resolve().parents[3]
N_CALIBRATION = 64
FP32, FP16, INT8, INT4 = QuantizationType
PER_CHANNEL, PER_TENSOR = (ConversionSettings(int8_per_channel=chosen) for chosen in (True, False))


@dataclass(frozen=True)
class Subject:
    """A model, and the data by which it is judged."""

    name: str
    open: Any
    payloads: Sequence[Any]
    references: Any
    metric: Metric
    calibration: Sequence[Any]


@dataclass(frozen=True)
class Way:
    """A number format and how to get there."""

    name: str
    quantization: QuantizationType
    conversion: ConversionSettings = PER_CHANNEL
    static: bool = False


WAYS = (
    Way("FP32", FP32),
    Way("FP16", FP16),
    Way("INT8 dynamic, per channel", INT8),
    Way("INT8 dynamic, per tensor", INT8, PER_TENSOR),
    Way("INT8 static, per channel", INT8, static=True),
    Way("INT8 static, per tensor", INT8, PER_TENSOR, static=True),
    *(
        Way(f"INT4, blocks of {size}", INT4, ConversionSettings(int4_block_size=size))
        for size in (16, 32, 128)
    ),
)


def subjects() -> list[Subject]:
    """Return the digits, and MiniLM where its package and the STS benchmark are at hand."""
    minilm = _minilm()
    return [_digits()] if minilm is None else [_digits(), minilm]


def open_way(subject: Subject, way: Way, folder: Path, **settings: Any) -> Any:
    """Return the model set up for one way."""
    calibration = subject.calibration if way.static else None
    return subject.open(
        cache_dir=folder,
        conversion=way.conversion,
        calibration=calibration,
        progress=False,
        **settings,
    )


@contextmanager
def all_variants(subject: Subject, folder: Path) -> Iterator[dict[str, OnnxVariant]]:
    """Open every way at once."""
    with ExitStack() as stack:
        opened = {}
        for way in WAYS:
            model = stack.enter_context(open_way(subject, way, folder))
            opened[way.name] = model.variant(way.quantization)
        yield opened


def _digits() -> Subject:
    frame = pd.read_csv(REPOSITORY / "data" / "digits_heldout.csv")
    labels = frame.pop("digit").to_numpy()
    images = list(frame.to_numpy(np.float32))

    def open_digits(**settings: Any) -> OnnxModel:
        return OnnxModel(REPOSITORY / "data" / "digits.onnx", **settings)

    return Subject("digits", open_digits, images, labels, accuracy, images[:N_CALIBRATION])


def _minilm() -> Subject | None:
    path = sentences_at_hand()
    if path is None:
        return None
    from codomyrmex_lab.runtimes.encoder import SentenceEncoder, read_sentence_pairs, spearman

    pairs = read_sentence_pairs(path)
    return Subject(
        "MiniLM", SentenceEncoder, pairs.texts, pairs.scores, spearman, pairs.texts[-N_CALIBRATION:]
    )
