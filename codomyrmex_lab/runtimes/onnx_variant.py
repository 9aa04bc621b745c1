"""One variant of a model, ready to run batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime

from codomyrmex_lab.errors import ModelError, VariantError
from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.runtimes.onnx_file import OnnxFile, first_line
from codomyrmex_lab.runtimes.payloads import split_outputs, stack_payloads

__all__ = ["OnnxVariant", "SessionSettings", "VariantStatus"]

_FATAL = 4  # the runtime raises its errors; it need not print them as well


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How ONNX Runtime runs a model.

    Parameters
    ----------
    intra_op_threads : int
        Threads within one model call. Workers share a session and run side by side, so that one
        thread each uses all cores.
    providers : tuple of str
        ONNX Runtime's execution providers, the preferred one first.
    """

    intra_op_threads: int = 1
    providers: tuple[str, ...] = ("CPUExecutionProvider",)


@dataclass(frozen=True, slots=True)
class VariantStatus:
    """Whether a variant can be used, and what it takes.

    Parameters
    ----------
    quantization : QuantizationType
        Which one.
    available : bool
        Whether it runs here.
    reason : str
        Why it is not available; empty where it is.
    path : pathlib.Path or None
        Its file.
    file_bytes : int or None
        Size on disk.
    providers : tuple of str
        ONNX Runtime's execution providers that run it, the preferred one first.
    """

    quantization: QuantizationType
    available: bool
    reason: str = ""
    path: Path | None = None
    file_bytes: int | None = None
    providers: tuple[str, ...] = ()


class OnnxVariant:
    """A batch function: one ONNX Runtime session, shared by all threads that call it.

    Parameters
    ----------
    source : OnnxFile
        The model's interface.
    quantization : QuantizationType
        Number format of this variant.
    path : pathlib.Path
        File of this variant.
    identity : str
        Names source, number format and conversion; equal identities give equal outputs.
    settings : SessionSettings
        How to run it.
    """

    def __init__(
        self,
        source: OnnxFile,
        quantization: QuantizationType,
        path: Path,
        identity: str,
        settings: SessionSettings,
    ) -> None:
        self.quantization = quantization
        self.path = path
        self.identity = identity
        self._inputs = source.inputs
        self._output_names = list(source.output_names)
        self._label = f"{source.path.name} ({quantization.name})"
        self._session: onnxruntime.InferenceSession | None = self._open(settings)
        self.providers: tuple[str, ...] = tuple(self._session.get_providers())

    def __call__(self, payloads: Sequence[Any]) -> list[Any]:
        """Run one batch.

        Parameters
        ----------
        payloads : sequence
            One array per request, without the batch axis; for a model of several inputs, one
            mapping of input name to array per request.

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
        session = self._session
        if session is None:
            raise ModelError(
                f"The model {self._label} is closed; open it again with OnnxModel(...)."
            )
        feeds = stack_payloads(self._inputs, payloads)
        try:
            outputs = session.run(self._output_names, feeds)
        except Exception as error:  # the runtime's errors share no other base
            raise ModelError(
                f"{self._label} failed on a batch of {len(payloads)}: {first_line(error)}."
            ) from error
        return split_outputs(self._output_names, outputs, len(payloads))

    def __repr__(self) -> str:
        return f"<OnnxVariant {self._label}>"

    def close(self) -> None:
        """Let go of the session; calls that are running still finish."""
        self._session = None

    def _open(self, settings: SessionSettings) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings.intra_op_threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _FATAL
        try:
            session = onnxruntime.InferenceSession(
                self.path, options, providers=list(settings.providers)
            )
        except Exception as error:  # the runtime's errors share no other base
            raise VariantError(
                f"{self._label} cannot be run by ONNX Runtime {onnxruntime.__version__} "
                f"from {self.path}: {first_line(error)}."
            ) from error
        if settings.providers[0] not in session.get_providers():
            raise VariantError(
                f"{self._label} would not run on {settings.providers[0]} but on "
                f"{', '.join(session.get_providers())}; check the driver, or name another provider."
            )
        return session
