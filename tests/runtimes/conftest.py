"""The digits model and its held-out digits, converted once for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from codomyrmex_lab.runtimes import OnnxModel


class Heldout(NamedTuple):
    payloads: list[np.ndarray]
    labels: np.ndarray


@pytest.fixture(scope="session")
def digits_path(repository: Path) -> Path:
    return repository / "data" / "digits.onnx"


@pytest.fixture(scope="session")
def heldout(repository: Path) -> Heldout:
    frame = pd.read_csv(repository / "data" / "digits_heldout.csv")
    pixels = frame.drop(columns="digit").to_numpy(np.float32)
    return Heldout(list(pixels), frame["digit"].to_numpy())


@pytest.fixture(scope="session")
def digits_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("converted")


@pytest.fixture(scope="session")
def digits(digits_path: Path, digits_cache: Path) -> Iterator[OnnxModel]:
    with OnnxModel(digits_path, cache_dir=digits_cache) as model:
        yield model


@pytest.fixture(autouse=True)
def own_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep models that name no cache folder out of the user's."""
    folder = tmp_path / "default_cache"
    monkeypatch.setenv("CODOMYRMEX_LAB_CACHE", str(folder))
    return folder
