"""What is known of a model's variants, whatever kind of model it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from codomyrmex_lab.errors import ModelError, SettingError
from codomyrmex_lab.optimization.models import BatchFunction, QuantizationType, SupportsVariants
from codomyrmex_lab.optimization.variants import Model, choose_variant

__all__ = ["ListsVariants", "ModelVariants", "VariantStatus"]


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
    method : str
        How it was converted, for example ``"static, per channel"``.
    path : pathlib.Path or None
        Its file.
    file_bytes : int or None
        Size on disk.
    conversion_s : float
        Time that its conversion took, in s; 0 where it was not converted but found.
    providers : tuple of str
        What runs it: ONNX Runtime's execution providers as the session names them, the preferred
        one first.
    intra_op_threads : int or None
        Threads within one model call.
    depends_on_batch : bool
        Whether an input's output depends on what else is in its batch.
    """

    quantization: QuantizationType
    available: bool
    reason: str = ""
    method: str = ""
    path: Path | None = None
    file_bytes: int | None = None
    conversion_s: float = 0.0
    providers: tuple[str, ...] = ()
    intra_op_threads: int | None = None
    depends_on_batch: bool = False


@runtime_checkable
class ListsVariants(SupportsVariants, Protocol):
    """A model that tells which of its variants are available."""

    def variants(self) -> dict[QuantizationType, VariantStatus]:
        """Return every variant with its state, and why others are not available."""
        ...


class ModelVariants:
    """The variants of any model that an engine takes, seen alike.

    Parameters
    ----------
    model : Model
        A batch function, several of them by ``QuantizationType``, or a model with variants.
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    def variant(self, quantization: QuantizationType) -> BatchFunction:
        """Return the batch function of one variant.

        Raises
        ------
        SettingError, VariantError
            The model does not have it.
        """
        return choose_variant(self._model, quantization).function

    def variants(self) -> dict[QuantizationType, VariantStatus]:
        """Return every variant with its state."""
        if isinstance(self._model, ListsVariants):
            return self._model.variants()
        return {quantization: self._status(quantization) for quantization in QuantizationType}

    def _status(self, quantization: QuantizationType) -> VariantStatus:
        try:
            function = self.variant(quantization)
        except (ModelError, SettingError) as error:
            return VariantStatus(quantization, available=False, reason=str(error))
        depends_on_batch = bool(getattr(function, "depends_on_batch", False))
        return VariantStatus(quantization, available=True, depends_on_batch=depends_on_batch)
