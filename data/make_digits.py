"""Make ``digits.onnx`` and ``digits_heldout.csv``: the embedded model and its payloads.

``python data/make_digits.py`` trains a classifier on the handwritten digits that come with
scikit-learn and writes both files beside this script, in about half a minute.
``python data/make_digits.py --report`` prints file size, accuracy and agreement per variant,
measured on the held-out digits.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import skl2onnx
from numpy.typing import NDArray
from onnx.utils import Extractor
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

FOLDER = Path(__file__).resolve().parent
SEED = 0
HELDOUT_FRACTION = 0.3
HIDDEN_UNITS = (1024, 1024)
LARGEST_PIXEL = 16
PIXELS = [f"pixel_{i}" for i in range(64)]


def split_digits() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return train pixels, held-out pixels, train digits and held-out digits; always the same."""
    pixels, digits = load_digits(return_X_y=True)
    train_pixels, heldout_pixels, train_digits, heldout_digits = train_test_split(
        pixels, digits, test_size=HELDOUT_FRACTION, stratify=digits, random_state=SEED
    )
    return train_pixels, heldout_pixels, train_digits, heldout_digits


def heldout_frame() -> pd.DataFrame:
    """Return the digits that training never sees, one row of integers each."""
    _, pixels, _, digits = split_digits()
    return pd.DataFrame(pixels.astype(int), columns=PIXELS).assign(digit=digits)


def train(hidden_units: tuple[int, ...] = HIDDEN_UNITS) -> MLPClassifier:
    """Train a classifier that takes raw pixels, 0 to 16.

    It learns on pixels scaled to 0..1. The scale then moves into the first layer's weights; as a
    power of two, it changes none of their digits. One thread keeps the sums in one order.
    """
    pixels, _, digits, _ = split_digits()
    classifier = MLPClassifier(hidden_units, random_state=SEED, max_iter=1000)
    with threadpool_limits(limits=1):
        classifier.fit(pixels / LARGEST_PIXEL, digits)
    classifier.coefs_[0] = classifier.coefs_[0] / LARGEST_PIXEL
    return classifier


def to_onnx(classifier: MLPClassifier) -> onnx.ModelProto:
    """Convert to a graph from ``pixels`` (batch, 64) to ``probabilities`` (batch, 10)."""
    graph = skl2onnx.to_onnx(
        classifier,
        initial_types=[("pixels", FloatTensorType([None, 64]))],
        options={"zipmap": False},
        target_opset=18,
    )
    model = Extractor(graph).extract_model(["pixels"], ["probabilities"])
    model.graph.name = "digits"
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.checker.check_model(model, full_check=True)
    return model


def print_report() -> None:
    """Print the quality of every variant on the held-out digits as a Markdown table."""
    from codomyrmex_lab import OnnxModel  # noqa: PLC0415 (training does not need the lab)

    heldout = pd.read_csv(FOLDER / "digits_heldout.csv")
    inputs = list(heldout[PIXELS].to_numpy(np.float32))
    with OnnxModel(FOLDER / "digits.onnx") as model:
        report = model.quality(inputs, heldout["digit"].to_numpy()).reset_index()
    print(f"{len(inputs)} held-out digits\n")
    print("| " + " | ".join(report.columns) + " |")
    print("|" + "---|" * len(report.columns))
    for row in report.itertuples(index=False):
        cells = (f"{cell:.5f}" if isinstance(cell, float) else str(cell) for cell in row)
        print("| " + " | ".join(cells) + " |")


def main() -> None:
    """Write the two files, or print the report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--report", action="store_true", help="measure the existing files instead")
    if parser.parse_args().report:
        print_report()
        return
    onnx.save(to_onnx(train()), FOLDER / "digits.onnx")
    heldout_frame().to_csv(FOLDER / "digits_heldout.csv", index=False, lineterminator="\n")
    print(f"Wrote digits.onnx and digits_heldout.csv to {FOLDER}")


if __name__ == "__main__":
    main()
