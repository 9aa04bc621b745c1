from pathlib import Path

import pytest

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.runtimes.encoder.encoder_files import read_encoder_files
from tests.runtimes.encoder.tiny import CONFIG, MAX_TOKENS, SHAPE, write_json


def test_description_is_read(tiny_folder: Path) -> None:
    files = read_encoder_files(tiny_folder)
    assert (files.shape, files.max_tokens) == (SHAPE, MAX_TOKENS)
    assert read_encoder_files(tiny_folder) == files


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_hash_follows_content(tiny_folder: Path, name: str) -> None:
    before = read_encoder_files(tiny_folder).sha256
    with (tiny_folder / name).open("ab") as stream:
        stream.write(b" ")
    assert read_encoder_files(tiny_folder).sha256 != before


def test_texts_are_never_longer_than_there_are_positions(tiny_folder: Path) -> None:
    write_json(tiny_folder / "sentence_bert_config.json", {"max_seq_length": 512})
    assert read_encoder_files(tiny_folder).max_tokens == CONFIG["max_position_embeddings"]


@pytest.mark.parametrize(
    "name",
    [
        "model.safetensors",
        "tokenizer.json",
        "config.json",
        "sentence_bert_config.json",
        "1_Pooling/config.json",
    ],
)
def test_missing_file_is_named(tiny_folder: Path, name: str) -> None:
    (tiny_folder / name).unlink()
    with pytest.raises(ModelError, match=f"{name} is missing; expected a folder with"):
        read_encoder_files(tiny_folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "mpnet"}, "model_type = 'mpnet'; only 'bert' can be run"),
        ({"hidden_act": "relu"}, "hidden_act = 'relu'; only 'gelu'"),
        ({"num_attention_heads": 5}, "hidden_size = 32; expected a multiple of 5"),
        ({"num_hidden_layers": "6"}, "num_hidden_layers = '6'; expected a number above 0"),
        ({"num_hidden_layers": 0}, "num_hidden_layers = 0; expected a number above 0"),
        ({"layer_norm_eps": None}, "layer_norm_eps = None"),
    ],
)
def test_other_kind_of_model_is_refused(
    tiny_folder: Path, changes: dict[str, object], message: str
) -> None:
    write_json(tiny_folder / "config.json", {**CONFIG, **changes})
    with pytest.raises(ModelError, match=message):
        read_encoder_files(tiny_folder)


def test_other_pooling_is_refused(tiny_folder: Path) -> None:
    write_json(tiny_folder / "1_Pooling" / "config.json", {"pooling_mode_cls_token": True})
    with pytest.raises(ModelError, match="pooling_mode_mean_tokens = None; only True"):
        read_encoder_files(tiny_folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"{", "cannot be read"), (b"[1]", "no JSON object"), (b"\xff", "cannot be read")],
)
def test_description_that_is_no_json_object_is_refused(
    tiny_folder: Path, content: bytes, message: str
) -> None:
    (tiny_folder / "config.json").write_bytes(content)
    with pytest.raises(ModelError, match=message):
        read_encoder_files(tiny_folder)
