"""Inputs that show a converter which values a model's activations take."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.runtimes.onnx_file import first_line
from codomyrmex_lab.runtimes.payloads import Encode, TensorSpec

__all__ = ["Calibration"]

_ITS_PLACE = re.compile(
    r"^Payload 0 of the batch(: )?"
)  # in the batch of one that it is encoded in


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
        if not hasattr(payloads, "__len__"):
            raise ModelError(
                f"The calibration data is a {type(payloads).__name__}; expected a sequence of "
                "payloads, such as a list."
            )
        if not len(payloads):
            raise ModelError("The calibration data is empty; expected at least one payload.")
        specs = {spec.name: spec for spec in inputs}
        self._batches = []
        for index, payload in enumerate(payloads):
            feeds = _feeds(index, payload, encode)
            refusal = _refusal(feeds, specs)
            if refusal:
                raise ModelError(f"Calibration data, payload {index}: {refusal}.")
            self._batches.append(feeds)

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
        feeds: Any = encode([payload])
    except ModelError as error:
        said = _ITS_PLACE.sub(lambda place: "" if place[1] else "it", str(error))
        raise ModelError(f"Calibration data, payload {index}: {said}") from error
    except Exception as error:  # it is the user's function: anything may go wrong
        raise ModelError(
            f"Calibration data, payload {index}: encode failed ({type(error).__name__}: "
            f"{first_line(error)})."
        ) from error
    if not isinstance(feeds, Mapping):
        raise ModelError(
            f"Calibration data, payload {index}: encode gives a {type(feeds).__name__}; expected a "
            "dict of input name to array."
        )
    return dict(feeds)


def _refusal(feeds: dict[str, Any], specs: Mapping[str, TensorSpec]) -> str:
    """Say what is wrong with one payload's inputs; empty where nothing is."""
    if set(feeds) != set(specs):
        return f"it gives the inputs {sorted(feeds)}; expected {sorted(specs)}"
    for name, spec in specs.items():
        array = feeds[name]
        if not isinstance(array, np.ndarray):
            return f"input {name!r} is a {type(array).__name__}; expected an array"
        if array.dtype != spec.dtype or array.shape[:1] != (1,) or not spec.fits(array.shape[1:]):
            return (
                f"input {name!r} is {array.dtype} of shape {array.shape}; expected a batch of one, "
                f"{spec}"
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return (
                f"input {name!r} holds NaN or infinity; expected finite numbers, from which a "
                "scale can be taken"
            )
    return ""
