"""Between requests and batches: check payloads, stack them, split what the model returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import ModelError

__all__ = ["Encode", "TensorSpec", "split_outputs", "stack_payloads"]

Encode = Callable[[Sequence[Any]], Mapping[str, NDArray[Any]]]
"""Turns the payloads of a batch into a model's inputs, the first axis of each the batch."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What one request gives to one input of a model.

    Parameters
    ----------
    name : str
        Name of the model's input.
    dtype : numpy.dtype
        Element type.
    shape : tuple of (int or None)
        Shape without the batch axis; None is an axis of any length.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        return f"a {self.dtype} array of shape {shape_text(self.shape)}"

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of this shape is one request's share."""
        return len(shape) == len(self.shape) and all(
            expected in (None, given) for expected, given in zip(self.shape, shape, strict=True)
        )

    def stack(self, payloads: Sequence[Any]) -> NDArray[Any]:
        """Check and stack one array per request along a new first axis."""
        dtype = self.dtype
        first_shape = payloads[0].shape if isinstance(payloads[0], np.ndarray) else None
        if first_shape is not None and not self.fits(first_shape):
            raise ModelError(self._refusal(0, payloads[0]))
        for index, payload in enumerate(payloads):
            if not isinstance(payload, np.ndarray) or payload.dtype != dtype:
                raise ModelError(self._refusal(index, payload))
            if payload.shape != first_shape:
                raise ModelError(self._shape_refusal(index, payload, payloads[0]))
        return np.array(payloads, dtype=dtype)

    def _refusal(self, index: int, payload: Any) -> str:
        if not isinstance(payload, np.ndarray):
            given = f"a {type(payload).__name__}, not an array; use numpy.asarray(...)"
        elif payload.dtype != self.dtype:
            given = f"{payload.dtype} of shape {payload.shape}; use .astype({self.dtype.name!r})"
        else:
            given = f"shape {payload.shape}"
        return f"Payload {index} of the batch: input {self.name!r} takes {self}, got {given}."

    def _shape_refusal(self, index: int, payload: NDArray[Any], first: NDArray[Any]) -> str:
        if not self.fits(payload.shape):
            return self._refusal(index, payload)
        return (
            f"Payload {index} of the batch: input {self.name!r} has shape {payload.shape}, but "
            f"payload 0 has {first.shape}; pad the payloads of a batch to one shape."
        )


def shape_text(shape: tuple[int | None, ...]) -> str:
    """Write a shape with ``any`` for the axes of any length."""
    axes = ["any" if length is None else str(length) for length in shape]
    return f"({axes[0]},)" if len(axes) == 1 else f"({', '.join(axes)})"


def stack_payloads(specs: Sequence[TensorSpec], payloads: Sequence[Any]) -> dict[str, NDArray[Any]]:
    """Turn the payloads of a batch into the model's inputs.

    Parameters
    ----------
    specs : sequence of TensorSpec
        The model's inputs.
    payloads : sequence
        One array per request, or, for a model of several inputs, one mapping of input name to
        array per request.

    Returns
    -------
    dict of str to numpy.ndarray
        One array per input, shape ``(n_requests, ...)``.

    Raises
    ------
    ModelError
        The batch is empty, or a payload does not fit.
    """
    if not len(payloads):
        raise ModelError("The batch is empty; expected at least one payload.")
    if len(specs) == 1:
        return {specs[0].name: specs[0].stack(payloads)}
    names = {spec.name for spec in specs}
    for index, payload in enumerate(payloads):
        if not isinstance(payload, Mapping) or set(payload) != names:
            given = sorted(payload) if isinstance(payload, Mapping) else type(payload).__name__
            raise ModelError(
                f"Payload {index} of the batch: expected a mapping with an array for each of the "
                f"inputs {sorted(names)}, got {given}."
            )
    return {spec.name: spec.stack([payload[spec.name] for payload in payloads]) for spec in specs}


def split_outputs(names: Sequence[str], outputs: Sequence[Any], n_requests: int) -> list[Any]:
    """Give each request its share of the model's outputs.

    Parameters
    ----------
    names : sequence of str
        Names of the model's outputs.
    outputs : sequence
        One array, or list, per output, with one element per request.
    n_requests : int
        Size of the batch.

    Returns
    -------
    list
        Per request the element of the only output, or a dict by output name.

    Raises
    ------
    ModelError
        An output does not have one element per request.
    """
    columns = [
        _split_output(name, output, n_requests) for name, output in zip(names, outputs, strict=True)
    ]
    if len(columns) == 1:
        return columns[0]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _split_output(name: str, output: Any, n_requests: int) -> list[Any]:
    shape = output.shape if isinstance(output, np.ndarray) else (len(output),)
    if shape[:1] != (n_requests,):
        raise ModelError(
            f"Output {name!r} has shape {shape} for a batch of {n_requests}; expected its first "
            "axis to be the batch."
        )
    if not isinstance(output, np.ndarray) or output.ndim == 1:
        return list(output)
    # A view would keep the whole batch alive for as long as a cache keeps one row, and one caller
    # could change what another one, or the cache, holds.
    rows = [row.copy() for row in output]
    for row in rows:
        row.setflags(write=False)
    return rows
