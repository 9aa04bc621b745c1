"""One variant of a model, ready to run batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime
from numpy.typing import NDArray

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.runtimes.onnx_file import OnnxFile, first_line
from codomyrmex_lab.runtimes.payloads import Encode, split_outputs
from codomyrmex_lab.runtimes.resident_size import resident_bytes
from codomyrmex_lab.runtimes.session import SessionSettings, open_session, runtime_reason

__all__ = ["OnnxVariant", "VariantFile"]


@dataclass(frozen=True, slots=True)
class VariantFile:
    """The file of a variant and how it came about.

    Parameters
    ----------
    quantization : QuantizationType
        Its number format.
    path : pathlib.Path
        The file.
    size_bytes : int
        Size on disk, external data included.
    identity : str
        Names source, number format and conversion; equal identities give equal outputs.
    method : str
        How it was converted.
    conversion_s : float
        Time that this took, in s; 0 where it was found.
    depends_on_batch : bool
        Whether an input's output depends on what else is in its batch.
    """

    quantization: QuantizationType
    path: Path
    size_bytes: int
    identity: str
    method: str = ""
    conversion_s: float = 0.0
    depends_on_batch: bool = False


class OnnxVariant:
    """A batch function: one ONNX Runtime session, shared by all threads that call it.

    Its session is freed once nobody holds the variant, or when it is closed.

    Parameters
    ----------
    source : OnnxFile
        The model's interface.
    file : VariantFile
        What to run.
    settings : SessionSettings
        How to run it.
    encode : callable
        Turns the payloads of a batch into the model's inputs.
    """

    def __init__(
        self, source: OnnxFile, file: VariantFile, settings: SessionSettings, encode: Encode
    ) -> None:
        self.file = file
        self._label = f"{source.path.name} ({file.quantization.name})"
        self._output_names = list(source.output_names)
        self._encode = encode
        self._settings = settings
        self._session: onnxruntime.InferenceSession | None = open_session(
            file.path, settings, self._label
        )
        self.providers: tuple[str, ...] = tuple(self._session.get_providers())

    @property
    def quantization(self) -> QuantizationType:
        """Number format."""
        return self.file.quantization

    @property
    def path(self) -> Path:
        """ONNX file that runs."""
        return self.file.path

    @property
    def identity(self) -> str:
        """Names source, number format and conversion; equal identities give equal outputs."""
        return self.file.identity

    @property
    def depends_on_batch(self) -> bool:
        """Whether an input's output depends on what else is in its batch."""
        return self.file.depends_on_batch

    @property
    def is_closed(self) -> bool:
        """Whether the session is gone."""
        return self._session is None

    def __call__(self, payloads: Sequence[Any]) -> list[Any]:
        """Run one batch.

        Parameters
        ----------
        payloads : sequence
            One payload per request. Without an ``encode`` of one's own these are arrays without
            the batch axis, or, for a model of several inputs, mappings of input name to array.

        Returns
        -------
        list
            Per request its output; for a model of several outputs, a dict by output name.
            The arrays are copies of their own and read-only, so that they can be cached and shared.

        Raises
        ------
        ModelError
            The batch is empty, a payload does not fit, the run fails, or the model is closed.
        """
        return self.run(self.encode(payloads), len(payloads))

    def encode(self, payloads: Sequence[Any]) -> Mapping[str, NDArray[Any]]:
        """Turn the payloads of a batch into the model's inputs; the first part of each call."""
        return self._encode(payloads)

    def run(self, feeds: Mapping[str, NDArray[Any]], n_requests: int) -> list[Any]:
        """Run a batch whose inputs are ready; see :meth:`__call__`."""
        session = self._session
        if session is None:
            raise ModelError(
                f"The model {self._label} is closed; open it again with OnnxModel(...)."
            )
        try:
            outputs = session.run(self._output_names, feeds)
        except Exception as error:  # the runtime's errors share no other base
            raise ModelError(
                f"{self._label} failed on a batch of {n_requests}: "
                f"{runtime_reason(first_line(error))}."
            ) from error
        return split_outputs(self._output_names, outputs, n_requests)

    def resident_bytes(self, payloads: Sequence[Any]) -> int | None:
        """Return the memory that a process of its own takes to open this variant and run a batch.

        See :func:`codomyrmex_lab.runtimes.resident_size.resident_bytes`.
        """
        return resident_bytes(self.path, self._settings, self.encode(payloads))

    def close(self) -> None:
        """Let go of the session; calls that are running still finish."""
        self._session = None

    def __repr__(self) -> str:
        return f"<OnnxVariant {self._label}>"
