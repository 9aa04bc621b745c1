"""A sentence encoder that takes texts and comes in several number formats."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import onnx
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from codomyrmex_lab.cache_folder import default_cache_dir
from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.runtimes.conversion import ConversionSettings
from codomyrmex_lab.runtimes.conversion_cache import ConversionCache
from codomyrmex_lab.runtimes.conversion_progress import ProgressFunction
from codomyrmex_lab.runtimes.encoder.encoder_files import EncoderFiles, read_encoder_files
from codomyrmex_lab.runtimes.encoder.graph import build_graph
from codomyrmex_lab.runtimes.encoder.installation import (
    MODEL_NAME,
    encoder_library,
    installed_model_folder,
)
from codomyrmex_lab.runtimes.encoder.tokenizing import TokenBatch, Tokenizer
from codomyrmex_lab.runtimes.onnx_file import first_line
from codomyrmex_lab.runtimes.onnx_model import OnnxModel
from codomyrmex_lab.runtimes.onnx_variant import OnnxVariant
from codomyrmex_lab.runtimes.variant_status import VariantStatus

__all__ = ["SentenceEncoder"]

_SHORTEST_BUCKET = 8


class SentenceEncoder:
    """A BERT sentence encoder: a text in, an embedding of length 1 out.

    Its graph is built when first needed and kept in the cache folder; from there on it is an
    :class:`OnnxModel` whose payloads are texts. A batch is padded to its longest text, so a long
    text makes its whole batch slow. Tokenizing is a part of each call, in the worker's thread.

    A text longer than ``max_tokens`` is cut there, which the log says once. An empty text is
    encoded as the two marker tokens.

    Parameters
    ----------
    folder : str or path-like, optional
        A BERT encoder with mean pooling as sentence-transformers saves it (safetensors); by
        default all-MiniLM-L6-v2 from its installed package.
    cache_dir, conversion, calibration, intra_op_threads, providers, progress
        As for :class:`OnnxModel`; the calibration data are texts.

    Raises
    ------
    ModelError
        Something is not installed, or a file is missing or of another kind of model.
    SettingError
        A setting is outside its range.

    Examples
    --------
    >>> with SentenceEncoder() as encoder:
    ...     embeddings = encoder.variant(QuantizationType.INT8)(["a text", "another text"])
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        cache_dir: str | os.PathLike[str] | None = None,
        conversion: ConversionSettings = ConversionSettings(),  # noqa: B008 (it is immutable)
        calibration: Sequence[str] | None = None,
        intra_op_threads: int = 1,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        progress: bool | ProgressFunction = True,
    ) -> None:
        source = installed_model_folder() if folder is None else Path(folder).absolute()
        name = MODEL_NAME if folder is None else source.name
        files = read_encoder_files(source)
        self.max_tokens = files.max_tokens
        self._tokenizer = Tokenizer(files.tokenizer, files.max_tokens)
        cache = ConversionCache(Path(cache_dir).absolute() if cache_dir else default_cache_dir())
        self.onnx = OnnxModel(
            cache.get(f"{name}.{files.sha256[:32]}.onnx", lambda path: _write_graph(files, path)),
            encode=self._tokenizer.feeds,
            cache_dir=cache.folder,
            conversion=conversion,
            calibration=calibration,
            intra_op_threads=intra_op_threads,
            providers=providers,
            progress=progress,
        )

    @property
    def identity(self) -> str:
        """Name and hash of weights, architecture and tokenizer."""
        return self.onnx.identity

    @property
    def intra_op_threads(self) -> int:
        """Threads within one model call."""
        return self.onnx.intra_op_threads

    @property
    def providers(self) -> tuple[str, ...]:
        """The execution providers asked for."""
        return self.onnx.providers

    def __call__(self, texts: Sequence[str]) -> list[Any]:
        """Encode one batch with the FP32 variant."""
        return self.onnx(texts)

    def variant(self, quantization: QuantizationType) -> OnnxVariant:
        """Return the batch function of one variant; see :meth:`OnnxModel.variant`."""
        return self.onnx.variant(quantization)

    def variants(self) -> dict[QuantizationType, VariantStatus]:
        """Tell which variants are available, and why others are not."""
        return self.onnx.variants()

    def quality(
        self, texts: Sequence[str], labels: ArrayLike | None = None, *, batch_size: int = 32
    ) -> pd.DataFrame:
        """Judge every variant by its agreement with FP32; see :meth:`OnnxModel.quality`."""
        return self.onnx.quality(texts, labels, batch_size=batch_size)

    # -- tokens -------------------------------------------------------------------------------

    def feeds(self, texts: Sequence[str]) -> Mapping[str, NDArray[np.int64]]:
        """Tokenize one batch into what the graph takes; see :meth:`Tokenizer.feeds`."""
        return self._tokenizer.feeds(texts)

    def last_batch(self) -> TokenBatch | None:
        """Return the batch that the current thread last tokenized, if it did."""
        return self._tokenizer.last_batch()

    def token_counts(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Return how many tokens of each text the model sees: its cost within a batch.

        Returns
        -------
        numpy.ndarray of int64, shape (n_texts,)
            2 (the marker tokens alone) to ``max_tokens``.
        """
        return self._tokenizer.counts(texts)

    def length_bucket(self, text: str) -> int:
        """Return the text's number of tokens, rounded up to 8, 12, 16, 24, 32, 48, and so on.

        As ``bucket_fn`` of an engine it keeps short texts out of the batches of long ones; the
        caller's thread then tokenizes each text once more.
        """
        count = int(self._tokenizer.counts([text])[0])
        above: int = max(_SHORTEST_BUCKET, 1 << (count - 1).bit_length())
        between = above * 3 // 4
        return between if _SHORTEST_BUCKET < count <= between else above

    # -- life ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of all sessions; calls that are running still finish."""
        self.onnx.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"SentenceEncoder({self.onnx.path.name!r}: texts of up to {self.max_tokens} tokens)"


def _write_graph(files: EncoderFiles, path: Path) -> None:
    library = encoder_library("safetensors")
    numpy_library = encoder_library("safetensors.numpy")
    try:
        weights = numpy_library.load_file(files.weights)
    except (OSError, library.SafetensorError) as error:
        raise ModelError(
            f"{files.weights} is cut off, or holds no safetensors ({error}); download it again."
        ) from error
    try:
        graph = build_graph(weights, files.shape)
        onnx.checker.check_model(graph, full_check=True)
    except KeyError as error:
        raise ModelError(
            f"{files.weights} lacks the weight {error.args[0]!r}; expected a BERT encoder."
        ) from error
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(
            f"The weights in {files.weights} do not fit each other ({first_line(error)}); "
            "download the model again."
        ) from error
    onnx.save(graph, path)
