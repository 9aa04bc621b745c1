"""An ONNX file as a model that comes in several number formats."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

import onnxruntime
import pandas as pd
from numpy.typing import ArrayLike

from codomyrmex_lab.errors import ModelError, SettingError, VariantError
from codomyrmex_lab.optimization.models import QuantizationType, check_integer, check_member
from codomyrmex_lab.runtimes.conversion import ConversionSettings, conversion_key, convert
from codomyrmex_lab.runtimes.conversion_cache import ConversionCache, default_cache_dir
from codomyrmex_lab.runtimes.onnx_file import read_onnx_file
from codomyrmex_lab.runtimes.onnx_variant import OnnxVariant, SessionSettings, VariantStatus
from codomyrmex_lab.runtimes.payloads import TensorSpec
from codomyrmex_lab.runtimes.quality import quality_frame

__all__ = ["OnnxModel"]


class OnnxModel:
    """A model in FP32, FP16, INT8 and INT4, run by ONNX Runtime.

    The file itself is the FP32 variant. The others are converted when first asked for, kept on
    disk, and reused for as long as file, settings and tools stay the same. Calling the model runs
    its FP32 variant. All methods may be called from several threads.

    Dynamic INT8 scales activations over a whole batch, so that an input's output depends a little
    on what else is in its batch.

    Parameters
    ----------
    path : str or path-like
        ONNX file; the first axis of every input is the batch and must be dynamic.
    cache_dir : str or path-like, optional
        Folder of the converted files; by default the environment variable
        ``CODOMYRMEX_LAB_CACHE`` or this user's cache folder.
    conversion : ConversionSettings
        How the other variants are converted.
    intra_op_threads : int
        Threads within one model call, at least 1.
    providers : sequence of str
        ONNX Runtime's execution providers, the preferred one first.

    Raises
    ------
    ModelError
        The file is missing, is no whole ONNX model, or has no batch axis.
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
        intra_op_threads: int = 1,
        providers: Sequence[str] = ("CPUExecutionProvider",),
    ) -> None:
        check_integer("intra_op_threads", intra_op_threads, at_least=1)
        _check_providers(providers)
        self._file = read_onnx_file(Path(path).absolute())
        self._cache = ConversionCache(
            Path(cache_dir).absolute() if cache_dir else default_cache_dir()
        )
        self._conversion = conversion
        self._session_settings = SessionSettings(intra_op_threads, tuple(providers))
        self._variants: dict[QuantizationType, OnnxVariant] = {}
        self._locks = {quantization: Lock() for quantization in QuantizationType}
        self._closed = False

    @property
    def path(self) -> Path:
        """The ONNX file."""
        return self._file.path

    @property
    def identity(self) -> str:
        """Name and content hash of the file; the same for equal files of one name."""
        return f"{self.path.name}@{self._file.sha256}"

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What one request gives: name, dtype and shape without the batch axis."""
        return self._file.inputs

    @property
    def output_names(self) -> tuple[str, ...]:
        """What one request gets."""
        return self._file.output_names

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
        variant = self._variants.get(quantization)
        if variant is not None:
            return variant
        with self._locks[quantization]:
            if self._closed:
                raise ModelError(
                    f"The model {self.path.name} is closed; open it again with OnnxModel(...)."
                )
            if quantization not in self._variants:
                self._variants[quantization] = self._open(quantization)
            return self._variants[quantization]

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
        """Judge every variant by its outputs on data.

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
                variant = self._variants.pop(quantization, None)
                if variant is not None:
                    variant.close()

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

    def _open(self, quantization: QuantizationType) -> OnnxVariant:
        if read_onnx_file(self.path).sha256 != self._file.sha256:
            raise ModelError(
                f"{self.path} has changed since it was opened; open it again with OnnxModel(...)."
            )
        identity = f"{self.identity}/{quantization.value}"
        path = self.path
        if quantization is not QuantizationType.FP32:
            key = conversion_key(self._file.sha256, quantization, self._conversion)
            identity += f"/{key}"
            path = self._cache.get(
                f"{self.path.stem}.{quantization.value}.{key}.onnx",
                lambda target: convert(self.path, target, quantization, self._conversion),
            )
        return OnnxVariant(self._file, quantization, path, identity, self._session_settings)

    def _status(self, quantization: QuantizationType) -> VariantStatus:
        try:
            variant = self.variant(quantization)
        except VariantError as error:
            return VariantStatus(quantization, available=False, reason=str(error))
        is_source = quantization is QuantizationType.FP32
        return VariantStatus(
            quantization,
            available=True,
            path=variant.path,
            file_bytes=self._file.size_bytes if is_source else variant.path.stat().st_size,
            providers=variant.providers,
        )


def _check_providers(providers: Sequence[str]) -> None:
    installed = onnxruntime.get_available_providers()
    unknown = [name for name in providers if name not in installed]
    if isinstance(providers, str) or not providers or unknown:
        raise SettingError(
            f"providers is {providers!r}; expected a sequence of the execution providers that "
            f"the installed ONNX Runtime has: {', '.join(installed)}."
        )
