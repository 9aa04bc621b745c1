"""The forms in which a model is given, and the batch function that a config chooses from it."""

from __future__ import annotations

import asyncio
import inspect
import threading
import warnings
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
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


LOOP_ANSWERS_WITHIN_S = 0.05
"""Time in which an event loop must show that it still runs after one of its calls took too long."""


@dataclass(frozen=True, slots=True)
class Variant:
    """The batch function in force and its name, which is a part of every cache key.

    ``give_up`` is told of a thread whose call is of no interest any more.
    """

    name: str
    function: BatchFunction
    close: Callable[[], None] = lambda: None
    give_up: Callable[[threading.Thread], None] = lambda thread: None


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
        return Variant(quantization.value, on_loop, on_loop.close, on_loop.give_up)
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

    All its calls share the loop, so clients and connections that the function keeps stay valid; a
    loop that a call blocks is left to it.
    """

    def __init__(self, function: Callable[[list[Any]], Coroutine[Any, Any, Any]]) -> None:
        self._function = function
        self._lock = threading.Lock()
        self._host: _LoopThread | None = None
        self._calls: dict[threading.Thread, tuple[Future[Any], _LoopThread]] = {}

    def __call__(self, inputs: list[Any]) -> Any:
        caller = threading.current_thread()
        with self._lock:
            host = self._running_host()
            host.n_calls += 1
            call = asyncio.run_coroutine_threadsafe(self._function(inputs), host.loop)
            self._calls[caller] = (call, host)
        try:
            return call.result()
        finally:
            call.cancel()  # where the caller was interrupted; else it is done
            with self._lock:
                self._calls.pop(caller, None)
                host.n_calls -= 1
                self._end_if_unused(host)

    def _running_host(self) -> _LoopThread:
        host = self._host
        if host is not None and host.is_alive() and host.runs():  # not so in a forked child
            return host
        fresh = self._host = _LoopThread()
        fresh.start()
        if host is not None:
            self._end_if_unused(host)
        return fresh

    def give_up(self, caller: threading.Thread) -> None:
        """Cancel a thread's call, and make sure that later ones do not wait for its loop."""
        with self._lock:
            if caller in self._calls:
                call, host = self._calls[caller]
                host.doubt()
                call.cancel()

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
        self._seen_running = threading.Event()
        self._seen_running.set()

    def run(self) -> None:
        """Run the loop until it is stopped; what was cancelled comes to its end first."""
        try:
            self.loop.run_forever()
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            if tasks:
                self.loop.run_until_complete(asyncio.wait(tasks))
        finally:
            self.loop.close()

    def doubt(self) -> None:
        """Let the loop show that it runs."""
        self._seen_running.clear()
        self.loop.call_soon_threadsafe(self._seen_running.set)

    def runs(self) -> bool:
        """Tell whether it did when last in doubt."""
        return self._seen_running.is_set() or self._seen_running.wait(LOOP_ANSWERS_WITHIN_S)
