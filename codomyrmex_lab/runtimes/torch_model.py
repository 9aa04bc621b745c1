"""A torch module as a model that comes in several number formats. Torch is not a dependency."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from codomyrmex_lab.errors import ModelError, VariantError
from codomyrmex_lab.optimization.models import QuantizationType, check_member
from codomyrmex_lab.runtimes.onnx_file import first_line
from codomyrmex_lab.runtimes.payloads import split_outputs
from codomyrmex_lab.runtimes.quality import quality_frame
from codomyrmex_lab.runtimes.variant_status import VariantStatus

__all__ = ["TorchModel", "TorchVariant"]


class TorchModel:
    """A ``torch.nn.Module`` in FP32, FP16 and INT8, run on the CPU.

    FP16 holds weights and computes in 16 bits (bfloat16 where the module does not run in float16).
    INT8 is torch's dynamic quantization of linear and recurrent layers. What torch cannot convert
    or run is listed as unavailable with its reason. The module given is not changed.

    Parameters
    ----------
    module : torch.nn.Module
        Maps a batch to its outputs, one tensor whose first axis is the batch.
    example : array or object
        One payload; each variant runs it once before it is offered.
    collate : callable, optional
        Turns a list of payloads into what the module takes; by default payloads are arrays and are
        stacked into one tensor. Floating-point tensors are converted to the variant's format.
    name : str
        What to call it in messages.

    Raises
    ------
    ModelError
        Torch is not installed, or ``module`` is no module.
    """

    def __init__(
        self,
        module: Any,
        example: Any,
        *,
        collate: Callable[[Sequence[Any]], Any] | None = None,
        name: str = "module",
    ) -> None:
        self._torch = _import_torch()
        if not isinstance(module, self._torch.nn.Module):
            raise ModelError(f"The model is a {type(module).__name__}; expected a torch.nn.Module.")
        self._module = copy.deepcopy(module).eval()
        self._example = example
        self._collate = collate or self._stack
        self._name = name
        self._variants: dict[QuantizationType, TorchVariant | str] = {}
        self._lock = Lock()

    def __call__(self, payloads: Sequence[Any]) -> list[Any]:
        """Run one batch on the FP32 variant."""
        return self.variant(QuantizationType.FP32)(payloads)

    def variant(self, quantization: QuantizationType) -> TorchVariant:
        """Return the batch function of one variant, converting the module first where needed.

        Raises
        ------
        VariantError
            Torch cannot convert or run it; the message says why.
        """
        check_member("quantization", quantization, QuantizationType)
        with self._lock:
            if quantization not in self._variants:
                self._variants[quantization] = self._converted(quantization)
            variant = self._variants[quantization]
        if isinstance(variant, str):
            raise VariantError(variant)
        return variant

    def variants(self) -> dict[QuantizationType, VariantStatus]:
        """Convert every variant, and tell which are available, and why others are not."""
        return {quantization: self._status(quantization) for quantization in QuantizationType}

    def quality(
        self,
        payloads: Sequence[Any],
        labels: ArrayLike | None = None,
        *,
        batch_size: int = 32,
    ) -> pd.DataFrame:
        """Judge every variant by its outputs on data; see :meth:`OnnxModel.quality`."""
        return quality_frame(self.variants(), self.variant, payloads, labels, batch_size=batch_size)

    def _converted(self, quantization: QuantizationType) -> TorchVariant | str:
        """Return the first way to this format that runs, or why none does."""
        if quantization is QuantizationType.INT4:
            return (
                f"{self._name} cannot be converted to INT4: torch has no 4-bit weights on the CPU; "
                "export the module to ONNX and use OnnxModel."
            )
        reason = ""
        for convert, method in self._ways(quantization):
            began_s = time.perf_counter()
            try:
                module, dtype = convert()
                took_s = time.perf_counter() - began_s
                variant = TorchVariant(module, dtype, self._collate, quantization, method, took_s)
                variant([self._example])
            except Exception as error:  # torch's errors share no other base
                reason = first_line(error)
            else:
                return variant
        return f"{self._name} cannot be run in {quantization.name} by torch: {reason}."

    def _ways(
        self, quantization: QuantizationType
    ) -> list[tuple[Callable[[], tuple[Any, Any]], str]]:
        torch = self._torch
        if quantization is QuantizationType.FP32:
            return [(lambda: (self._module, torch.float32), "")]
        if quantization is QuantizationType.INT8:
            return [(lambda: (self._dynamic_int8(), torch.float32), "dynamic, per tensor")]
        return [
            (lambda: (copy.deepcopy(self._module).half(), torch.float16), "float16"),
            (lambda: (copy.deepcopy(self._module).bfloat16(), torch.bfloat16), "bfloat16"),
        ]

    def _dynamic_int8(self) -> Any:
        layers = (self._torch.nn.Linear, self._torch.nn.LSTM, self._torch.nn.GRU)
        if not any(isinstance(layer, layers) for layer in self._module.modules()):
            raise VariantError("it has no linear or recurrent layer to store as int8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch announces that torchao is to take over
            return self._torch.ao.quantization.quantize_dynamic(self._module, set(layers))

    def _stack(self, payloads: Sequence[Any]) -> Any:
        try:
            return self._torch.from_numpy(np.stack(payloads))
        except (TypeError, ValueError) as error:
            raise ModelError(
                f"The payloads of a batch cannot be stacked ({first_line(error)}); expected arrays "
                "of one shape, or give collate=."
            ) from error

    def _status(self, quantization: QuantizationType) -> VariantStatus:
        try:
            variant = self.variant(quantization)
        except VariantError as error:
            return VariantStatus(quantization, available=False, reason=str(error))
        return VariantStatus(
            quantization,
            available=True,
            method=variant.method,
            conversion_s=variant.conversion_s,
            providers=("torch CPU",),
            intra_op_threads=self._torch.get_num_threads(),
            depends_on_batch=variant.depends_on_batch,
        )


class TorchVariant:
    """A batch function: one module, shared by all threads that call it.

    Parameters
    ----------
    module : torch.nn.Module
        What to run.
    dtype : torch.dtype
        Format of its floating-point inputs.
    collate : callable
        Turns a list of payloads into what the module takes.
    quantization : QuantizationType
        Number format.
    method : str
        How it was converted.
    conversion_s : float
        Time that this took, in s.
    """

    def __init__(
        self,
        module: Any,
        dtype: Any,
        collate: Callable[[Sequence[Any]], Any],
        quantization: QuantizationType,
        method: str,
        conversion_s: float,
    ) -> None:
        self._torch = _import_torch()
        self._module = module
        self._dtype = dtype
        self._collate = collate
        self.quantization = quantization
        self.method = method
        self.conversion_s = conversion_s
        # Torch takes the scale of activations over the whole batch.
        self.depends_on_batch = quantization is QuantizationType.INT8

    def __call__(self, payloads: Sequence[Any]) -> list[Any]:
        """Run one batch.

        Raises
        ------
        ModelError
            The batch is empty, a payload does not fit, or the run fails.
        """
        if not len(payloads):
            raise ModelError("The batch is empty; expected at least one payload.")
        batch = self._collate(payloads)
        try:
            with self._torch.inference_mode():
                outputs = self._module(self._converted(batch))
            numbers = (outputs.float() if outputs.is_floating_point() else outputs).numpy()
        except Exception as error:  # torch's errors share no other base
            raise ModelError(
                f"The module ({self.quantization.name}) failed on a batch of {len(payloads)}: "
                f"{first_line(error)}."
            ) from error
        return split_outputs(["output"], [numbers], len(payloads))

    def _converted(self, batch: Any) -> Any:
        is_tensor = isinstance(batch, self._torch.Tensor)
        return batch.to(self._dtype) if is_tensor and batch.is_floating_point() else batch


def _import_torch() -> Any:
    try:
        return import_module("torch")
    except ImportError as error:
        raise ModelError(
            "Torch is not installed, which a torch module needs; install it, or export the module "
            "to ONNX and use OnnxModel."
        ) from error
