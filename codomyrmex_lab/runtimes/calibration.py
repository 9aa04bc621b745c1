"""Inputs that show a converter which values a model's activations take."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.runtimes.payloads import Encode, TensorSpec

__all__ = ["Calibration"]


class Calibration:
    """Payloads as model inputs, each a batch of its own, so that their lengths may differ.

    Parameters
    ----------
    payloads : sequence
        At least one, as the model takes them; a hundred or so, typical of the traffic.
    encode : callable
        Turns a list of payloads into the model's inputs.
    inputs : sequence of TensorSpec
        The model's inputs.

    Raises
    ------
    ModelError
        There are no payloads, or one does not fit or holds values that are not finite.
    """

    def __init__(
        self, payloads: Sequence[Any], encode: Encode, inputs: Sequence[TensorSpec]
    ) -> None:
        if not len(payloads):
            raise ModelError("The calibration data is empty; expected at least one payload.")
        self._batches = [_feeds(index, payload, encode) for index, payload in enumerate(payloads)]
        names = {spec.name for spec in inputs}
        for index, feeds in enumerate(self._batches):
            if set(feeds) != names:
                raise ModelError(
                    f"Calibration data, payload {index}: it gives the inputs {sorted(feeds)}; "
                    f"expected {sorted(names)}."
                )

    def __len__(self) -> int:
        return len(self._batches)

    def sha256(self) -> str:
        """Return a hash of all inputs; equal for equal data in the same order."""
        digest = hashlib.sha256()
        for feeds in self._batches:
            for name in sorted(feeds):
                array = feeds[name]
                digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def save(self, path: Path) -> Path:
        """Write an ``.npz`` file with one array ``<payload>/<input>`` each; return its path."""
        arrays = {
            f"{index}/{name}": array
            for index, feeds in enumerate(self._batches)
            for name, array in feeds.items()
        }
        np.savez(path, allow_pickle=False, **arrays)
        return path


def _feeds(index: int, payload: Any, encode: Encode) -> dict[str, NDArray[Any]]:
    try:
        feeds = dict(encode([payload]))
    except ModelError as error:
        said = str(error).removeprefix("Payload 0 of the batch: ")
        raise ModelError(f"Calibration data, payload {index}: {said}") from error
    for name, array in feeds.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ModelError(
                f"Calibration data, payload {index}: input {name!r} holds NaN or infinity; "
                "expected finite numbers, from which a scale can be taken."
            )
    return feeds
