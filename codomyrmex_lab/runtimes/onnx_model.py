"""An ONNX file as a model that comes in several number formats."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self
from weakref import WeakValueDictionary

import pandas as pd
from numpy.typing import ArrayLike

from codomyrmex_lab.errors import ModelError, VariantError
from codomyrmex_lab.optimization.models import QuantizationType, check_member
from codomyrmex_lab.runtimes.calibration import Calibration
from codomyrmex_lab.runtimes.conversion import Conversion, ConversionSettings
from codomyrmex_lab.runtimes.conversion_cache import ConversionCache, default_cache_dir
from codomyrmex_lab.runtimes.conversion_progress import ProgressFunction
from codomyrmex_lab.runtimes.onnx_file import depends_on_batch, read_onnx_file, stamp
from codomyrmex_lab.runtimes.onnx_variant import OnnxVariant, VariantFile
from codomyrmex_lab.runtimes.payloads import Encode, TensorSpec, stack_payloads
from codomyrmex_lab.runtimes.quality import quality_frame
from codomyrmex_lab.runtimes.session import SessionSettings
from codomyrmex_lab.runtimes.variant_status import VariantStatus

__all__ = ["OnnxModel"]


class OnnxModel:
    """A model in FP32, FP16, INT8 and INT4, run by ONNX Runtime.

    The file itself is the FP32 variant. The others are converted when first asked for, kept on
    disk, and reused for as long as file, settings, calibration data and tools stay the same.
    Calling the model runs its FP32 variant. All methods may be called from several threads.

    The session of a variant lives for as long as somebody holds the variant: an engine holds the
    one that it runs, and the model the one last asked for. So a variant that an engine swaps for
    another is closed after its last batch.

    Parameters
    ----------
    path : str or path-like
        ONNX file; the first axis of every input is the batch and must be dynamic.
    cache_dir : str or path-like, optional
        Folder of the converted files; by default the environment variable
        ``CODOMYRMEX_LAB_CACHE`` or this user's cache folder.
    conversion : ConversionSettings
        How the other variants are converted.
    calibration : sequence, optional
        Payloads, a hundred or so and typical of the traffic. With them INT8 is static: the scales
        of activations are fixed beforehand. Without, INT8 is dynamic: it takes them from each
        batch, so that an input's output depends a little on what else is in its batch.
    encode : callable, optional
        Turns the payloads of a batch into a dict of input name to array, say by tokenising and
        padding; by default payloads are arrays and are stacked. Several threads call it at once.
    intra_op_threads : int
        Threads within one model call, at least 1.
    providers : sequence of str
        ONNX Runtime's execution providers, the preferred one first.
    progress : bool or callable
        True shows a bar for conversions that take more than 5 s, False nothing; a function is told
        what is being converted, the number of steps done and the number of all steps.

    Raises
    ------
    ModelError
        The file is missing, is no whole ONNX model, or has no batch axis; or the calibration data
        does not fit.
    SettingError
        A setting is outside its range, or the installed runtime lacks a provider.

    Examples
    --------
    >>> with OnnxModel("data/digits.onnx") as model:
    ...     outputs = model.variant(QuantizationType.INT8)(list_of_arrays)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        cache_dir: str | os.PathLike[str] | None = None,
        conversion: ConversionSettings = ConversionSettings(),  # noqa: B008 (it is immutable)
        calibration: Sequence[Any] | None = None,
        encode: Encode | None = None,
        intra_op_threads: int = 1,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        progress: bool | ProgressFunction = True,
    ) -> None:
        self._session_settings = SessionSettings(intra_op_threads, providers)
        self._source = read_onnx_file(Path(path).absolute())
        self._encode = encode or partial(stack_payloads, self._source.inputs)
        self._calibration = (
            None
            if calibration is None
            else Calibration(calibration, self._encode, self._source.inputs)
        )
        self._cache = ConversionCache(
            Path(cache_dir).absolute() if cache_dir else default_cache_dir()
        )
        self._conversion_settings = conversion
        self._progress = progress
        self._files: dict[QuantizationType, VariantFile] = {}
        self._refusals: dict[QuantizationType, str] = {}
        self._open_variants: WeakValueDictionary[QuantizationType, OnnxVariant] = (
            WeakValueDictionary()
        )
        self._latest: OnnxVariant | None = None
        self._locks = {quantization: Lock() for quantization in QuantizationType}
        self._closed = False

    @property
    def path(self) -> Path:
        """The ONNX file."""
        return self._source.path

    @property
    def identity(self) -> str:
        """Name and content hash of the file; the same for equal files of one name."""
        return f"{self.path.name}@{self._source.sha256}"

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What the graph takes of one request: name, dtype and shape without the batch axis."""
        return self._source.inputs

    @property
    def output_names(self) -> tuple[str, ...]:
        """What one request gets."""
        return self._source.output_names

    @property
    def intra_op_threads(self) -> int:
        """Threads within one model call."""
        return self._session_settings.intra_op_threads

    @property
    def providers(self) -> tuple[str, ...]:
        """The execution providers asked for; a variant tells which ones run it."""
        return tuple(self._session_settings.providers)

    def __call__(self, payloads: Sequence[Any]) -> list[Any]:
        """Run one batch on the FP32 variant; see :meth:`OnnxVariant.__call__`."""
        return self.variant(QuantizationType.FP32)(payloads)

    def variant(self, quantization: QuantizationType) -> OnnxVariant:
        """Return the batch function of one variant, converting it first where needed.

        Raises
        ------
        VariantError
            The installed runtime cannot convert or run it; the message says why.
        ModelError
            The model is closed, or its file has changed since it was opened.
        """
        check_member("quantization", quantization, QuantizationType)
        with self._locks[quantization]:
            if self._closed:
                raise ModelError(
                    f"The model {self.path.name} is closed; open it again with OnnxModel(...)."
                )
            variant = self._open_variants.get(quantization)
            if variant is None or variant.is_closed:
                file = self._variant_file(quantization)
                variant = OnnxVariant(self._source, file, self._session_settings, self._encode)
                self._open_variants[quantization] = variant
            self._latest = variant
            return variant

    def variants(self) -> dict[QuantizationType, VariantStatus]:
        """Convert and open every variant, and tell which are available, and why others are not."""
        return {quantization: self._status(quantization) for quantization in QuantizationType}

    def quality(
        self,
        payloads: Sequence[Any],
        labels: ArrayLike | None = None,
        *,
        batch_size: int = 32,
    ) -> pd.DataFrame:
        """Judge every variant by its outputs on data, at a glance.

        :func:`codomyrmex_lab.runtimes.quality_report` tells more.

        Parameters
        ----------
        payloads : sequence
            Inputs as the variants take them.
        labels : array_like of int, shape (n_payloads,), optional
            The right class of each payload.
        batch_size : int
            Payloads per model call, at least 1.

        Returns
        -------
        pandas.DataFrame
            One row per variant, indexed by ``variant``; see
            :func:`codomyrmex_lab.runtimes.quality.quality_frame`.

        Raises
        ------
        ModelError
            Payloads or labels cannot be used, or FP32, the reference, does not run.
        """
        return quality_frame(self.variants(), self.variant, payloads, labels, batch_size=batch_size)

    def close(self) -> None:
        """Let go of all sessions; calls that are running still finish."""
        self._closed = True
        for quantization, lock in self._locks.items():
            with lock:
                variant = self._open_variants.pop(quantization, None)
                if variant is not None:
                    variant.close()
        self._latest = None

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
        takes = ", ".join(f"{spec.name}: {spec}" for spec in self.inputs)
        return f"OnnxModel({str(self.path)!r}: {takes} -> {', '.join(self.output_names)})"

    def _variant_file(self, quantization: QuantizationType) -> VariantFile:
        """Return a variant's file, converted once."""
        if stamp(file for file, *_ in self._source.stamp) != self._source.stamp:
            raise ModelError(
                f"{self.path} has changed since it was opened; open it again with OnnxModel(...)."
            )
        if quantization in self._refusals:
            raise VariantError(self._refusals[quantization])
        known = self._files.get(quantization)
        if known is None or not known.path.is_file():
            known = self._files[quantization] = self._made_file(quantization)
        return known

    def _made_file(self, quantization: QuantizationType) -> VariantFile:
        source = self._source
        identity = f"{self.identity}/{quantization.value}"
        if quantization is QuantizationType.FP32:
            return VariantFile(
                quantization,
                source.path,
                source.size_bytes,
                identity,
                depends_on_batch=source.depends_on_batch,
            )
        conversion = Conversion(
            source.path, source.sha256, quantization, self._conversion_settings, self._calibration
        )
        conversion_s = 0.0

        def convert(target: Path) -> None:
            nonlocal conversion_s
            began_s = time.perf_counter()
            try:
                conversion.run(target, self._progress)
            except VariantError as error:
                self._refusals[quantization] = str(error)  # it would be refused again
                raise
            conversion_s = time.perf_counter() - began_s

        key = conversion.key()
        path = self._cache.get(f"{source.path.stem}.{quantization.value}.{key}.onnx", convert)
        return VariantFile(
            quantization,
            path,
            path.stat().st_size,
            f"{identity}/{key}",
            conversion.method,
            conversion_s,
            depends_on_batch(path),
        )

    def _status(self, quantization: QuantizationType) -> VariantStatus:
        try:
            variant = self.variant(quantization)
        except VariantError as error:
            return VariantStatus(quantization, available=False, reason=str(error))
        file = variant.file
        return VariantStatus(
            quantization,
            available=True,
            method=file.method,
            path=file.path,
            file_bytes=file.size_bytes,
            conversion_s=file.conversion_s,
            providers=variant.providers,
            intra_op_threads=self.intra_op_threads,
            depends_on_batch=file.depends_on_batch,
        )
