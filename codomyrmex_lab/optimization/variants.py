"""The forms in which a model is given, and the batch function that a config chooses from it."""

from __future__ import annotations

import asyncio
import inspect
import threading
import warnings
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from codomyrmex_lab.errors import BatchDependenceWarning, SettingError
from codomyrmex_lab.optimization.models import (
    BatchFunction,
    OptimizationConfig,
    QuantizationType,
    SupportsVariants,
)

__all__ = ["Model", "Variant", "choose_variant", "warn_if_cache_keeps_batch_mates"]

Model = BatchFunction | Mapping[QuantizationType, BatchFunction] | SupportsVariants
"""What an engine runs: a batch function, one per variant, or an object that has variants."""


@dataclass(frozen=True, slots=True)
class Variant:
    """The batch function in force and its name, which is a part of every cache key."""

    name: str
    function: BatchFunction
    close: Callable[[], None] = lambda: None


def choose_variant(model: Model, quantization: QuantizationType) -> Variant:
    """Return the variant of a model that a config names.

    Parameters
    ----------
    model : Model
        A batch function (plain or ``async``), a mapping of them, or an object with ``variant()``.
    quantization : QuantizationType
        The variant asked for.

    Returns
    -------
    Variant
        An ``async`` function is wrapped so that it can be called from a worker thread.

    Raises
    ------
    SettingError
        The model is none of these, or has no such variant.
    """
    function = _function(model, quantization)
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004
    ):
        on_loop = _OnEventLoop(function)
        return Variant(quantization.value, on_loop, on_loop.close)
    return Variant(quantization.value, function)


def warn_if_cache_keeps_batch_mates(variant: Variant, config: OptimizationConfig) -> None:
    """Warn where the cache is to keep outputs that depend on what else was in their batch.

    A batch function says so of itself by an attribute ``depends_on_batch``.
    """
    if config.enable_caching and getattr(variant.function, "depends_on_batch", False):
        warnings.warn(
            f"Outputs of the {config.quantization.name} variant depend on what else is in their "
            "batch, and the cache keeps the first one of each input: switch enable_caching off, or "
            "use a variant that does not, such as FP16, or INT8 with calibration data.",
            BatchDependenceWarning,
            stacklevel=3,
        )


def _function(model: Model, quantization: QuantizationType) -> BatchFunction:
    if isinstance(model, Mapping):
        if quantization not in model:
            present = ", ".join(sorted(q.name for q in model)) or "none"
            raise SettingError(
                f"quantization is {quantization.name}, but the model was given for {present}; "
                "choose one of these, or add a function for it."
            )
        return model[quantization]
    if isinstance(model, SupportsVariants):
        return model.variant(quantization)
    if not callable(model):
        raise SettingError(
            f"The model is a {type(model).__name__}; expected a callable that maps a list of "
            "inputs to a list of outputs, a dict of them by QuantizationType, or an object with "
            "a variant() method."
        )
    if quantization is not QuantizationType.FP32:
        raise SettingError(
            f"quantization is {quantization.name}, but a plain callable has no quantized variants; "
            "use FP32, or give a dict of callables by QuantizationType, or an OnnxModel."
        )
    return model


class _OnEventLoop:
    """Runs an ``async`` batch function on one event loop, in a thread of its own.

    All its calls share the loop, so clients and connections that the function keeps stay valid.
    """

    def __init__(self, function: Callable[[list[Any]], Coroutine[Any, Any, Any]]) -> None:
        self._function = function
        self._lock = threading.Lock()
        self._host: _LoopThread | None = None

    def __call__(self, inputs: list[Any]) -> Any:
        with self._lock:
            host = self._host
            if host is None or not host.is_alive():  # it does not in a forked child
                host = self._host = _LoopThread()
                host.start()
            host.n_calls += 1
        try:
            return asyncio.run_coroutine_threadsafe(self._function(inputs), host.loop).result()
        finally:
            with self._lock:
                host.n_calls -= 1
                self._end_if_unused(host)

    def close(self) -> None:
        """End the event loop, after the calls that run on it; the next one begins a new loop."""
        with self._lock:
            host, self._host = self._host, None
            if host is not None:
                self._end_if_unused(host)

    def _end_if_unused(self, host: _LoopThread) -> None:
        if host is not self._host and not host.n_calls and host.is_alive():
            host.loop.call_soon_threadsafe(host.loop.stop)


class _LoopThread(threading.Thread):
    """An event loop and the number of calls that run on it."""

    def __init__(self) -> None:
        super().__init__(name="batch-event-loop", daemon=True)
        self.loop = asyncio.new_event_loop()
        self.n_calls = 0

    def run(self) -> None:
        """Run the loop until it is stopped."""
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()
