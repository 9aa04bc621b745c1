import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import onnxruntime
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def make_digits(repository: Path) -> ModuleType:
    """The script, imported."""
    spec = importlib.util.spec_from_file_location(
        "make_digits", repository / "data" / "make_digits.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def heldout(repository: Path) -> pd.DataFrame:
    return pd.read_csv(repository / "data" / "digits_heldout.csv")


def test_heldout_file_is_what_the_script_makes(
    make_digits: ModuleType, heldout: pd.DataFrame
) -> None:
    pd.testing.assert_frame_equal(heldout, make_digits.heldout_frame(), check_dtype=False)


def test_heldout_digits_are_whole_pixels_of_all_classes(heldout: pd.DataFrame) -> None:
    pixels = heldout.drop(columns="digit")
    assert list(pixels.columns) == [f"pixel_{i}" for i in range(64)]
    assert set(heldout.dtypes) == {np.dtype(np.int64)}
    assert (pixels.to_numpy().min(), pixels.to_numpy().max()) == (0, 16)
    counts = heldout["digit"].value_counts()
    assert sorted(counts.index) == list(range(10))
    assert counts.max() - counts.min() <= 5


def test_training_never_sees_a_heldout_digit(make_digits: ModuleType) -> None:
    train, held, *_ = make_digits.split_digits()
    assert not {row.tobytes() for row in train} & {row.tobytes() for row in held}


def test_exported_graph_takes_raw_pixels_and_gives_the_classifiers_probabilities(
    make_digits: ModuleType, heldout: pd.DataFrame
) -> None:
    classifier = make_digits.train(hidden_units=(16, 16))
    graph = make_digits.to_onnx(classifier)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    pixels = heldout.drop(columns="digit").to_numpy(np.float32)
    (probabilities,) = session.run(None, {"pixels": pixels})
    np.testing.assert_allclose(probabilities, classifier.predict_proba(pixels), atol=1e-4)
    assert (probabilities.argmax(axis=1) == heldout["digit"]).mean() > 0.9


def test_training_is_repeatable(make_digits: ModuleType) -> None:
    first, second = (make_digits.to_onnx(make_digits.train((8,))) for _ in range(2))
    assert first.SerializeToString() == second.SerializeToString()
