import logging
import threading
from pathlib import Path

import numpy as np
import pytest

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.runtimes.encoder.tokenizing import Tokenizer
from tests.runtimes.encoder.tiny import MAX_TOKENS

CLS, SEP = 2, 3


@pytest.fixture
def tokenizer(tiny_folder: Path) -> Tokenizer:
    return Tokenizer(tiny_folder / "tokenizer.json", MAX_TOKENS)


def test_batch_is_padded_to_its_longest_text_and_masked(tokenizer: Tokenizer) -> None:
    feeds = tokenizer.feeds(["a", "ab c", ""])
    assert feeds["input_ids"].tolist() == [
        [CLS, 4, SEP, 0, 0],
        [CLS, 4, 31, 6, SEP],
        [CLS, SEP, 0, 0, 0],
    ]
    assert feeds["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1] * 5, [1, 1, 0, 0, 0]]
    assert {array.dtype for array in feeds.values()} == {np.dtype(np.int64)}


def test_counts_are_the_tokens_that_the_model_sees(tokenizer: Tokenizer) -> None:
    counts = tokenizer.counts(["", "abc", "x" * MAX_TOKENS])
    assert counts.dtype == np.int64
    assert counts.tolist() == [2, 5, MAX_TOKENS]
    assert tokenizer.counts([]).shape == (0,)


def test_long_text_is_cut_counted_and_said_once(
    tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture
) -> None:
    fits, too_long = "a" * (MAX_TOKENS - 2), "a" * (MAX_TOKENS - 1)
    with caplog.at_level(logging.WARNING):
        tokenizer.feeds([fits])
        assert not caplog.messages
        ids = tokenizer.feeds([too_long, fits, too_long])["input_ids"]
        tokenizer.feeds([too_long])
    assert ids.shape == (3, MAX_TOKENS)
    assert (ids[:, -1] == SEP).all()
    batch = tokenizer.last_batch()
    assert batch is not None
    assert batch.n_truncated == 1
    assert [message for message in caplog.messages if f"more than {MAX_TOKENS}" in message] == [
        "A text has more than 16 tokens; the model does not see its end. This is said once; "
        "TokenizingRecorder counts such texts."
    ]


@pytest.mark.parametrize(
    "text", ["ab " * 5_000, "abcdefgh" * 5_000, " " * 100_000 + "abc", "a" + " " * 9_000 + "b" * 40]
)
def test_very_long_text_gives_the_tokens_that_the_whole_of_it_would(
    tokenizer: Tokenizer, tiny_folder: Path, text: str
) -> None:
    from tokenizers import Tokenizer as Library

    whole = Library.from_file(str(tiny_folder / "tokenizer.json"))
    whole.no_padding()
    whole.enable_truncation(MAX_TOKENS)
    assert tokenizer.feeds([text])["input_ids"][0].tolist() == whole.encode(text).ids


@pytest.mark.parametrize(
    ("payload", "given"),
    [(3, "is a int"), (None, "is a NoneType"), (b"a", "is a bytes"), (["a"], "is a list")],
)
def test_payload_that_is_no_text_is_refused_by_its_place(
    tokenizer: Tokenizer, payload: object, given: str
) -> None:
    with pytest.raises(ModelError, match=f"^Payload 1 of the batch {given}; expected a text"):
        tokenizer.feeds(["a", payload])


def test_half_a_surrogate_pair_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(ModelError, match=r"Payload 0 .* no valid Unicode"):
        tokenizer.feeds(["a\ud800"])


def test_empty_batch_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(ModelError, match="at least one text"):
        tokenizer.feeds([])


def test_each_thread_has_its_own_last_batch(tokenizer: Tokenizer) -> None:
    tokenizer.feeds(["a"])
    seen = []
    thread = threading.Thread(target=lambda: seen.append(tokenizer.last_batch()))
    thread.start()
    thread.join()
    assert seen == [None]
    assert tokenizer.last_batch() is not None


def test_file_that_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(ModelError, match="holds no tokenizer"):
        Tokenizer(path, MAX_TOKENS)
